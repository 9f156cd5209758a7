//! A client, a sidecar and a server, each ended at a random point: calls end, no process stays behind, and the audit
//! has one record for each call that reached the layers.
//!
//! `WIRE_KILLS` is the number of runs: 20 unless set. The points are numbers of bytes; `WIRE_SEED` repeats them.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

#[path = "support/killed.rs"]
mod killed;

use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{ChildStdin, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use killed::{CALLS, PATIENCE, Random, is_echo, key, kill, recorded, role, runs, tool, watch};
use mcp_layers::{
    Catalog, End, JsonRpcRequest, JsonRpcResponse, McpRequest,
    audit::{AuditLayer, FileSink, LogOptions, verify},
    observe,
    util::CancelLayer,
    wire::Pipe,
};
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tower::ServiceBuilder;

const SIDECAR: &str = "WIRE_SIDECAR";
const SERVER: &str = "WIRE_SERVER";
const STAYS: &str = "WIRE_SERVER_STAYS";
const GRACE: &str = "WIRE_GRACE";

fn line(call: usize) -> String {
    let tool = tool(call);
    format!(r#"{{"jsonrpc":"2.0","id":{call},"method":"tools/call","params":{{"name":"{tool}"}}}}"#)
        + "\n"
}

fn answer(id: &Value) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[]}}}}"#) + "\n"
}

/// The server. It answers `echo`, and kills itself after a number of bytes.
#[test]
fn role_server() {
    let Ok(bytes) = env::var(SERVER) else { return };
    let mut left: usize = bytes.parse().unwrap();
    let mut out = std::io::stdout().lock();
    out.write_all(b"\n").unwrap();
    // A sidecar that is killed may leave the beginning of a line.
    let lines = std::io::stdin().lock().lines().map_while(Result::ok);
    for message in lines.map_while(|line| serde_json::from_str::<Value>(&line).ok()) {
        if !is_echo(&message) {
            continue;
        }
        let answer = answer(&message["id"]);
        let now = answer.len().min(left);
        if out
            .write_all(&answer.as_bytes()[..now])
            .and_then(|()| out.flush())
            .is_err()
        {
            break;
        }
        left -= now;
        if left == 0 {
            kill("-KILL", std::process::id());
        }
    }
    while env::var_os(STAYS).is_some() {
        thread::park();
    }
    std::process::exit(0);
}

