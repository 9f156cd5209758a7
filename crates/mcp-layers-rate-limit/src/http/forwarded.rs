//! Reading `X-Forwarded-For`.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU8,
};

use http::HeaderMap;

/// The address that is so many entries from the right of `X-Forwarded-For`: what the outermost of
/// one's own proxies saw. Several headers count as one list (RFC 9110, section 5.3). `None` when
/// there are not as many entries, or it is no address.
///
/// ```
/// use http::HeaderMap;
/// use mcp_layers_rate_limit::forwarded_address;
/// use std::num::NonZeroU8;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("x-forwarded-for", "10.0.0.1, 192.0.2.7:4711".parse().unwrap());
/// let address = forwarded_address(&headers, NonZeroU8::MIN);
/// assert_eq!(address, Some([192, 0, 2, 7].into()));
/// ```
#[must_use]
pub fn forwarded_address(headers: &HeaderMap, trusted_hops: NonZeroU8) -> Option<IpAddr> {
    let values = headers.get_all("x-forwarded-for").iter().rev();
    let mut entries = values.flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
    let entry = entries.nth(usize::from(trusted_hops.get()) - 1)?;
    parse(str::from_utf8(entry).ok()?.trim())
}

/// An address, perhaps with a port, perhaps in quotes or brackets.
fn parse(entry: &str) -> Option<IpAddr> {
    let quoted = entry
        .strip_prefix('"')
        .and_then(|entry| entry.strip_suffix('"'));
    let entry = quoted.unwrap_or(entry);
    let bracketed = entry
        .strip_prefix('[')
        .and_then(|entry| entry.strip_suffix(']'));
    let address = bracketed.unwrap_or(entry).parse::<IpAddr>();
    let with_port = || entry.parse().map(|socket: SocketAddr| socket.ip());
    address
        .or_else(|_| with_port())
        .ok()
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::{forwarded_address, parse};
    use http::{HeaderMap, HeaderValue};
    use std::num::NonZeroU8;

    #[test]
    fn every_form_of_an_address_is_read_and_nothing_else() {
        for (entry, address) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:80", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("\"[2001:db8::1]:80\"", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(parse(entry), Some(address.parse().unwrap()), "{entry}");
        }
        for entry in [
            "",
            "unknown",
            "_hidden",
            "192.0.2.1.",
            "[::1",
            "::1]",
            "\"",
            "1",
        ] {
            assert_eq!(parse(entry), None, "{entry}");
        }
    }

    #[test]
    fn several_headers_are_one_list() {
        let mut headers = HeaderMap::new();
        for value in ["192.0.2.1, 192.0.2.2", "192.0.2.3", "\u{fe}, 192.0.2.4"] {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append("x-forwarded-for", value);
        }
        let at = |hops| forwarded_address(&headers, NonZeroU8::new(hops).unwrap());
        assert_eq!(at(1), Some([192, 0, 2, 4].into()));
        assert_eq!(at(2), None);
        assert_eq!(at(3), Some([192, 0, 2, 3].into()));
        assert_eq!(at(5), Some([192, 0, 2, 1].into()));
        assert_eq!(at(6), None);
    }
}
