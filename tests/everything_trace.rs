//! `everything --with trace` exports spans and durations by OTLP.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::Stdio;

use rmcp::{
    ClientLifecycleMode,
    transport::{StreamableHttpClientTransport, TokioChildProcess},
};
use serde_json::{Value, json};
use support::{
    PATIENCE,
    client::{call, connect, try_call},
    example, listening,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// The receiver, whose process ends with this value.
struct Receiver {
    lines: Lines<BufReader<ChildStdout>>,
    url: String,
    _process: Child,
}

impl Receiver {
    async fn start() -> Self {
        let mut process = Command::new(example("otlp"))
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = lines.next_line().await.unwrap().unwrap();
        Self {
            lines,
            url: first.strip_prefix("listening on ").unwrap().to_owned(),
            _process: process,
        }
    }

    /// Tells a server to export to this receiver.
    fn exporting<'a>(&self, server: &'a mut Command) -> &'a mut Command {
        server
            .args(["--with", "trace"])
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &self.url)
            .env("OTEL_SERVICE_NAME", "under-test")
            .env("OTEL_BSP_SCHEDULE_DELAY", "20")
            .env("OTEL_METRIC_EXPORT_INTERVAL", "20")
    }

    /// Reads up to the first line that fits.
    async fn find(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        let find = async {
            loop {
                let line = self.lines.next_line().await.unwrap().unwrap();
                let value: Value = serde_json::from_str(&line).unwrap();
                if fits(&value) {
                    return value;
                }
            }
        };
        timeout(PATIENCE, find).await.expect("a line that fits")
    }
}

#[tokio::test]
async fn spans_and_durations_arrive_over_http() {
    let mut receiver = Receiver::start().await;
    let mut server = Command::new(example("everything"));
    let process = receiver
        .exporting(&mut server)
        .args(["--http", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let server = listening(process.unwrap()).await;
    let transport = StreamableHttpClientTransport::from_uri(server.url());
    let (client, _) = connect(transport, ClientLifecycleMode::Initialize).await;
    call(&client, "echo", json!({ "text": "hunter2" })).await;

    let span = receiver
        .find(|line| line["span"] == "tools/call echo")
        .await;
    assert_eq!(span["service"], "under-test");
    assert_eq!((&span["kind"], &span["status"]), (&json!(2), &json!(0)));
    assert_eq!(span["events"], 0);
    let mut attributes = span["attributes"].clone();
    assert!(attributes["jsonrpc.request.id"].take().is_string());
    let expected = json!({
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "echo",
        "jsonrpc.request.id": null,
        "mcp.method.name": "tools/call",
        "mcp.protocol.version": "2025-11-25",
        "network.protocol.name": "http",
        "network.protocol.version": "1.1",
        "network.transport": "tcp",
    });
    assert_eq!(attributes, expected);

    // A span of the server's failure has the error of its duration.
    assert!(
        try_call(&client, "panic", json!({ "message": "hunter2" }))
            .await
            .is_err()
    );
    let failed = receiver
        .find(|line| line["span"] == "tools/call panic")
        .await;
    assert_eq!(
        (&failed["status"], &failed["message"]),
        (&json!(2), &json!("Internal error"))
    );
    let error_type = &failed["attributes"]["error.type"];
    assert_eq!(error_type, "-32603");
    let is_duration = |line: &Value| {
        line["metric"] == "mcp.server.operation.duration"
            && line["attributes"]["gen_ai.tool.name"] == "panic"
    };
    let duration = receiver.find(is_duration).await;
    assert_eq!(&duration["attributes"]["error.type"], error_type);
    assert_eq!(
        (&duration["count"], &duration["unit"]),
        (&json!(1), &json!("s"))
    );
}

#[tokio::test]
async fn spans_arrive_when_a_server_on_standard_input_ends() {
    let mut receiver = Receiver::start().await;
    let mut server = Command::new(example("everything"));
    receiver
        .exporting(server.arg("--stdio"))
        // Later than the test.
        .env("OTEL_BSP_SCHEDULE_DELAY", "600000");
    let transport = TokioChildProcess::new(server).unwrap();
    let (client, _) = connect(transport, ClientLifecycleMode::Initialize).await;
    call(&client, "echo", json!({ "text": "a" })).await;
    client.cancel().await.unwrap();
    let span = receiver
        .find(|line| line["span"] == "tools/call echo")
        .await;
    assert_eq!(span["attributes"]["network.transport"], "pipe");
}

#[tokio::test]
async fn the_same_calls_are_in_prometheus_in_otlp_and_in_the_log() {
    let mut receiver = Receiver::start().await;
    let mut server = Command::new(example("everything"));
    let process = receiver
        .exporting(&mut server)
        .args(["--with", "trace,timing,events,error-mask"])
        .args(["--http", "127.0.0.1:0"])
        .env(
            "OTEL_RESOURCE_ATTRIBUTES",
            "deployment.environment.name=staging",
        )
        .env("LOG_FORMAT", "json")
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut process = process.unwrap();
    let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
    let first = log.next_line().await.unwrap().unwrap();
    let url = first.strip_prefix("listening on ").unwrap().to_owned();
    let transport = StreamableHttpClientTransport::from_uri(url.clone());
    let (client, _) = connect(transport, ClientLifecycleMode::Initialize).await;
    for _ in 0..2 {
        let message = json!({ "message": "hunter2" });
        assert_eq!(try_call(&client, "fail", message).await, Err(-32603));
    }

    let page = reqwest::get(url.replace("/mcp", "/metrics")).await.unwrap();
    let page = page.text().await.unwrap();
    let series = "mcp_server_operation_duration_seconds_count";
    let counts = |line: &str| {
        line.starts_with(series)
            && line.contains(r#"gen_ai_tool_name="fail""#)
            && line.ends_with(" 2")
    };
    assert!(page.lines().any(counts), "{page}");
    assert!(
        page.contains(r#"mcp_layers_events_total{event="masked"} 2"#),
        "{page}"
    );

    let line = timeout(PATIENCE, log.next_line()).await.expect("a line");
    let line: Value = serde_json::from_str(&line.unwrap().unwrap()).unwrap();
    assert_eq!(line["level"], "ERROR");
    assert!(line["trace_id"].is_string(), "{line}");
    let span = receiver
        .find(|sent| sent["trace_id"] == line["trace_id"])
        .await;
    assert_eq!(span["span"], "tools/call fail");
    assert_eq!(span["span_id"], line["span_id"]);
    let duration = receiver
        .find(|sent| sent["attributes"]["gen_ai.tool.name"] == "fail" && sent["count"] == 2)
        .await;
    assert_eq!(duration["metric"], "mcp.server.operation.duration");
    for sent in [span, duration] {
        let source = (&sent["service"], &sent["environment"]);
        assert_eq!(source, (&json!("under-test"), &json!("staging")));
    }
}
