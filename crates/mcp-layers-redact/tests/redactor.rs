//! The rules that are added to a redactor, and what it returns.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;

use mcp_layers_redact::Redactor;
use serde_json::json;

#[test]
fn text_without_a_finding_is_borrowed() {
    for text in ["a plain sentence", r#"{"a": 1}"#, "❤️"] {
        assert!(
            matches!(Redactor::internals().redact(text), Cow::Borrowed(_)),
            "{text}"
        );
    }
    assert!(matches!(
        Redactor::none().redact("password=hunter2"),
        Cow::Borrowed("password=hunter2")
    ));
}

#[test]
fn internals_go_by_setting() {
    let redactor = Redactor::internals();
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
        assert_eq!(redactor.redact(text), expected);
    }
    for text in [
        "and/or tools/call https://example.com/a/b version 1.2",
        "12:30:45 a::b std::io::Error 1:2",
        "at noon\n  indented text\nend",
    ] {
        assert_eq!(redactor.redact(text), text);
    }
}

#[test]
fn own_patterns_and_functions_are_rules_too() {
    let redactor = Redactor::none()
        .pattern("employee", r"\bE-[0-9]{6}\b")
        .unwrap()
        .emails();
    assert_eq!(
        redactor.redact("E-123456 <a.b+c@mail.example.com>"),
        "[employee] <[email]>"
    );
    let redactor = Redactor::none().custom("names", |text| {
        text.contains("Ada").then(|| text.replace("Ada", "[name]"))
    });
    assert_eq!(redactor.redact("for Ada"), "for [name]");
    for wrong in ["(", "a*", r"\[x\]", "a{1000}{1000}{1000}"] {
        let error = Redactor::none()
            .pattern("x", wrong)
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("pattern ") && error.contains("\"x\""),
            "{error}"
        );
    }
}

#[test]
fn one_label_can_stand_for_all_credentials() {
    let redactor = Redactor::credentials().label("[redacted]");
    let text = "password=hunter2 ghp_aaaaaaaaaaaaaaaaaaaa AKIAQRSTQRSTQRSTQRST";
    assert_eq!(
        redactor.redact(text),
        "password=[redacted] [redacted] [redacted]"
    );
    let redactor = Redactor::credentials().label("<gone>");
    let once = redactor
        .redact("password=hunter2 token=\"x1\"")
        .into_owned();
    assert_eq!(redactor.redact(&once), once);
}

#[test]
fn json_keeps_its_types_and_its_form() {
    let mut value = json!({
        "db": { "password": "hunter2", "port": 5432 },
        "pin": 1234,
        "credentials": { "user": "app", "age": 3, "active": true, "none": null },
        "errors": { "password": ["Too short"] },
        "env": [{ "name": "API_KEY", "value": "hunter2" }, { "name": "REGION", "value": "eu" }],
        "ghp_aaaaaaaaaaaaaaaaaaaa": "x",
        "log": "password=hunter2",
    });
    assert!(Redactor::credentials().redact_json(&mut value));
    assert_eq!(
        value,
        json!({
            "db": { "password": "[secret]", "port": 5432 },
            "pin": 0,
            "credentials": { "user": "[secret]", "age": 0, "active": true, "none": null },
            "errors": { "password": ["Too short"] },
            "env": [{ "name": "API_KEY", "value": "[secret]" }, { "name": "REGION", "value": "eu" }],
            "[token]": "x",
            "log": "password=[secret]",
        })
    );
    assert!(
        !Redactor::credentials().redact_json(&mut value),
        "nothing more"
    );
    let text = "{\n  \"b\": 1.0,\n  \"password\" : \"hunt\\u00e9r2\", \"a\": [1e3]\n}\n";
    let expected = "{\n  \"b\": 1.0,\n  \"password\" : \"[secret]\", \"a\": [1e3]\n}\n";
    assert_eq!(Redactor::credentials().redact(text), expected);
}

#[test]
fn only_as_much_is_looked_at_as_is_kept() {
    let long = format!("password=hunter2 {}", "x".repeat(1 << 20));
    let cut = Redactor::credentials().redact_cut(&long, 40);
    assert_eq!(cut, format!("password=[secret] {}…", "x".repeat(19)));
    let looked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = looked.clone();
    let redactor = Redactor::none().custom("counts", move |text| {
        counter.fetch_add(text.len(), std::sync::atomic::Ordering::Relaxed);
        None
    });
    let _ = redactor.redact_cut(&long, 1000);
    assert!(looked.load(std::sync::atomic::Ordering::Relaxed) < 2_000);
}
