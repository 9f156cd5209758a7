//! Users and passwords in URLs, and URIs as they may be recorded.

use std::borrow::Cow;

use crate::{
    edits::Edits,
    scan::{run, run_back, until},
    work::visited,
};

/// Replaces the user and the password of every URL by the label: `postgres://[secret]@db/app`.
pub(crate) fn userinfo(text: &str, label: &str) -> Option<String> {
    let mut edits = Edits::new(text);
    let mut from = 0;
    // The run of characters without blanks and quotes, and the last `@` in it.
    let (mut run_end, mut last_at) = (0, None);
    while let Some(found) = text[from..].find(['/', '@']).map(|found| from + found) {
        let rest = &text[found..];
        from = found + 1;
        let slashes = ["//", "/\\/"]
            .iter()
            .find(|slashes| rest.starts_with(**slashes));
        let Some(slashes) = slashes.filter(|_| text[..found].trim_end_matches('\\').ends_with(':'))
        else {
            if let Some(start) = data_source(text, found) {
                edits.replace(start, found, label);
            }
            continue;
        };
        let start = found + slashes.len();
        from = start;
        if start >= run_end {
            let over = |c: char| c.is_whitespace() || "\"'<>`".contains(c);
            run_end = start + until(&text[start..], over);
            visited(run_end - start);
            last_at = text[start..run_end].rfind('@').map(|at| start + at);
        }
        let Some(last) = last_at.filter(|at| *at > start) else {
            continue;
        };
        let head = &text[start..run_end];
        let head = &head[..until(head, |c| "/?#\\".contains(c))];
        visited(head.len());
        let password = head.split_once(':').map(|(_, password)| password);
        let end = match (head.rfind('@'), password) {
            (Some(at), None) => start + at,
            // A password may hold what a URL would have escaped.
            (Some(_), Some(_)) => last,
            (None, Some(port))
                if !head.starts_with('[') && port.bytes().any(|byte| !byte.is_ascii_digit()) =>
            {
                last
            }
            (None, _) => continue,
        };
        if text[start..end] != *label {
            edits.replace(start, end, label);
        }
        from = end;
    }
    edits.finish()
}

/// Returns where `user:password` begins before `@tcp(`, as the drivers of Go write it.
fn data_source(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at..];
    ["@tcp(", "@unix(", "@udp("]
        .iter()
        .find(|network| rest.starts_with(**network))?;
    let is_part =
        |byte: u8| !byte.is_ascii_whitespace() && !b"\"'`<>=/@".contains(&byte) && byte.is_ascii();
    let length = run_back(&text[..at], 256, is_part);
    text[at - length..at].contains(':').then_some(at - length)
}

/// Returns a URI without user, password, query and fragment, which callers put secrets into. Of a
/// `data:` URI only the scheme is left. Text that is no URI, such as the name of a tool, is
/// returned as it is.
///
/// ```
/// use mcp_layers_redact::redact_uri;
///
/// assert_eq!(redact_uri("https://ada:pw@host/a?token=x#y"), "https://host/a");
/// assert_eq!(redact_uri("mailto:ada@example.com?body=x"), "mailto:example.com");
/// assert_eq!(redact_uri("search"), "search");
/// ```
#[must_use]
pub fn redact_uri(uri: &str) -> Cow<'_, str> {
    // Most targets are names, in which there is no colon.
    let Some((scheme, _)) = uri.split_once(':') else {
        return Cow::Borrowed(uri);
    };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !is_scheme {
        return Cow::Borrowed(uri);
    }
    if scheme.eq_ignore_ascii_case("data") {
        return Cow::Borrowed("data:…");
    }
    let body = scheme.len() + 1;
    let slashes = run(&uri[body..], 2, |byte| byte == b'/');
    let start = body + slashes;
    let end = start + until(&uri[start..], |c| matches!(c, '?' | '#'));
    let rest = &uri[start..end];
    // With two slashes there is an authority (RFC 3986, section 3.2); without them, all of the path
    // may hold a user.
    let authority = match slashes {
        2 => rest.split('/').next().unwrap_or_default(),
        1 => "",
        _ => rest,
    };
    match authority.rfind('@') {
        Some(at) => Cow::Owned(format!("{}{}", &uri[..start], &rest[at + 1..])),
        None => Cow::Borrowed(&uri[..end]),
    }
}

#[cfg(test)]
#[path = "../tests/unit/url.rs"]
mod tests;
