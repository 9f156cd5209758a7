//! `everything --with audit --audit-file F`, and `audit_verify` for files that are whole or changed.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::{fs, path::Path, process::Output};

use rmcp::transport::StreamableHttpClientTransport;
use serde_json::{Value, json};
use support::{
    PATIENCE, Server,
    client::{Client, call, connect, lifecycles, stdio, try_call},
    example,
};
use tokio::{process::Command, time::timeout};

async fn audit_verify(file: &Path) -> Output {
    let run = Command::new(example("audit_verify")).arg(file).output();
    timeout(PATIENCE, run).await.expect("an end").unwrap()
}

/// The first bad record, as it is named.
async fn bad(file: &Path) -> String {
    let output = audit_verify(file).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

async fn drive(client: &Client) {
    assert_eq!(
        call(client, "echo", json!({ "text": "a private text" })).await,
        "a private text"
    );
    let message = json!({ "message": "db password=hunter2" });
    assert_eq!(try_call(client, "fail", message.clone()).await, Err(-32603));
    assert_eq!(try_call(client, "panic", message).await, Err(-32603));
    assert_eq!(try_call(client, "unheard_of", json!({})).await, Err(-32602));
}

fn records(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    let records = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.map(|line| line["record"].clone()).collect()
}

#[tokio::test]
async fn records_every_call_over_every_transport_and_shows_changes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let flags = ["--with", "audit", "--audit-file", file.to_str().unwrap()];
    for lifecycle in lifecycles() {
        let (client, _) = connect(stdio(&flags), lifecycle.clone()).await;
        drive(&client).await;
        client.cancel().await.unwrap();

        let mut server = Server::start(&flags).await;
        let transport = StreamableHttpClientTransport::from_uri(server.url());
        let (client, _) = connect(transport, lifecycle).await;
        drive(&client).await;
        client.cancel().await.unwrap();
        // Killed: what was answered is in the file.
        server.process.kill().await.unwrap();
    }
    let output = audit_verify(&file).await;
    assert!(output.status.success(), "{output:?}");

    let records = records(&file);
    let calls = |tool: &str| -> Vec<&Value> {
        let of_tool = |record: &&Value| record["target"] == tool;
        records.iter().filter(of_tool).collect()
    };
    for (tool, outcome, code) in [
        ("echo", "success", Value::Null),
        ("fail", "error", json!(-32603)),
        ("panic", "error", json!(-32603)),
        ("unheard_of", "error", json!(-32602)),
    ] {
        let calls = calls(tool);
        assert_eq!(calls.len(), 4, "{tool}");
        for call in &calls {
            assert_eq!(
                (&call["outcome"], &call["code"]),
                (&json!(outcome), &code),
                "{tool}"
            );
            assert_eq!(call["arguments_digest"], calls[0]["arguments_digest"]);
            assert_eq!(call.get("principal"), None);
        }
    }
    for panic in calls("panic") {
        assert_eq!(panic["decision"]["verdict"], "panicked");
        let original = panic["original"]["message"].as_str().unwrap();
        assert!(original.contains("hunter2"), "{original}");
    }
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains("a private text"));

    // Edited, reordered, cut, swapped.
    let lines: Vec<&str> = text.lines().collect();
    let write = |lines: &[&str]| fs::write(&file, lines.join("\n") + "\n").unwrap();
    let edited = text.replacen("unheard_of", "unheard-of", 1);
    fs::write(&file, &edited).unwrap();
    let line = edited
        .lines()
        .position(|line| line.contains("unheard-of"))
        .unwrap()
        + 1;
    assert!(
        bad(&file)
            .await
            .contains(&format!("record {line}: was changed"))
    );
    let mut reordered = lines.clone();
    reordered.swap(3, 4);
    write(&reordered);
    assert!(
        bad(&file)
            .await
            .contains("line 4: record 4: in its place stands record 5")
    );
    write(&lines[..3]);
    assert!(bad(&file).await.contains("record 4: is missing"));
    write(&lines);
    assert!(audit_verify(&file).await.status.success());

    let other = folder.path().join("other.jsonl");
    fs::copy(
        folder.path().join("audit.jsonl.key"),
        folder.path().join("other.jsonl.key"),
    )
    .unwrap();
    let flags = ["--with", "audit", "--audit-file", other.to_str().unwrap()];
    let [lifecycle, _] = lifecycles();
    let (client, _) = connect(stdio(&flags), lifecycle).await;
    drive(&client).await;
    client.cancel().await.unwrap();
    fs::copy(&other, &file).unwrap();
    assert!(
        bad(&file)
            .await
            .contains("line 1: record 1: the file belongs to another log")
    );
}

#[tokio::test]
async fn audit_is_there_only_when_it_is_chosen_and_needs_a_file() {
    let run = |flags: &'static [&'static str]| async move {
        let run = Command::new(example("everything"))
            .arg("--stdio")
            .args(flags)
            .output();
        timeout(PATIENCE, run).await.expect("an end").unwrap()
    };
    let without = run(&["--with", "audit"]).await;
    assert_eq!(without.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&without.stderr).contains("--audit-file"));
    let help = run(&["--help"]).await;
    assert!(String::from_utf8_lossy(&help.stdout).contains("audit*"));
}

