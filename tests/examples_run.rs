//! The examples that people read: each is run, and what it prints is checked.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::{
    io::{BufRead, Write},
    process::{Command, Stdio},
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    time::timeout,
};

/// The standard output of an example, which ends without an error.
fn printed(name: &str) -> String {
    let output = Command::new(support::example(name)).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    assert_eq!(errors, "");
    String::from_utf8(output.stdout).unwrap()
}

/// The lines that a command prints when it gets these lines on its standard input, which then ends.
fn answers(command: &mut Command, lines: &[String]) -> Vec<String> {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut input = process.stdin.take().unwrap();
    input
        .write_all((lines.join("\n") + "\n").as_bytes())
        .unwrap();
    drop(input);
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).unwrap();
    printed.lines().map(str::to_owned).collect()
}

fn call(id: &str, tool: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}"}}}}"#)
}

#[track_caller]
fn assert_lines(printed: &str, lines: &[&str]) {
    let have: Vec<_> = printed.lines().collect();
    assert_eq!(have, lines, "{printed}");
}

#[test]
fn quickstart_prints_its_calls_and_the_metrics() {
    let printed = printed("quickstart");
    for line in [
        "Oslo      7 °C and rain",
        "Atlantis  tool error: no such city",
        "Rome      error -32603: the station is offline",
        "Lima      error 504: Request timed out after 100 ms",
    ] {
        let found = printed.lines().any(|have| have == line);
        assert!(found, "{line}\n{printed}");
    }

    let count = |labels: &[&str]| {
        let of_calls = printed.lines().filter(|line| {
            line.starts_with("mcp_server_operation_duration_seconds_count{")
                && line.contains("mcp_method_name=\"tools/call\"")
                && line.contains("gen_ai_tool_name=\"weather\"")
        });
        let mut found = of_calls.filter(|line| labels.iter().all(|label| line.contains(label)));
        found
            .next()
            .and_then(|line| line.rsplit_once(' '))
            .map(|(_, count)| count.to_owned())
    };
    for error in ["tool_error", "-32603", "timeout"] {
        let label = format!("error_type=\"{error}\"");
        assert_eq!(count(&[&label]).as_deref(), Some("1"), "{error}\n{printed}");
    }
    assert!(printed.contains("le=\"0.01\""), "{printed}");
}

#[test]
fn custom_layer_refuses_deletion_alone() {
    let printed = printed("custom_layer");
    let answers: Vec<_> = printed
        .lines()
        .map(|line| {
            let (tool, answer) = line.split_once("  ").unwrap();
            (tool, serde_json::from_str::<Value>(answer).unwrap())
        })
        .collect();
    let [(read, done), (delete, refused)] = &answers[..] else {
        panic!("{printed}");
    };
    assert_eq!((*read, *delete), ("read_note", "delete_note"));
    assert_eq!(done["result"]["content"][0]["text"], "done");
    assert_eq!(refused["error"]["code"], 403);
    let message = "Forbidden: deletion is switched off";
    assert_eq!(refused["error"]["message"], message);
}

#[test]
fn rate_limit_refuses_the_caller_that_spent_its_budget() {
    let printed = printed("rate_limit");
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines.len(), 5, "{printed}");
    assert_eq!(lines[..2], ["ada  answered", "ada  answered"]);
    assert!(
        lines[2].starts_with("ada  429: Too many requests: try again in "),
        "{printed}"
    );
    assert_eq!(lines[3..], ["bob  answered", "refused: 1"]);
}

#[test]
fn cache_runs_a_query_once_until_it_is_invalidated() {
    assert_lines(
        &printed("cache"),
        &[
            "troy    \"run 1\"",
            "troy    \"run 1\"",
            "ithaca  \"run 2\"",
            "invalidated",
            "troy    \"run 3\"",
        ],
    );
}

