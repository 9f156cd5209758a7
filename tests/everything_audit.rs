//! `everything --with audit --audit-file F`, and what `audit_verify` says of the file when somebody
//! changes it.

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
