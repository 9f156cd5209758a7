//! `everything` under the worst that one caller sends: long texts, invented names, abandoned sessions,
//! requests that its HTTP edge refuses. A real process, over HTTP.
//!
//! The full figures are in the tests of the crates: 100,000 invented names in
//! `mcp-layers-rate-limit/tests/invented_tools.rs`, 70,000 sessions in
//! `mcp-layers-authorize/tests/http.rs`, redaction of every hostile text in `benches/redact.rs`. The end
//! by SIGTERM is in `everything_audit.rs`.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::{collections::BTreeSet, fs, path::Path};

use futures::future::join_all;
use reqwest::{Client as Http, RequestBuilder};
use rmcp::transport::{
    StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
};
use serde_json::{Value, json};
use support::{
    PATIENCE, Server,
    client::{Client, call, connect, lifecycles, try_call},
};
use tokio::time::timeout;

/// Invented names, of which the rate limit would once have kept a budget each.
const NAMES: usize = 2_000;

const SESSIONS: usize = 200;

async fn client(server: &Server, key: &str) -> Client {
    let config = StreamableHttpClientTransportConfig::with_uri(server.url()).auth_header(key);
    let transport = StreamableHttpClientTransport::from_config(config);
    let [lifecycle, _] = lifecycles();
    connect(transport, lifecycle).await.0
}

/// The time that the threads of a process have spent on a processor, in milliseconds.
#[cfg(target_os = "linux")]
fn processor_time(pid: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let nanos = threads.filter_map(|thread| {
        let times = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        times.split(' ').next()?.parse::<u64>().ok()
    });
    nanos.sum::<u64>() / 1_000_000
}

/// Standard error of the server is not read after its first line: the mask logs little enough.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_megabyte_of_repeated_text_costs_less_than_15_times_a_tenth_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let flags = [
        "--with",
        "timing,audit,error-mask,retry,circuit-breaker,timeout",
    ];
    let flags = [&flags[..], &["--audit-file", file.to_str().unwrap()]].concat();
    let server = Server::start(&flags).await;
    let pid = server.process.id().unwrap();
    let client = client(&server, "nobody").await;
    for piece in [
        "eyJaaaaa-hf_aaaaaaaaaaaaaaaaaaaa-",
        "localhost-",
        "00-00-",
        "password=",
    ] {
        let mut spent = Vec::new();
        for bytes in [100_000, 1_000_000] {
            let text = piece.repeat(bytes / piece.len());
            let before = processor_time(pid);
            for (tool, member) in [
                ("echo", "text"),
                ("tool_error", "message"),
                ("flaky", "key"),
                // A number is expected: the error of serde has the text in it.
                ("sleep", "ms"),
            ] {
                // The answer is the server's, an error included.
                let _ = try_call(&client, tool, json!({ member: text.as_str() })).await;
            }
            spent.push(processor_time(pid) - before);
        }
        println!(
            "{piece}: {} ms for 100 kB, {} ms for 1 MB",
            spent[0], spent[1]
        );
        assert!(spent[1] < 15 * spent[0].max(20), "{piece}: {spent:?}");
    }
    assert_eq!(call(&client, "echo", json!({ "text": "a" })).await, "a");
}

#[tokio::test]
async fn invented_names_leave_the_budgets_of_others_untouched() {
    // Where nothing is hidden they share one budget: five at once, and one a second.
    let open = invent_names("rate-limit,timing").await;
    assert!(open.iter().all(|code| [-32602, 429].contains(code)));
    let passed = open.iter().filter(|code| **code != 429).count();
    assert!((5..NAMES / 4).contains(&passed), "{passed}");
    // Where something is hidden they are answered as hidden ones are, before they are counted.
    let hiding = invent_names("auth,rate-limit,timing").await;
    assert!(hiding.iter().all(|code| *code == -32602));
}

/// Calls tools that do not exist, and then some that do. The codes of the former.
async fn invent_names(layers: &str) -> Vec<i32> {
    let flags = ["--with", layers, "--rate", "1", "--burst", "5"];
    let server = Server::start(&flags).await;
    let (mallory, bob) = (
        client(&server, "key-a").await,
        client(&server, "key-b").await,
    );
    let mut codes = Vec::new();
    for batch in 0..NAMES / 50 {
        let calls = (0..50).map(|number| {
            let name = format!("inv{}", batch * 50 + number);
            let mallory = &mallory;
            async move { try_call(mallory, &name, json!({})).await.unwrap_err() }
        });
        codes.extend(join_all(calls).await);
    }
    for _ in 0..if layers.starts_with("auth") { 5 } else { 1 } {
        assert_eq!(call(&bob, "echo", json!({ "text": "b" })).await, "b");
    }
    // Known names of the same caller have their own budgets.
    assert_eq!(call(&mallory, "echo", json!({ "text": "m" })).await, "m");
    let page = server.page("/metrics").await;
    assert!(!page.contains("inv1"), "invented names are no labels");
    codes
}

fn post(http: &Http, server: &Server, body: &Value) -> RequestBuilder {
    http.post(server.url())
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .body(body.to_string())
}