/// The sidecar. It writes down which calls reached the layers.
#[tokio::test]
async fn role_sidecar() {
    let Some(folder) = env::var_os(SIDECAR).map(PathBuf::from) else {
        return;
    };
    let grace = env::var(GRACE).unwrap();
    let reached = Arc::new(Mutex::new(Vec::new()));
    let seen = reached.clone();
    let sink = FileSink::open(folder.join("audit.jsonl"), LogOptions::new(&key())).unwrap();
    let layers = ServiceBuilder::new()
        .layer(observe(move |request: &JsonRpcRequest| {
            let target = request.target().unwrap_or_default().to_owned();
            seen.lock().unwrap().push(target);
            |_: End<'_, JsonRpcResponse>| {}
        }))
        .layer(AuditLayer::new(sink.clone()).unwrap())
        .layer(CancelLayer::new());
    let pipe = Pipe::new(layers)
        .catalog(Catalog::new().with_tools((0..CALLS).map(tool)))
        .grace(Duration::from_millis(grace.parse().unwrap()));
    let mut terminated = signal(SignalKind::terminate()).unwrap();
    println!("\n{{}}");

    let client = (tokio::io::stdin(), tokio::io::stdout());
    tokio::select! {
        _ = pipe.run_child(client, role("role_server").into()) => {}
        _ = terminated.recv() => {}
    }
    sink.close(PATIENCE);
    let reached = reached.lock().unwrap().join("\n");
    fs::write(folder.join("reached"), reached).unwrap();
    std::process::exit(0);
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Ended {
    /// The server is killed, in the middle of an answer or not.
    Server,
    /// The client closes what it sends, and goes on reading.
    Input,
    /// The client is gone.
    Client,
    /// The sidecar gets SIGTERM.
    Terminated,
    /// The sidecar gets SIGKILL.
    Killed,
}

const ENDS: [Ended; 5] = [
    Ended::Server,
    Ended::Input,
    Ended::Client,
    Ended::Terminated,
    Ended::Killed,
];

#[test]
fn ended_at_random_points_calls_end_once_and_no_process_stays() {
    let (runs, mut random) = (runs(), Random::new());
    let (mut answers, mut records) = (0, 0);
    for number in 0..runs {
        let ended = ENDS[number % ENDS.len()];
        let (answered, recorded) = run(ended, &mut random);
        answers += answered;
        records += recorded;
    }
    println!("{runs} runs: {answers} calls answered, {records} recorded");
    assert!(records >= answers);
}

/// One run. The numbers of calls that were answered and recorded.
fn run(ended: Ended, random: &mut Random) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    // Where calls have to be answered they end by themselves, however slow the disk of the audit log is.
    let all_end = ended == Ended::Input;
    let grace = match ended {
        Ended::Server | Ended::Input => PATIENCE,
        _ => Duration::from_millis(100),
    };
    let calls = (0..CALLS).filter(|call| !all_end || call % 3 != 2);
    let text: String = calls.map(line).collect();
    // At least the first call.
    let sent = line(0).len() + random.below(text.len() - line(0).len() + 1);
    let text = &text[..sent];
    let whole = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let echoes: Vec<_> = whole.filter(is_echo).collect();
    let (until_death, stays) = match ended {
        Ended::Server => {
            let bytes = echoes.iter().map(|call| answer(&call["id"]).len()).sum();
            (1 + random.below(bytes), false)
        }
        // Where the sidecar is killed, nobody is left to end a server that stays; elsewhere it has the grace.
        Ended::Killed | Ended::Input => (usize::MAX, false),
        _ => (usize::MAX, random.below(2) == 0),
    };
    let mut command = role("role_sidecar");
    command
        .env(SIDECAR, folder.path())
        .env(SERVER, until_death.to_string())
        .env(GRACE, grace.as_millis().to_string());
    if stays {
        command.env(STAYS, "1");
    }
    let piped = Stdio::piped;
    let mut sidecar = command
        .stdin(piped())
        .stdout(piped())
        .stderr(piped())
        .spawn()
        .unwrap();
    let watch = watch(&mut sidecar);
    let mut input = sidecar.stdin.take().unwrap();
    let output = BufReader::new(sidecar.stdout.take().unwrap());
    let mut lines = output
        .lines()
        .map_while(Result::ok)
        .filter(|line| line.starts_with('{'));
    assert_eq!(lines.next().as_deref(), Some("{}"), "it has begun");

    let mut answers = Vec::new();
    let sent = send(&mut input, text);
    match ended {
        Ended::Server => answers.extend(lines),
        Ended::Input => {
            drop(input);
            answers.extend(lines);
        }
        Ended::Client => {
            answers.extend(lines.by_ref().take(random.below(echoes.len())));
            drop((input, lines));
        }
        Ended::Terminated | Ended::Killed => {
            let signal = if ended == Ended::Killed {
                "-KILL"
            } else {
                "-TERM"
            };
            answers.extend(lines.by_ref().take(random.below(echoes.len())));
            kill(signal, sidecar.id());
            answers.extend(lines);
        }
    }
    let status = sidecar.wait().unwrap();
    assert_eq!(
        status.success(),
        ended != Ended::Killed,
        "{ended:?}: {status}"
    );
    // The server has this stream too.
    watch
        .recv_timeout(PATIENCE)
        .expect("no process has the standard error");

    let mut answered = BTreeSet::new();
    for answer in &answers {
        let answer: Value = serde_json::from_str(answer).unwrap_or_else(|_| panic!("{answer}"));
        if let Some(id) = answer["id"].as_u64() {
            let is_new = answered.insert(tool(usize::try_from(id).unwrap()));
            assert!(is_new, "{ended:?}: {id} is answered twice");
        }
        let code = &answer["error"]["code"];
        assert!(
            code.is_null() || [-32603, -32700].map(Value::from).contains(code),
            "{answer}"
        );
    }
    let recorded = recorded(folder.path());
    let reached = fs::read_to_string(folder.path().join("reached")).unwrap_or_default();
    let reached: BTreeSet<_> = reached.lines().map(str::to_owned).collect();
    if ended != Ended::Killed {
        assert!(sent || ended == Ended::Server);
        assert_eq!(recorded, reached, "{ended:?}");
        assert_eq!(
            verify(folder.path().join("audit.jsonl"), &key())
                .unwrap()
                .closed,
            1
        );
    }
    match ended {
        // Each call that reached the server's side has ended: with its answer, or with an error.
        Ended::Server => assert!(answered.is_superset(&reached), "{answered:?} {reached:?}"),
        // What the server answers is answered.
        Ended::Input => {
            let echoes = echoes
                .iter()
                .filter_map(|call| call["params"]["name"].as_str());
            assert!(
                echoes
                    .map(str::to_owned)
                    .all(|echo| answered.contains(&echo))
            );
        }
        _ => assert!(recorded.is_superset(&answered), "{answered:?} {recorded:?}"),
    }
    (answered.intersection(&recorded).count(), recorded.len())
}

/// Sends text, as far as it is read.
fn send(input: &mut ChildStdin, text: &str) -> bool {
    input
        .write_all(text.as_bytes())
        .and_then(|()| input.flush())
        .is_ok()
}