#[test]
fn client_proxy_asks_a_failing_upstream_again() {
    let printed = printed("client_proxy");
    assert!(printed.contains("found by call 3"), "{printed}");
    assert!(printed.contains("retries: 2"), "{printed}");
}

#[test]
fn audit_finds_the_changed_record() {
    let printed = printed("audit");
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines.len(), 4, "{printed}");
    assert!(lines[0].contains(r#""target":"search""#), "{printed}");
    assert!(lines[1].contains(r#""target":"pay""#), "{printed}");
    assert!(!printed.contains("amount"), "{printed}");
    assert_eq!(lines[2], "records: 2");
    assert!(lines[3].starts_with("after a change: "), "{printed}");
}

#[test]
fn audit_verify_prints_its_help() {
    for flag in ["--help", "-h"] {
        let output = Command::new(support::example("audit_verify"))
            .arg(flag)
            .output()
            .unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && output.stderr.is_empty());
        assert!(help.contains("usage: audit_verify FILE"), "{help}");
    }
}

#[test]
fn hand_made_answers_line_by_line_and_gives_up_on_slow_tools() {
    let lines = [
        call("1", "hello"),
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_owned(),
        call("2", "slow"),
        "no JSON".to_owned(),
        r#"{"jsonrpc":"2.0","id":3,"method":"tools/sing"}"#.to_owned(),
    ];
    let printed = answers(&mut Command::new(support::example("hand_made")), &lines);
    let answers: Vec<Value> = printed
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), 4, "{printed:?}");
    assert_eq!(answers[0]["result"]["content"][0]["text"], "hello");
    assert_eq!(answers[1]["error"]["code"], 504);
    assert_eq!(answers[2]["error"]["code"], -32700);
    assert_eq!(answers[3]["error"]["code"], -32601);
}

#[test]
fn sidecar_puts_its_layers_in_front_of_another_program() {
    let mut command = Command::new(support::example("sidecar"));
    command
        .arg("--")
        .arg(support::example("hand_made"))
        .env("SIDECAR_TIMEOUT", "0.05")
        .stderr(Stdio::null());
    let lines = [call("1", "hello"), call("12345678901234567890", "slow")];
    let printed = answers(&mut command, &lines);
    assert_eq!(printed.len(), 2, "{printed:?}");
    let answer: Value = serde_json::from_str(&printed[0]).unwrap();
    assert_eq!(answer["result"]["content"][0]["text"], "hello");
    let start = r#"{"jsonrpc":"2.0","id":12345678901234567890,"error":{"code":504,"#;
    assert!(printed[1].starts_with(start), "{printed:?}");
    assert!(printed[1].contains("after 50 ms"), "{printed:?}");
}

#[tokio::test]
async fn sidecar_ends_on_sigterm_and_reports_the_call_in_flight() {
    let folder = tempfile::tempdir().unwrap();
    let metrics = folder.path().join("mcp.prom");
    // Answers the second message, and no other.
    let server = r#"read a; read b; echo '{"jsonrpc":"2.0","id":2,"result":{}}'; exec sleep 3600"#;
    let mut sidecar = tokio::process::Command::new(support::example("sidecar"))
        .args(["--", "sh", "-c", server])
        .env("SIDECAR_METRICS", &metrics)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut input = sidecar.stdin.take().unwrap();
    for (id, method) in [(1, "tools/list"), (2, "ping")] {
        let line = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"{method}\"}}\n");
        input.write_all(line.as_bytes()).await.unwrap();
    }
    let mut answers = BufReader::new(sidecar.stdout.take().unwrap()).lines();
    let answer = timeout(support::PATIENCE, answers.next_line()).await;
    assert!(answer.unwrap().unwrap().unwrap().contains("\"id\":2"));

    let pid = sidecar.id().unwrap().to_string();
    let kill = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(kill.success());
    let ended = timeout(support::PATIENCE, sidecar.wait()).await;
    assert_eq!(ended.expect("an end").unwrap().code(), Some(143));
    let page = std::fs::read_to_string(metrics).unwrap();
    let dropped = |line: &str| line.contains("tools/list") && line.contains("cancelled");
    assert!(page.lines().any(dropped), "{page}");
}

