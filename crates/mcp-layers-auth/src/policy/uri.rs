//! Whether a uri is written as everybody would write it.

/// Whether a prefix of the uri says what the uri is about.
///
/// A server may take `file:///a/../b`, `file:///a//b` or `file:///%61` for something else than it
/// begins with. So a pattern matches only uris in the normal form of RFC 3986, section 6.2.2; and
/// not those whose meaning after decoding would depend on who decodes: encoded slashes,
/// backslashes and dots.
pub(super) fn is_normal(uri: &str) -> bool {
    let Some((scheme, rest)) = split_scheme(uri) else {
        return false;
    };
    if scheme.bytes().any(|byte| byte.is_ascii_uppercase()) || !has_plain_bytes(rest) {
        return false;
    }
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let path = match rest.strip_prefix("//") {
        Some(rest) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host_matters = matches!(scheme, "http" | "https" | "file" | "ws" | "wss");
            if host_matters && authority.bytes().any(|byte| byte.is_ascii_uppercase()) {
                return false;
            }
            // An authority such as `..` is a segment to whoever reads the rest as a path.
            if authority == "." || authority == ".." {
                return false;
            }
            path
        }
        None => rest,
    };
    !path.contains("//") && path.split('/').all(|part| part != "." && part != "..")
}

/// The scheme (RFC 3986, section 3.1) and what follows its colon.
pub(super) fn split_scheme(uri: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = uri.split_once(':')?;
    let mut bytes = scheme.bytes();
    let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic());
    let others = bytes.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    (first && others).then_some((scheme, rest))
}

/// No control characters, spaces and backslashes; percent signs only before what needs them.
fn has_plain_bytes(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().all(|(index, byte)| match byte {
        0..=b' ' | 0x7F | b'\\' => false,
        b'%' => match bytes.get(index + 1..index + 3) {
            Some(digits) => is_needed_escape(digits),
            None => false,
        },
        _ => true,
    })
}

fn is_needed_escape(digits: &[u8]) -> bool {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    };
    let (Some(high), Some(low)) = (value(digits[0]), value(digits[1])) else {
        return false;
    };
    let byte = high * 16 + low;
    let unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    byte >= b' ' && !unreserved && !matches!(byte, b'/' | b'\\' | b'%' | 0x7F)
}

#[cfg(test)]
mod tests {
    use super::is_normal;

    #[test]
    fn what_a_server_could_read_otherwise_is_not_normal() {
        for uri in [
            "file:///a/../b",
            "file:///a/./b",
            "file:///..",
            "file:///a//b",
            "file://///a",
            "file:///%61",
            "file:///a/%2e%2e/b",
            "file:///a/%2E%2E/b",
            "file:///a%2Fb",
            "file:///a%2fb",
            "file:///a%5Cb",
            "file:///a\\b",
            "file:///a%00",
            "file:///a%252e",
            "file:///a%",
            "file:///a%2",
            "file:///a b",
            "FILE:///a",
            "File:///a",
            "https://Example.com/a",
            "test://../a",
            "../a",
            "/a",
            "",
            ":a",
            "1a:b",
        ] {
            assert!(!is_normal(uri), "{uri:?}");
        }
        for uri in [
            "file:///a/b.txt",
            "file:///a/...",
            "file:///a/",
            "file:///a?x=../..//",
            "test://item/7",
            "test://item/{id}",
            "test://Public",
            "urn:isbn:1",
            "https://example.com/%C3%A4%20b",
        ] {
            assert!(is_normal(uri), "{uri:?}");
        }
    }
}