/// Opens a session, and returns its id.
async fn open(http: &Http, server: &Server, key: &str) -> String {
    let params = json!({
        "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": { "name": "a test", "version": "1" },
    });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
    let sent = post(http, server, &body).bearer_auth(key).send();
    let answer = timeout(PATIENCE, sent).await.expect("an answer").unwrap();
    assert_eq!(answer.status(), 200);
    answer.headers()["mcp-session-id"]
        .to_str()
        .unwrap()
        .to_owned()
}

/// The status of a request in a session.
async fn in_session(http: &Http, server: &Server, key: &str, session: &str) -> u16 {
    let body = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let request = post(http, server, &body).bearer_auth(key);
    let sent = request.header("mcp-session-id", session).send();
    let answer = timeout(PATIENCE, sent).await.expect("an answer").unwrap();
    answer.status().as_u16()
}

#[tokio::test]
async fn sessions_of_one_principal_leave_those_of_another() {
    let server = Server::start(&["--with", "auth"]).await;
    let http = Http::new();
    let own = open(&http, &server, "key-b").await;
    assert_eq!(in_session(&http, &server, "key-b", &own).await, 202);
    let mut last = String::new();
    for _ in 0..SESSIONS / 25 {
        let opened = join_all((0..25).map(|_| open(&http, &server, "key-a"))).await;
        last = opened.into_iter().last().unwrap();
    }
    assert_eq!(in_session(&http, &server, "key-a", &last).await, 202);
    // Neither is one's session another's.
    assert_eq!(in_session(&http, &server, "key-b", &last).await, 404);
    assert_eq!(in_session(&http, &server, "key-a", &own).await, 404);
    assert_eq!(in_session(&http, &server, "key-b", &own).await, 202);
    let another = open(&http, &server, "key-b").await;
    assert_eq!(in_session(&http, &server, "key-b", &another).await, 202);
}

fn recorded(file: &Path) -> Vec<(i64, String)> {
    let text = fs::read_to_string(file).unwrap();
    let lines = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let codes = lines.filter_map(|line| {
        let record = &line["record"];
        let address = record["client_address"].as_str().unwrap_or_default();
        Some((record["code"].as_i64()?, address.to_owned()))
    });
    codes.collect()
}

#[tokio::test]
async fn every_refusal_of_the_edge_is_in_the_audit_and_in_the_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let path = file.to_str().unwrap();
    let server = Server::start(&["--with", "auth,audit,timing", "--audit-file", path]).await;
    let http = Http::new();
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {} });
    let session = open(&http, &server, "key-b").await;
    let twice = r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/list"}"#;
    let request = || post(&http, &server, &list);
    let requests = [
        (401, request()),
        (401, request().bearer_auth("wrong")),
        (
            403,
            request()
                .bearer_auth("key-a")
                .header("origin", "https://evil.example"),
        ),
        (
            404,
            request()
                .bearer_auth("key-a")
                .header("mcp-session-id", &session),
        ),
        (
            404,
            request()
                .bearer_auth("key-a")
                .header("mcp-session-id", "invented"),
        ),
        (400, request().bearer_auth("key-a").body(twice)),
    ];
    for (status, request) in requests {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status);
    }
    // The answers do not wait for these records.
    let complete = timeout(PATIENCE, async {
        while recorded(&file)
            .iter()
            .filter(|(code, _)| *code != 0)
            .count()
            < 6
        {
            tokio::task::yield_now().await;
        }
    });
    assert!(complete.await.is_ok(), "{:?}", recorded(&file));
    let records = recorded(&file);
    let codes: BTreeSet<_> = records.iter().map(|(code, _)| *code).collect();
    for code in [401, 403, 404] {
        assert!(codes.contains(&code), "{code}: {records:?}");
    }
    let address = |(_, address): &(i64, String)| address == "127.0.0.1";
    assert!(records.iter().all(address), "{records:?}");

    let page = server.page("/metrics").await;
    let count = |status: u16| -> u64 {
        let label = format!("http_response_status_code=\"{status}\"");
        let lines = page.lines().filter(|line| {
            line.starts_with("mcp_layers_http_refused_total{") && line.contains(&label)
        });
        lines
            .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
            .sum()
    };
    assert_eq!([400, 401, 403, 404].map(count), [1, 2, 1, 2], "{page}");
}

#[tokio::test]
async fn nothing_is_served_below_the_path_and_metrics_name_no_hidden_tool() {
    let server = Server::start(&["--with", "auth,timing"]).await;
    let root = client(&server, "key-root").await;
    call(&root, "admin_reset", Value::Null).await;
    call(&root, "echo", json!({ "text": "a" })).await;
    let page = server.page("/metrics").await;
    assert!(page.contains("gen_ai_tool_name=\"echo\""), "{page}");
    assert!(!page.contains("admin_reset"), "{page}");
    let http = Http::new();
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    for (path, served) in [("", true), ("/", true), ("/anything", false)] {
        let request = http.post(server.url() + path).bearer_auth("key-a");
        let request = request.header("content-type", "application/json");
        let status = request
            .body(list.to_string())
            .send()
            .await
            .unwrap()
            .status();
        assert_eq!(status != 404, served, "{path}: {status}");
    }
}
