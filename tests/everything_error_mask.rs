//! Errors as `everything` sends and logs them: raw bytes, over both transports.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::process::Stdio;

use serde_json::{Value, json};
use support::{PATIENCE, example};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
    time::timeout,
};

const SECRET: &str = "db password=hunter2";

/// The calls that fail, each with the secret in its words.
fn calls() -> Vec<Value> {
    let tools = ["fail", "panic", "tool_error"];
    let call = |(id, tool): (usize, &&str)| {
        json!({
            "jsonrpc": "2.0", "id": id + 2, "method": "tools/call",
            "params": { "name": tool, "arguments": { "message": SECRET } },
        })
    };
    tools.iter().enumerate().map(call).collect()
}

fn initialize() -> Value {
    json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": { "name": "test", "version": "0" },
        },
    })
}

fn initialized() -> Value {
    json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })
}

fn start(flags: &[&str]) -> Child {
    Command::new(example("everything"))
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// All that was sent, and all that was logged.
struct Seen {
    sent: String,
    log: String,
}

async fn over_stdio(flags: &[&str]) -> Seen {
    let mut process = start(&[&["--stdio"], flags].concat());
    let mut stdin = process.stdin.take().unwrap();
    let mut stdout = BufReader::new(process.stdout.take().unwrap());
    let mut sent = String::new();
    for message in [initialize(), initialized()].into_iter().chain(calls()) {
        stdin
            .write_all(format!("{message}\n").as_bytes())
            .await
            .unwrap();
        if message.get("id").is_some() {
            let line = timeout(PATIENCE, stdout.read_line(&mut sent)).await;
            assert!(line.expect("an answer").unwrap() > 0);
        }
    }
    drop(stdin);
    let ended = timeout(PATIENCE, process.wait()).await.expect("an end");
    assert!(ended.unwrap().success());
    stdout.read_to_string(&mut sent).await.unwrap();
    let mut log = String::new();
    let mut stderr = process.stderr.take().unwrap();
    stderr.read_to_string(&mut log).await.unwrap();
    Seen { sent, log }
}

async fn over_http(flags: &[&str]) -> Seen {
    let mut process = start(&[&["--http", "127.0.0.1:0"], flags].concat());
    let mut stderr = BufReader::new(process.stderr.take().unwrap());
    let mut first = String::new();
    let read = timeout(PATIENCE, stderr.read_line(&mut first)).await;
    read.expect("a line").unwrap();
    let address = first
        .trim_end()
        .strip_prefix("listening on http://")
        .expect(&first);
    let address = address.strip_suffix("/mcp").expect(&first).to_owned();

    let answer = post(&address, "", &initialize()).await;
    let session = answer.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("mcp-session-id")
            .then(|| value.trim().to_owned())
    });
    let session = format!(
        "Mcp-Session-Id: {}\r\nMcp-Protocol-Version: 2025-11-25\r\n",
        session.expect("a session")
    );
    let mut sent = answer;
    for message in std::iter::once(initialized()).chain(calls()) {
        sent += &post(&address, &session, &message).await;
    }
    process.start_kill().unwrap();
    let mut log = String::new();
    timeout(PATIENCE, stderr.read_to_string(&mut log))
        .await
        .expect("an end")
        .unwrap();
    Seen { sent, log }
}

/// The whole answer to one POST.
async fn post(address: &str, headers: &str, message: &Value) -> String {
    let body = message.to_string();
    let request = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         {headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = timeout(PATIENCE, stream.read_to_string(&mut answer)).await;
    read.expect("an answer").unwrap();
    answer
}

/// The ids that callers got, in the order of the answers.
fn error_ids(sent: &str) -> Vec<String> {
    let ids = sent.split("\"errorId\":\"").skip(1);
    ids.map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

async fn check(flags: &[&str]) {
    for (transport, seen) in [
        ("stdio", over_stdio(flags).await),
        ("HTTP", over_http(flags).await),
    ] {
        let Seen { sent, log } = seen;
        assert!(!sent.contains("hunter2"), "{transport}: {sent}");
        assert_eq!(
            sent.matches("\"code\":-32603").count(),
            2,
            "{transport}: {sent}"
        );
        assert!(
            sent.contains("db password=[secret]"),
            "the tool's error stays: {sent}"
        );
        let ids = error_ids(&sent);
        assert_eq!(ids.len(), 2, "{transport}: {sent}");
        for id in ids {
            let line = log.lines().find(|line| line.contains(&id));
            let line = line.unwrap_or_else(|| panic!("{transport}: {id} in {log}"));
            assert!(line.contains(SECRET), "{transport}: {line}");
        }
    }
}

#[tokio::test]
async fn neither_fail_nor_panic_leaves_a_trace_on_the_wire_and_all_of_it_is_logged() {
    check(&[]).await;
    check(&["--with", "error-mask"]).await;
}

/// That the bytes would show it.
#[tokio::test]
async fn without_the_mask_the_secret_is_sent() {
    let seen = over_stdio(&["--with", "timing"]).await;
    assert!(seen.sent.contains(SECRET), "{}", seen.sent);
}

#[tokio::test]
async fn scrubs_what_its_flags_say() {
    let seen = over_stdio(&["--scrub", "none"]).await;
    assert!(seen.sent.contains(SECRET), "the tool's error is as it was");
    let refused = Command::new(example("everything"))
        .args(["--stdio", "--scrub", "nonsense"])
        .output();
    let refused = timeout(PATIENCE, refused).await.expect("an end").unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("nonsense"));
}
