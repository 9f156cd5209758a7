//! Heads of requests that two servers may read differently.

use http::{HeaderMap, header};

use super::owner::SESSION_ID;

/// The header of the protocol version.
pub(super) const PROTOCOL_VERSION: &str = "mcp-protocol-version";

/// The header of a client that resumes a stream.
pub(super) const LAST_EVENT_ID: &str = "last-event-id";

/// Returns true if every header that the layers read occurs once at most.
pub(super) fn is_unambiguous(headers: &HeaderMap) -> bool {
    let names = [SESSION_ID, PROTOCOL_VERSION, LAST_EVENT_ID];
    let mut counts = names
        .map(|name| headers.get_all(name).iter().count())
        .into_iter();
    counts.all(|count| count <= 1)
}

/// Returns true if the body is what its bytes are: not encoded, and in UTF-8.
pub(super) fn is_plain(headers: &HeaderMap) -> bool {
    let texts = |name| {
        let values = headers.get_all(name).iter();
        values
            .map(|value| value.to_str().unwrap_or("?"))
            .collect::<Vec<_>>()
    };
    let encoded = texts(header::CONTENT_ENCODING)
        .iter()
        .any(|coding| !coding.trim().eq_ignore_ascii_case("identity"));
    let kinds = texts(header::CONTENT_TYPE);
    let in_utf8 = kinds.iter().all(|kind| {
        let parameters = kind.split(';').skip(1);
        parameters.map(str::trim).all(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = value.trim().trim_matches('"');
            !name.trim().eq_ignore_ascii_case("charset")
                || value.eq_ignore_ascii_case("utf-8")
                || value.eq_ignore_ascii_case("utf8")
        })
    });
    !encoded && kinds.len() <= 1 && in_utf8
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn with(pairs: &[(header::HeaderName, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_static(value));
        }
        is_plain(&headers)
    }

    #[test]
    fn bodies_in_another_encoding_are_not_plain() {
        use header::{CONTENT_ENCODING as CODING, CONTENT_TYPE as TYPE};
        assert!(with(&[]));
        assert!(with(&[(TYPE, "application/json"), (CODING, "identity")]));
        assert!(with(&[(TYPE, "application/json; Charset=\"UTF-8\"; x=y")]));
        // Servers exist that read UTF-7, in which ASCII text holds quotation marks.
        assert!(!with(&[(TYPE, "application/json; charset=utf-7")]));
        assert!(!with(&[(TYPE, "application/json;a=b; CHARSET = utf-16")]));
        assert!(!with(&[
            (TYPE, "application/json"),
            (TYPE, "application/json")
        ]));
        assert!(!with(&[(CODING, "gzip")]));
        assert!(!with(&[(CODING, "identity, br")]));
    }
}
