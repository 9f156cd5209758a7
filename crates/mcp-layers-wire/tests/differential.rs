//! Messages that pass are read by other parsers, `serde_json` and Python's `json`, as the layers read them.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    cell::RefCell,
    io::Write,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use mcp_layers_core::{JsonRpcRequest, McpRequest};
use mcp_layers_util::CancelLayer;
use mcp_layers_wire::Pipe;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use support::{Wire, layer, send};

const CASES: u32 = 200;

/// The text of a JSON value: numbers, escapes and white space in all their forms, members that occur twice.
fn value() -> impl Strategy<Value = String> {
    let number = "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,2})?";
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        number,
        string(),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let member = (string(), space(), inner.clone());
        let member =
            member.prop_map(|(name, space, value)| format!("{name}{space}:{space}{value}"));
        prop_oneof![
            (space(), prop::collection::vec(inner, 0..4)).prop_map(|(space, items)| format!(
                "[{space}{}]",
                items.join(&format!("{space},"))
            )),
            (space(), prop::collection::vec(member, 0..4)).prop_map(|(space, members)| format!(
                "{{{space}{}}}",
                members.join(&format!(",{space}"))
            )),
        ]
    })
}

fn string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-c ]{1,3}",
        Just("\\\"".to_owned()),
        Just("\\\\".to_owned()),
        Just("\\u0061".to_owned()),
        Just("\\ud83d\\ude00".to_owned()),
        Just("ü\u{2028}\u{10ffff}".to_owned()),
        Just("\\n\\/".to_owned()),
        Just("},{".to_owned()),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn space() -> impl Strategy<Value = String> {
    "[ \t\r]{0,2}"
}

fn id() -> impl Strategy<Value = String> {
    prop_oneof!["[1-9][0-9]{0,25}", string()]
}

/// A call in any order of its members, of a method that no catalog looks up.
fn call() -> impl Strategy<Value = String> {
    let name = prop_oneof![Just("\"echo\"".to_owned()), string()];
    let params =
        (name, value(), value(), space()).prop_flat_map(|(name, arguments, other, space)| {
            let members = vec![
                format!("\"name\"{space}:{name}"),
                format!("\"arguments\":{space}{arguments}"),
                format!("\"_other\":{other}"),
            ];
            Just(members).prop_shuffle()
        });
    (id(), params, space()).prop_flat_map(|(id, params, space)| {
        let members = vec![
            "\"jsonrpc\":\"2.0\"".to_owned(),
            format!("\"id\":{id}"),
            "\"method\":\"example/call\"".to_owned(),
            format!("\"params\":{{{}}}", params.join(",")),
        ];
        let members = Just(members).prop_shuffle();
        members.prop_map(move |members| format!("{{{}}}", members.join(&format!("{space},"))))
    })
}

/// A call, and the same with one byte more, less or in another place.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop::sample::select(&b"\"\\{}[]:,0-+.eEn \xff\x01"[..]);
    (call(), any::<prop::sample::Index>(), 0..3usize, byte).prop_map(|(text, at, how, byte)| {
        let mut text = text.into_bytes();
        let at = at.index(text.len());
        match how {
            0 => text[at] = byte,
            1 => text.insert(at, byte),
            _ => _ = text.remove(at),
        }
        text
    })
}

/// A message as the layers read it, and as the server got it.
struct Passed {
    seen: Value,
    line: String,
}

/// Sends a message of the client. `None` if the server did not get it.
fn pass(message: &[u8]) -> Option<Passed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sees = seen.clone();
        let see = layer(move |leaf, request: JsonRpcRequest| {
            let read = json!([request.method().as_str(), request.params()]);
            sees.lock().unwrap().push(read);
            let sent = send(leaf, request);
            async { Ok(sent.await?) }
        });
        let mut wire = Wire::new(Pipe::new(see));
        wire.client.send(message).await;
        wire.client.send(MARK).await;
        let line = wire.server.line().await.unwrap();
        // A broken answer to a request of the server is answered with an error.
        let is_refused = line == MARK || line.contains(r#""error":{"code":-32603"#);
        let seen = seen.lock().unwrap().pop();
        (!is_refused).then(|| Passed {
            seen: seen.unwrap_or_default(),
            line,
        })
    })
}

const MARK: &str = r#"{"jsonrpc":"2.0","method":"notifications/mark"}"#;

fn run<S: Strategy>(strategy: &S, case: impl Fn(S::Value)) {
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(strategy, |value| {
            case(value);
            Ok(())
        })
        .unwrap();
}

/// The same JSON value; numbers may have lost digits.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= a.abs() * 1e-12
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

/// Checks that Python reads each line as the layers did.
fn read_by_python(passed: &[Passed]) {
    const PROGRAM: &str = "import json, sys
for line in sys.stdin.buffer:
    print(json.dumps(json.loads(line, parse_int=float)))";
    let python = Command::new("python3")
        .args(["-c", PROGRAM])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut python) = python else {
        assert!(std::env::var_os("CI").is_none(), "there is no python3");
        eprintln!("NOT COMPARED WITH PYTHON: there is no python3");
        return;
    };
    let lines: String = passed
        .iter()
        .map(|passed| passed.line.clone() + "\n")
        .collect();
    let mut input = python.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let read = String::from_utf8(output.stdout).unwrap();
    let read: Vec<Value> = read
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        read.len(),
        passed.len(),
        "Python cannot read what comes next"
    );
    for (read, passed) in read.iter().zip(passed) {
        if passed.seen.is_null() {
            // A notification passes no layer.
            assert!(read.get("id").is_none(), "{}", passed.line);
            continue;
        }
        let read = json!([read["method"], read.get("params").unwrap_or(&Value::Null)]);
        assert!(same(&read, &passed.seen), "{}: {read}", passed.line);
    }
}

#[test]
fn a_call_passes_in_its_bytes_and_python_reads_what_layers_read() {
    let all = RefCell::new(Vec::new());
    run(&call(), |text| {
        let passed = pass(text.as_bytes()).expect(&text);
        assert_eq!(passed.line, text.replace('\r', " "));
        all.borrow_mut().push(passed);
    });
    read_by_python(&all.into_inner());
}

#[test]
fn a_byte_that_is_wrong_never_makes_a_message_that_others_read_differently() {
    let all = RefCell::new(Vec::new());
    run(&mutated(), |bytes| {
        let parsed = serde_json::from_slice::<Value>(&bytes);
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        let Some(passed) = pass(&bytes) else { return };
        let parsed = parsed.unwrap_or_else(|error| panic!("{error}: {shown}"));
        assert_eq!(parsed["jsonrpc"], "2.0", "{shown}");
        all.borrow_mut().push(passed);
    });
    read_by_python(&all.into_inner());
}

/// A line that is too long is not parsed, but scanned for its id.
#[test]
fn a_line_that_is_too_long_is_refused_under_the_id_that_a_parser_reads() {
    run(&call(), |text| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut wire = Wire::new(Pipe::new(CancelLayer::new()).max_line(16).unwrap());
            wire.client.send(&text).await;
            let refused = wire.client.json().await;
            let parsed: Value = serde_json::from_str(&text).unwrap();
            assert!(same(&refused["id"], &parsed["id"]), "{text}: {refused}");
            assert_eq!(refused["error"]["code"], -32600);
        });
    });
}
