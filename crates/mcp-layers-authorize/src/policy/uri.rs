//! Spellings of uris: which of them a server could read as another uri.

use std::net::{Ipv4Addr, Ipv6Addr};

/// True if the uri is written in the one form that everybody reads alike, so that its beginning says
/// what it is about.
///
/// A server may take `file:///a/../b`, `file:///a//b`, `file:///%61` or `https://a:443/` for another
/// uri than its text says. So a uri is normal in the form of RFC 3986, sections 6.2.2 and 6.2.3 alone;
/// without a fragment, which names a part of the resource; and without escapes whose meaning depends on
/// the reader (slashes, backslashes, dots, percent signs, `?`, `#`).
pub(super) fn is_normal(uri: &str) -> bool {
    let Some((scheme, rest)) = split_scheme(uri) else {
        return false;
    };
    if scheme.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return false;
    }
    let path_and_query = match rest.strip_prefix("//") {
        Some(rest) => {
            let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let (authority, rest) = rest.split_at(at);
            if !is_normal_authority(scheme, authority, rest) {
                return false;
            }
            rest
        }
        // `file:/a` and `https:a.example` are read as `file:///a` and `https://a.example/`.
        None if scheme == "file" || default_port(scheme).is_some() => return false,
        None => rest,
    };
    if !has_normal_bytes(path_and_query) {
        return false;
    }
    let path = path_and_query.split('?').next().unwrap_or_default();
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

/// Normal uris that many handlers read like this one: without its query, without slashes, dots and
/// spaces at the end of its path, with its authority in lower case.
pub(super) fn look_alikes(uri: &str) -> [String; 4] {
    let path = uri.split('?').next().unwrap_or_default();
    // In a template the query begins with `{?`.
    let path = path.strip_suffix('{').unwrap_or(path);
    let mut trimmed = path;
    while let Some(shorter) = ["/", ".", "%20"]
        .iter()
        .find_map(|end| trimmed.strip_suffix(end))
    {
        trimmed = shorter;
    }
    let lower = |uri: &str| match uri.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            format!("{scheme}://{}{rest}", authority.to_ascii_lowercase())
        }
        None => uri.to_owned(),
    };
    [
        path.to_owned(),
        trimmed.to_owned(),
        lower(path),
        lower(trimmed),
    ]
}

fn is_normal_authority(scheme: &str, authority: &str, rest: &str) -> bool {
    if scheme == "file" {
        // Many handlers read the path alone, whatever the host.
        return authority.is_empty();
    }
    let Some(default_port) = default_port(scheme) else {
        // An authority such as `..` is a segment to whoever reads the rest as a path.
        return authority != "." && authority != ".." && has_normal_bytes(authority);
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_normal_port = port.is_none_or(|port| {
        port.parse::<u16>()
            .is_ok_and(|number| number != default_port && number.to_string() == port)
    });
    // An empty path is `/`.
    is_normal_port && is_normal_host(host) && rest.starts_with('/')
}

fn is_normal_host(host: &str) -> bool {
    if let Some(address) = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return address
            .parse::<Ipv6Addr>()
            .is_ok_and(|parsed| parsed.to_string() == address);
    }
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
    let last = host.rsplit('.').next().unwrap_or_default();
    // `127.1` and `0x7f.1` are addresses too.
    let is_number = last.starts_with(|first: char| first.is_ascii_digit());
    host.bytes().all(allowed)
        && host.split('.').all(|label| !label.is_empty())
        && (!is_number || host.parse::<Ipv4Addr>().is_ok())
}

fn default_port(scheme: &str) -> Option<u16> {
    Some(match scheme {
        "http" | "ws" => 80,
        "https" | "wss" => 443,
        "ftp" => 21,
        _ => return None,
    })
}

/// Printable ASCII without what has to be escaped; escapes in upper case, and only of what has to be.
/// Braces may stand as they are, because they do in templates.
fn has_normal_bytes(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().all(|(index, byte)| match byte {
        b'%' => bytes
            .get(index + 1..index + 3)
            .is_some_and(is_needed_escape),
        b'#' | b'\\' => false,
        b'{' | b'}' => true,
        byte => byte.is_ascii_graphic() && !needs_escape(*byte),
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
    needs_escape(high * 16 + low)
}

/// The bytes that cannot appear in a uri unescaped (RFC 3986, section 2), except control characters.
fn needs_escape(byte: u8) -> bool {
    byte >= 0x80 || b" \"<>[]^`|".contains(&byte)
}