#[tokio::test]
async fn audit_verify_prints_help() {
    let run = Command::new(example("audit_verify")).arg("--help").output();
    let output = timeout(PATIENCE, run).await.expect("an end").unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("--from N:MAC"));
}

#[cfg(unix)]
#[tokio::test]
async fn sigterm_records_calls_in_flight_and_closes_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let flags = ["--with", "audit", "--audit-file", file.to_str().unwrap()];
    let mut server = Server::start(&flags).await;
    let transport = StreamableHttpClientTransport::from_uri(server.url());
    let [lifecycle, _] = lifecycles();
    let (client, _) = connect(transport, lifecycle).await;
    let calls = async {
        // The server ends before it answers.
        let _ = try_call(&client, "sleep", json!({ "ms": 600_000 })).await;
    };
    let stop = async {
        call(&client, "echo", json!({ "text": "a" })).await;
        let pid = server.process.id().unwrap().to_string();
        let kill = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(kill.await.unwrap().success());
        let ended = timeout(PATIENCE, server.process.wait());
        assert!(ended.await.expect("an end").unwrap().success());
    };
    tokio::select! {
        () = async { tokio::join!(calls, std::future::pending::<()>()); } => {}
        () = stop => {}
    }
    let output = audit_verify(&file).await;
    assert!(output.status.success(), "{output:?}");
    let found = String::from_utf8(output.stdout).unwrap();
    assert!(
        found.contains("1 writers opened the file, 1 closed it"),
        "{found}"
    );
    let records = records(&file);
    let sleep = records
        .iter()
        .find(|record| record["target"] == "sleep")
        .unwrap();
    // The server cancels the call, or drops it, whichever comes first.
    let is_cancelled = sleep["outcome"] == "cancelled" || sleep["code"] == 499;
    assert!(is_cancelled, "{sleep}");
    assert_eq!(records.last().unwrap()["kind"], "closed");
    assert!(
        found.contains(&format!("vouches for line {}", records.len())),
        "{found}"
    );
}

#[tokio::test]
async fn a_call_that_was_killed_is_counted_as_opened_and_never_closed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let path = file.to_str().unwrap();
    let flags = [
        "--with",
        "audit",
        "--audit-file",
        path,
        "--audit-openings",
        "yes",
    ];
    let mut server = Server::start(&flags).await;
    let transport = StreamableHttpClientTransport::from_uri(server.url());
    let [lifecycle, _] = lifecycles();
    let (client, _) = connect(transport, lifecycle).await;
    call(&client, "echo", json!({ "text": "a" })).await;
    let opened = async {
        while !fs::read_to_string(&file).unwrap().contains("\"sleep\"") {
            tokio::task::yield_now().await;
        }
    };
    let sleep = try_call(&client, "sleep", json!({ "ms": 600_000 }));
    let outcome = timeout(PATIENCE, async {
        tokio::select! {
            _ = sleep => panic!("an answer"),
            () = opened => {}
        }
    });
    outcome.await.expect("an opening record");
    server.process.kill().await.unwrap();
    let output = audit_verify(&file).await;
    let found = String::from_utf8(output.stdout).unwrap();
    assert!(
        found.contains("1 calls were opened and never closed"),
        "{found}"
    );
    assert!(
        found.contains("1 writers opened the file, 0 closed it"),
        "{found}"
    );
}

#[tokio::test]
async fn whatever_the_edge_refuses_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let flags = [
        "--with",
        "auth,audit",
        "--audit-file",
        file.to_str().unwrap(),
    ];
    let server = Server::start(&flags).await;
    let http = reqwest::Client::new();
    let post = |key: Option<&str>, session: Option<&str>| {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#;
        let mut request = http
            .post(server.url())
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("user-agent", "a test")
            .body(body);
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        if let Some(session) = session {
            request = request.header("mcp-session-id", session);
        }
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(post(None, None).await, 401);
    assert_eq!(post(Some("wrong"), None).await, 401);
    assert_eq!(post(Some("key-a"), Some("somebody-elses")).await, 404);
    let refused = || {
        let records = records(&file);
        let codes = records.iter().filter_map(|record| record["code"].as_i64());
        codes.collect::<Vec<_>>()
    };
    // The answers do not wait for these records.
    let recorded = timeout(PATIENCE, async {
        while refused().len() < 3 {
            tokio::task::yield_now().await;
        }
    });
    assert!(recorded.await.is_ok(), "{:?}", refused());
    assert_eq!(refused(), [401, 401, 404]);
    let records = records(&file);
    let denied = records.iter().find(|record| record["code"] == 401).unwrap();
    assert_eq!(denied["decision"]["verdict"], "denied");
    assert_eq!(denied["target"], "/mcp");
}

#[tokio::test]
async fn audit_verify_says_what_is_wrong_with_its_command_line() {
    for arguments in [&[][..], &["no-such-file"], &["--key-file"]] {
        let run = Command::new(example("audit_verify"))
            .args(arguments)
            .output();
        let output = timeout(PATIENCE, run).await.expect("an end").unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("usage:"));
    }
}
