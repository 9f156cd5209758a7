//! Unit tests of `src/url.rs`.

use super::{redact_uri, userinfo};

#[test]
fn uris_lose_users_queries_and_fragments() {
    for (uri, expected) in [
        ("https://ada:pw@host/a/b?token=x#y", "https://host/a/b"),
        ("https://host?x", "https://host"),
        ("file:///etc/passwd", "file:///etc/passwd"),
        ("https://host/a@b", "https://host/a@b"),
        ("data:text/plain;base64,c2VjcmV0", "data:…"),
        ("DATA:x", "data:…"),
        ("mailto:ada:pw@host?x", "mailto:host"),
        ("urn:a:b?=q#f", "urn:a:b"),
        ("notes:a#f", "notes:a"),
        ("echo", "echo"),
        ("://", "://"),
        ("x://?", "x://"),
    ] {
        assert_eq!(redact_uri(uri), expected, "{uri}");
    }
}

#[test]
fn users_and_passwords_go_and_ports_and_paths_stay() {
    for (text, expected) in [
        ("amqp://a:hun@ter/2@mq x", "amqp://[secret]@mq x"),
        ("https:\\/\\/a:b@c", "https:\\/\\/[secret]@c"),
        (
            "to app:hunter2@tcp(db:3306)/a",
            "to [secret]@tcp(db:3306)/a",
        ),
        (
            "http://localhost:8080/users/bob@example.com",
            "http://localhost:8080/users/bob@example.com",
        ),
        ("https://example.com/a@b", "https://example.com/a@b"),
        ("http://[::1]:80/a@b", "http://[::1]:80/a@b"),
    ] {
        let got = userinfo(text, "[secret]");
        assert_eq!(got.as_deref().unwrap_or(text), expected);
    }
}
