//! `everything --with drain` after SIGTERM: the call in flight is answered, a new one is refused, the
//! readiness probe fails, and the audit has every record.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::fs;

use rmcp::transport::StreamableHttpClientTransport;
use serde_json::{Value, json};
use support::{
    PATIENCE, Server,
    client::{call, connect, lifecycles, try_call},
};
use tokio::{process::Command, time::timeout};

/// Asks a page of the server until `done` says yes of its status and its text.
async fn until(page: &str, done: impl Fn(u16, &str) -> bool) {
    let ask = async {
        loop {
            let response = reqwest::get(page).await.unwrap();
            let status = response.status().as_u16();
            if done(status, &response.text().await.unwrap()) {
                break;
            }
        }
    };
    timeout(PATIENCE, ask).await.expect("it happens");
}

#[tokio::test]
async fn sigterm_loses_no_answer_and_no_record() {
    for lifecycle in lifecycles() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("audit.jsonl");
        let path = file.to_str().unwrap();
        let flags = ["--with", "timing,audit,drain", "--audit-file", path];
        let mut server = Server::start(&flags).await;
        let page = |path| server.url().replace("/mcp", path);
        let (metrics, readyz) = (page("/metrics"), page("/readyz"));
        let transport = StreamableHttpClientTransport::from_uri(server.url());
        let (client, _) = connect(transport, lifecycle).await;
        until(&readyz, |status, _| status == 200).await;

        let in_flight = async {
            let answer = call(&client, "sleep", json!({ "ms": 2_000 })).await;
            assert!(answer.contains("2000"), "{answer}");
        };
        let stop = async {
            let active = |line: &str| line.contains("active_requests") && line.ends_with(" 1");
            until(&metrics, |_, text| text.lines().any(active)).await;
            let pid = server.process.id().unwrap().to_string();
            let kill = Command::new("kill").args(["-TERM", &pid]).status();
            assert!(kill.await.unwrap().success());
            until(&readyz, |status, _| status == 503).await;
            assert_eq!(
                try_call(&client, "echo", json!({ "text": "late" })).await,
                Err(503)
            );
        };
        tokio::join!(in_flight, stop);
        let ended = timeout(PATIENCE, server.process.wait());
        assert!(ended.await.expect("an end").unwrap().success());

        let text = fs::read_to_string(&file).unwrap();
        let records = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let records: Vec<Value> = records.map(|line| line["record"].clone()).collect();
        let outcome = |tool| {
            let of_tool = records.iter().filter(|record| record["target"] == tool);
            let outcomes =
                of_tool.map(|record| (record["outcome"].clone(), record["code"].clone()));
            outcomes.collect::<Vec<_>>()
        };
        assert_eq!(outcome("sleep"), [(json!("success"), Value::Null)]);
        assert_eq!(outcome("echo"), [(json!("error"), json!(503))]);
        assert_eq!(records.last().unwrap()["kind"], "closed");
    }
}
