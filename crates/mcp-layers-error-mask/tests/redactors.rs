//! What redactors find, what they leave, and what they cost.
#![allow(clippy::unwrap_used)]

use mcp_layers_error_mask::{Redactor, Scrub};
use proptest::prelude::*;

fn scrubbed(scrub: &Scrub, text: &str) -> String {
    let mut text = text.to_owned();
    scrub.scrub(&mut text);
    text
}

/// Forms in which credentials come. No one's: each is made of filler.
fn credentials() -> Vec<String> {
    let a = |count: usize| "aB3".repeat(count.div_ceil(3))[..count].to_owned();
    let hex = |count: usize| "0af3".repeat(count.div_ceil(4))[..count].to_owned();
    let upper = |count: usize| "QRS7".repeat(count.div_ceil(4))[..count].to_owned();
    vec![
        format!("AKIA{}", upper(16)),
        format!("ASIA{}", upper(16)),
        format!("AIza{}", a(35)),
        format!("ghp_{}", a(36)),
        format!("gho_{}", a(36)),
        format!("ghs_{}", a(36)),
        format!("github_pat_{}_{}", a(22), a(59)),
        format!("glpat-{}", a(20)),
        format!("xoxb-{}-{}", "1".repeat(12), a(24)),
        format!("xoxp-{}", a(24)),
        format!("xapp-1-{}", a(24)),
        format!(
            "https://hooks.slack.com/services/T{}/B{}/{}",
            upper(8),
            upper(8),
            a(24)
        ),
        format!("sk_live_{}", a(24)),
        format!("rk_test_{}", a(24)),
        format!("sk-proj-{}", a(40)),
        format!("sk-ant-api03-{}", a(40)),
        format!("ya29.{}", a(40)),
        format!("npm_{}", a(36)),
        format!("pypi-{}", a(40)),
        format!("hf_{}", a(34)),
        format!("SG.{}.{}", a(22), a(43)),
        format!("dop_v1_{}", hex(64)),
        format!("shpat_{}", hex(32)),
        format!("hvs.{}", a(24)),
        format!("{}:{}", "1".repeat(9), a(35)),
        format!("eyJ{}.eyJ{}.{}", a(20), a(40), a(43)),
    ]
}

#[test]
fn known_tokens_go_wherever_they_stand() {
    let scrub = Scrub::credentials();
    for token in credentials() {
        for text in [
            token.clone(),
            format!("refused: {token}."),
            format!("{{\"reason\":\"{token}\"}}"),
            format!("https://api.example.com/a?x={token}&y=1"),
            format!("größe\n{token}\nend"),
        ] {
            let after = scrubbed(&scrub, &text);
            let core = &token[token.len().saturating_sub(12)..];
            assert!(!after.contains(core), "{text} -> {after}");
        }
    }
}

#[test]
fn secrets_beside_a_name_go() {
    let scrub = Scrub::credentials();
    for (text, expected) in [
        ("db password=hunter2", "db password=[secret]"),
        (
            "PASSWORD = hunter2, user=app",
            "PASSWORD = [secret], user=app",
        ),
        ("password: hunter2", "password: [secret]"),
        ("passwd:hunter2;", "passwd:[secret];"),
        (
            r#"{"password": "hunt\"er2", "a": 1}"#,
            r#"{"password": "[secret]", "a": 1}"#,
        ),
        (
            r#"{\"password\": \"hunter2\", \"a\": 1}"#,
            r#"{\"password\": \"[secret]\", \"a\": 1}"#,
        ),
        ("{'api_key': 'hunter2'}", "{'api_key': '[secret]'}"),
        ("password='hunter2 without end", "password='[secret]"),
        ("DB_PASSWORD=hunter2\nA=b", "DB_PASSWORD=[secret]\nA=b"),
        ("dbPassword => hunter2", "dbPassword => [secret]"),
        ("password=hunter2,more; x", "password=[secret]; x"),
        (
            "aws_secret_access_key = hunter2/+",
            "aws_secret_access_key = [secret]",
        ),
        (
            "client_secret=hunter2&grant_type=x",
            "client_secret=[secret]&grant_type=x",
        ),
        (
            "https://a.example/?token=hunter2&b=1",
            "https://a.example/?token=[secret]&b=1",
        ),
        ("?sv=1&sig=hunter2%3D&se=2", "?sv=1&sig=[secret]&se=2"),
        ("Authorization: Bearer hunter2", "Authorization: [secret]"),
        (
            "authorization: Basic aHVudGVyMg==\r\nHost: a",
            "authorization: [secret]\nHost: a",
        ),
        ("Cookie: a=hunter2; b=hunter3", "Cookie: [secret]"),
        ("x-api-key: hunter2", "x-api-key: [secret]"),
        ("sent Bearer hunter2.x7 there", "sent Bearer [token] there"),
        (
            "Server=db;User Id=sa;Password=hunter2;Encrypt=no",
            "Server=db;User Id=sa;Password=[secret];Encrypt=no",
        ),
        (
            "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=hunter2==;E=x",
            "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=[secret];E=x",
        ),
        (
            "host=db password=hunter2 dbname=a",
            "host=db password=[secret] dbname=a",
        ),
        ("postgres://app:hunter2@db/a", "postgres://[secret]@db/a"),
        ("redis://:hunter2@db:6379/0", "redis://[secret]@db:6379/0"),
        ("amqp://a:hun@ter/2@mq", "amqp://[secret]@mq"),
        (
            "https://hunter2@github.com/a",
            "https://[secret]@github.com/a",
        ),
        ("pass\u{200b}word=hunter2", "password=[secret]"),
        ("pass\u{1b}[0mword=hunter2", "password=[secret]"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----\nend",
            "[key]\nend",
        ),
        ("-----BEGIN PRIVATE KEY-----\\nhunter2", "[key]"),
    ] {
        assert_eq!(scrubbed(&scrub, text), expected);
    }
}

