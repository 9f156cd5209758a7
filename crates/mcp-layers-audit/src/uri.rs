//! The part of a uri that may be recorded.

use std::borrow::Cow;

/// A uri without user, password, query and fragment, in which callers put secrets. A text without a
/// scheme is no uri, and stays.
pub(crate) fn scrub(text: &str) -> Cow<'_, str> {
    let Some((scheme, _)) = text.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) else {
        return Cow::Borrowed(text);
    };
    if scheme.eq_ignore_ascii_case("data") {
        return Cow::Borrowed("data:…");
    }
    scrub_reference(text, scheme.len() + 1)
}

/// The same for what is always a uri, or a reference relative to one.
pub(crate) fn scrub_uri(uri: &str) -> Cow<'_, str> {
    match scrub(uri) {
        Cow::Borrowed(same) if same == uri => scrub_reference(uri, 0),
        scrubbed => scrubbed,
    }
}

/// Cuts query and fragment, and the user of the authority. That follows the first `//`; where there
/// is none, whatever follows the scheme counts as one, as in `mailto:ada@host`.
fn scrub_reference(uri: &str, after_scheme: usize) -> Cow<'_, str> {
    let end = uri.find(['?', '#']).unwrap_or(uri.len());
    let kept = uri.get(..end).unwrap_or_default();
    let authority = kept.find("//").map_or(after_scheme, |slashes| slashes + 2);
    let rest = kept.get(authority..).unwrap_or_default();
    let host = rest.split('/').next().unwrap_or_default();
    match host.rfind('@') {
        None => Cow::Borrowed(kept),
        Some(at) => {
            let before = kept.get(..authority).unwrap_or_default();
            let after = rest.get(at + 1..).unwrap_or_default();
            Cow::Owned(format!("{before}{after}"))
        }
    }
}

/// RFC 3986, section 3.1.
fn is_scheme(text: &str) -> bool {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(part)
}

#[cfg(test)]
mod tests {
    use super::{scrub, scrub_uri};

    #[test]
    fn uris_lose_users_queries_and_fragments() {
        for (uri, expected) in [
            ("https://ada:pw@host/a/b?token=x#y", "https://host/a/b"),
            ("https://host?x", "https://host"),
            ("file:///etc/passwd", "file:///etc/passwd"),
            ("https://host/a@b", "https://host/a@b"),
            ("data:text/plain;base64,c2VjcmV0", "data:…"),
            ("mailto:ada@host?body=secret", "mailto:host"),
            ("db:ada:pw@host/table?token=x", "db:host/table"),
            ("jdbc:postgresql://ada:pw@host/db?password=x", "jdbc:postgresql://host/db"),
            ("urn:isbn:1#page", "urn:isbn:1"),
            ("https:\\\\ada:pw@host/a", "https:host/a"),
            ("echo", "echo"),
            ("a tool: why? #1", "a tool: why? #1"),
            ("x://?", "x://"),
        ] {
            assert_eq!(scrub(uri), expected, "{uri}");
        }
        assert_eq!(scrub_uri("/notes?token=x"), "/notes");
        assert_eq!(scrub_uri("//ada:pw@host/notes#x"), "//host/notes");
        assert_eq!(scrub_uri("notes/1"), "notes/1");
    }
}