#[tokio::test]
async fn sidecar_over_http_reports_the_call_that_sigterm_drops() {
    let folder = tempfile::tempdir().unwrap();
    let metrics = folder.path().join("mcp.prom");
    // Takes the call, and does not answer.
    let upstream = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", upstream.local_addr().unwrap());
    let process = tokio::process::Command::new(support::example("sidecar"))
        .args(["--http", "127.0.0.1:0", "--upstream", &origin])
        .env("SIDECAR_METRICS", &metrics)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut sidecar = support::listening(process.unwrap()).await;
    let call = reqwest::Client::new()
        .post(sidecar.url())
        .header("content-type", "application/json")
        .body(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
    let call = tokio::spawn(call.send());
    let taken = timeout(support::PATIENCE, upstream.accept()).await;
    let _taken = taken.expect("a call").unwrap();

    let pid = sidecar.process.id().unwrap().to_string();
    let kill = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(kill.success());
    let ended = timeout(support::PATIENCE, sidecar.process.wait()).await;
    assert_eq!(ended.expect("an end").unwrap().code(), Some(143));
    assert!(call.await.unwrap().is_err(), "it is dropped");
    let page = std::fs::read_to_string(metrics).unwrap();
    let dropped = |line: &str| line.contains("tools/list") && line.contains("cancelled");
    assert!(page.lines().any(dropped), "{page}");
}

#[tokio::test]
async fn http_server_asks_for_a_key_serves_two_paths_and_ends_on_sigterm() {
    let process = tokio::process::Command::new(support::example("http_server"))
        .args(["127.0.0.1:0", "https://app.example"])
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut server = support::listening(process.unwrap()).await;
    let client = reqwest::Client::new();
    let ping = async |path: &str, key: Option<&str>| {
        let url = format!("http://{}{path}", server.address);
        let request = client
            .post(url)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("origin", "https://app.example")
            .body(INITIALIZE);
        let request = match key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        request.send().await.unwrap()
    };
    let refused = ping("/mcp", None).await;
    assert_eq!(refused.status(), 401);
    let exposed = &refused.headers()["access-control-expose-headers"];
    assert!(exposed.to_str().unwrap().contains("www-authenticate"));
    for path in ["/mcp", "/mcp/"] {
        let answered = ping(path, Some("key-of-ada")).await;
        assert_eq!(answered.status(), 200, "{path}");
        let origin = &answered.headers()["access-control-allow-origin"];
        assert_eq!(origin, "https://app.example");
    }
    let below = ping("/mcp/anything", Some("key-of-ada")).await;
    assert_eq!(below.status(), 404);

    let pid = server.process.id().unwrap().to_string();
    let kill = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(kill.success());
    let ended = timeout(support::PATIENCE, server.process.wait()).await;
    assert!(ended.expect("an end").unwrap().success());
}

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{
    "protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}"#;

#[cfg(unix)]
#[test]
fn sidecar_that_is_terminated_leaves_no_server() {
    // It does not end by itself when its input ends.
    let server = r#"echo '{"jsonrpc":"2.0","method":"started"}'; exec sleep 60"#;
    let mut sidecar = Command::new(support::example("sidecar"))
        .args(["--", "sh", "-c", server])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut started = String::new();
    let output = sidecar.stdout.as_mut().unwrap();
    let mut output = std::io::BufReader::new(output);
    output.read_line(&mut started).unwrap();
    assert!(started.contains("started"));

    let id = sidecar.id().to_string();
    assert!(Command::new("kill").arg(id).status().unwrap().success());
    // The server has the standard error too: this waits for both.
    let output = sidecar.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143));
}