#[test]
fn what_is_no_secret_stays() {
    let scrub = Scrub::credentials();
    for text in [
        "password must have at least 8 characters",
        "password: must have at least 8 characters",
        "the password is required",
        "Unexpected token: } at line 3",
        "max_tokens: 100, tokens=5",
        "passwordless: true",
        "\"token\": null",
        "basic authentication required",
        "Bearer authentication failed",
        "bypass=1",
        "missing field `text` at line 1 column 2",
        "no such file: /srv/data/report.txt",
        "https://example.com/a@b",
        "https://example.com/a?b=c#d",
        "user@example.com is unknown",
        "commit 3f786850e387550fdab836ed7e6dc881de23001b",
        "id 123e4567-e89b-12d3-a456-426614174000",
        "AKIA is a prefix, sk- too, eyJ also",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "Schlüssel größer als 10 µm 🦀",
        "12:30:45 1.5 a::b std::io::Error",
    ] {
        assert_eq!(scrubbed(&scrub, text), text);
    }
}

#[test]
fn internals_go_by_setting() {
    let scrub = Scrub::internals();
    for (text, expected) in [
        ("open /etc/app/key.pem: denied", "open [path]: denied"),
        ("at (/srv/größe/a.txt)", "at ([path])"),
        (
            "~/.ssh/id and C:\\Users\\a\\b.txt, \\\\host\\share\\x",
            "[path] and [path], [path]",
        ),
        ("src/db/pool.rs:42:7 failed", "[path] failed"),
        ("connect 10.0.0.7:5432 refused", "connect [address] refused"),
        (
            "from 192.168.0.0/16, not 999.1.1.1",
            "from [address], not 999.1.1.1",
        ),
        (
            "to [2001:db8::1]:443 and fe80::1%eth0.",
            "to [address] and [address].",
        ),
        (
            "db.prod.internal:5432, localhost:80",
            "[address], [address]",
        ),
        ("mac 00:1A:2b:3c:4d:5e", "mac [address]"),
        (
            "boom\nstack backtrace:\n   0: std::panicking::begin\n             at /rustc/a/lib.rs:1:2\n   1: app::run\n",
            "boom\n[stack trace]\n",
        ),
        (
            "Traceback (most recent call last):\n  File \"/a/b.py\", line 1, in <module>\n    x()\nValueError: bad",
            "[stack trace]\nValueError: bad",
        ),
        (
            "java.lang.Error: bad\n\tat a.b.C.run(C.java:1)\n\tat a.b.D.run(D.java:2)\n\t... 3 more",
            "java.lang.Error: bad\n[stack trace]",
        ),
        (
            "TypeError: x\n    at f (/a/b.js:1:2)\n    at async /a/c.js:3:4",
            "TypeError: x\n[stack trace]",
        ),
        (
            "panic: bad\n\ngoroutine 1 [running]:\nmain.main()\n\t/a/b.go:5 +0x1d",
            "panic: bad\n\n[stack trace]\nmain.main()\n[stack trace]",
        ),
    ] {
        assert_eq!(scrubbed(&scrub, text), expected);
    }
    for text in [
        "and/or tools/call https://example.com/a/b version 1.2",
        "12:30:45 a::b std::io::Error 1:2",
        "at noon\n  indented text\nend",
    ] {
        assert_eq!(scrubbed(&scrub, text), text);
    }
}

#[test]
fn redactors_of_ones_own() {
    let employee = Redactor::pattern("employee", r"\bE-[0-9]{6}\b").unwrap();
    let scrub = Scrub::none()
        .redactor(employee)
        .redactor(Redactor::emails());
    assert_eq!(
        scrubbed(&scrub, "E-123456 <a.b+c@mail.example.com>"),
        "[employee] <[email]>"
    );
    for wrong in ["(", "a*", r"\[x\]"] {
        let error = Redactor::pattern("x", wrong).unwrap_err().to_string();
        assert!(
            error.starts_with("pattern ") && error.contains("\"x\""),
            "{error}"
        );
    }
    let huge = "a{1000}{1000}{1000}";
    assert!(Redactor::pattern("x", huge).is_err());
}

/// Pieces of which texts are made that redactors look at twice.
fn pieces() -> impl Strategy<Value = String> {
    let fixed = [
        "password",
        "token",
        "\"",
        "'",
        "\\",
        "=",
        ":",
        " ",
        "\n",
        "/",
        "//",
        "://",
        "@",
        "a",
        "1",
        ".",
        ",",
        ";",
        "[",
        "]",
        "-",
        "_",
        "::",
        "10.0.0.1",
        "eyJaaaaaa",
        "ghp_aaaaaaaaaaaaaaaaaaaa",
        "AKIAQRSTQRSTQRSTQRST",
        "Bearer ",
        "Basic ",
        "http",
        "Authorization",
        "Cookie",
        "at x:1",
        "File \"a\", line 1",
        "  ",
        "\t",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "localhost",
        ".internal",
        "C:\\",
        "~/a",
        "é",
        "[secret]",
        "[token]",
        "sk-",
        "key",
        "xoxb-",
    ];
    let piece = prop_oneof![
        4 => proptest::sample::select(fixed.to_vec()).prop_map(str::to_owned),
        1 => "[ -~]{0,6}",
    ];
    proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_second_time_changes_nothing(text in pieces()) {
        for scrub in [Scrub::credentials(), Scrub::internals().redactor(Redactor::emails())] {
            let once = scrubbed(&scrub, &text);
            prop_assert_eq!(scrubbed(&scrub, &once), once, "{:?}", text);
        }
    }

    #[test]
    fn a_password_goes_whatever_is_around_it(before in pieces(), after in "[ ;&\n][ -~]{0,9}") {
        let text = format!("{before} password=Hunter2Hunter{after}");
        let scrub = Scrub::internals();
        prop_assert!(!scrubbed(&scrub, &text).contains("Hunter2Hunter"), "{:?}", text);
    }
}

/// Time is not measured in a test; that work is in proportion shows by an input that would take
/// minutes if it were not.
#[test]
fn long_texts_of_every_piece_end() {
    let scrub = Scrub::internals().redactor(Redactor::emails());
    for piece in [
        "a",
        "/",
        "/a",
        ":",
        "::",
        "\"",
        "\\",
        "password=",
        "password=\"",
        "password=\\\"",
        "eyJ",
        "eyJaaaaa.",
        "http://",
        "http://a@",
        "http://a:",
        "@",
        "at x(\n",
        "  File \"",
        "\u{1b}[",
        "\u{1b}]",
        "-----BEGIN PRIVATE KEY-----",
        "bearer ",
        "1.",
        "10.0.0.1",
        "a.",
        "a-",
        "[",
        "C:\\",
        "Cookie: ",
        "token",
        ".internal",
        "sk-",
        "a@a",
        "a@a.",
        "0-",
        "\u{200b}a",
    ] {
        let _ = scrubbed(&scrub, &piece.repeat((64 << 10) / piece.len()));
    }
}

/// The sequence takes the first letter of the name with it, when it is taken out.
#[test]
fn a_terminal_sequence_hides_no_secret() {
    for text in [
        "\u{1b}[ password=Hunter2",
        "\u{1b}[-3 password=Hunter2",
        "pass\u{200b}word=Hunter2",
    ] {
        let mut text = text.to_owned();
        assert!(Scrub::credentials().scrub(&mut text));
        assert!(!text.contains("Hunter2"), "{text:?}");
    }
}
