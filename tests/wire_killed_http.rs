//! A client, a sidecar over HTTP and its upstream server, each ended at a random point: calls end, nothing hangs, and the
//! audit has one record for each call that reached the layers.
//!
//! `WIRE_KILLS` is the number of runs: 20 unless set. The points are numbers of bytes; `WIRE_SEED` repeats them.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

#[path = "support/killed.rs"]
mod killed;

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Stdio},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, Request, Response},
};
use futures::{StreamExt, stream};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use killed::{
    CALLS, PATIENCE, Random, is_answered, is_echo, key, kill, recorded, role, runs, tool, watch,
};
use mcp_layers::{
    Catalog, End, JsonRpcRequest, JsonRpcResponse, McpRequest,
    audit::{AuditLayer, FileSink, LogOptions, verify},
    observe,
    util::CancelLayer,
    wire::{WireLayer, http::WireBody},
};
use serde_json::Value;
use tokio::{
    net::TcpListener,
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
};
use tower::{Layer, ServiceBuilder, ServiceExt};

const SIDECAR: &str = "WIRE_HTTP_SIDECAR";
const UPSTREAM: &str = "WIRE_HTTP_UPSTREAM";
const SERVER: &str = "WIRE_HTTP_SERVER";

/// The time for which a call waits for a client that has lost its connection.
const PARKED: Duration = Duration::from_millis(100);

fn answer(id: &Value) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[]}}}}"#)
}

/// A call, of HTTP 1.0: the end of its answer is that of its connection.
fn request(call: usize, is_legacy: bool) -> String {
    let tool = tool(call);
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":{call},"method":"tools/call","params":{{"name":"{tool}"}}}}"#
    );
    let session = if is_legacy {
        "mcp-session-id: s\r\nmcp-protocol-version: 2025-06-18\r\n"
    } else {
        ""
    };
    format!(
        "POST /mcp HTTP/1.0\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\n{session}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The server. It answers `echo`, and kills itself after a number of bytes.
#[tokio::test]
async fn role_server() {
    let Ok(bytes) = env::var(SERVER) else { return };
    let left = Arc::new(AtomicUsize::new(bytes.parse().unwrap()));
    let serve = move |headers: HeaderMap, body: Bytes| async move {
        let call: Value = serde_json::from_slice(&body).unwrap();
        let mut text = answer(&call["id"]);
        let is_stream = headers.contains_key("mcp-session-id")
            || call["id"].as_u64().unwrap().is_multiple_of(2);
        let mut content_type = "application/json";
        if is_stream {
            // In a session, an event with an id can be resumed.
            let id = if headers.contains_key("mcp-session-id") {
                "id: 1\n"
            } else {
                ""
            };
            text = format!("{id}data:\n\ndata: {text}\n\n");
            content_type = "text/event-stream";
        }
        if !is_echo(&call) {
            if !is_stream {
                std::future::pending::<()>().await;
            }
            text.truncate(text.find("data: ").unwrap());
        }
        let pieces: Vec<_> = text
            .as_bytes()
            .chunks(16)
            .map(Bytes::copy_from_slice)
            .collect();
        let pieces = stream::iter(pieces).then(move |piece| {
            let left = left.clone();
            async move {
                // The piece before is on its way.
                tokio::task::yield_now().await;
                if left.fetch_sub(piece.len().min(left.load(Relaxed)), Relaxed) <= piece.len() {
                    kill("-KILL", std::process::id());
                }
                Ok::<_, std::io::Error>(piece)
            }
        });
        let rest = if is_echo(&call) {
            stream::empty().boxed()
        } else {
            stream::pending().boxed()
        };
        let response = Response::builder().header("content-type", content_type);
        response
            .body(Body::from_stream(pieces.chain(rest)))
            .unwrap()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("\nlistening {}", listener.local_addr().unwrap());
    axum::serve(
        listener,
        Router::new().route("/mcp", axum::routing::post(serve)),
    )
    .await
    .unwrap();
}

/// The sidecar. It says which calls reach the layers, and which end.
#[test]
fn role_sidecar() {
    let Some(folder) = env::var_os(SIDECAR).map(PathBuf::from) else {
        return;
    };
    let origin = env::var(UPSTREAM).unwrap();
    let sink = FileSink::open(folder.join("audit.jsonl"), LogOptions::new(&key())).unwrap();
    let layers = ServiceBuilder::new()
        .layer(observe(|request: &JsonRpcRequest| {
            let target = request.target().unwrap_or_default().to_owned();
            println!("begun {target}");
            move |_: End<'_, JsonRpcResponse>| println!("ended {target}")
        }))
        .layer(AuditLayer::new(sink.clone()).unwrap())
        .layer(CancelLayer::new());
    let wire = WireLayer::new(layers)
        .catalog(Catalog::new().with_tools((0..CALLS).map(tool)))
        .park_for(PARKED)
        .unwrap();
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let client = Client::builder(TokioExecutor::new()).build_http::<WireBody>();
        let upstream = client.map_request(move |mut request: Request<_>| {
            *request.uri_mut() = format!("{origin}{}", request.uri()).parse().unwrap();
            request
        });
        let mut terminated = signal(SignalKind::terminate()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("\nlistening {}", listener.local_addr().unwrap());
        let app = Router::new().fallback_service(wire.layer(upstream));
        tokio::select! {
            ended = axum::serve(listener, app) => ended.unwrap(),
            _ = terminated.recv() => {}
        }
    });
    // Drops the calls in flight.
    drop(runtime);
    sink.close(PATIENCE);
    std::process::exit(0);
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Ended {
    /// The upstream server is killed, in the middle of an answer or not.
    Server,
    /// Each connection of the client ends, before its answer or not.
    Client,
    /// The sidecar gets SIGTERM.
    Terminated,
    /// The sidecar gets SIGKILL.
    Killed,
}

const ENDS: [Ended; 4] = [
    Ended::Server,
    Ended::Client,
    Ended::Terminated,
    Ended::Killed,
];

#[test]
fn ended_at_random_points_calls_over_http_end_once() {
    let (runs, mut random) = (runs(), Random::new());
    let (mut answers, mut records) = (0, 0);
    for number in 0..runs {
        let is_legacy = number / ENDS.len() % 2 == 1;
        let (answered, recorded) = run(ENDS[number % ENDS.len()], is_legacy, &mut random);
        answers += answered;
        records += recorded;
    }
    println!("{runs} runs: {answers} calls answered, {records} recorded");
    assert!(records >= answers);
}

/// One run. The numbers of calls that were answered and recorded.
fn run(ended: Ended, is_legacy: bool, random: &mut Random) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    let until_death = match ended {
        Ended::Server => {
            1 + random.below(
                (0..CALLS)
                    .map(|call| answer(&call.into()).len())
                    .sum::<usize>()
                    / 2,
            )
        }
        _ => usize::MAX,
    };
    let (server, upstream) = start(role("role_server").env(SERVER, until_death.to_string()));
    let server = EndedOnDrop(server);
    let mut command = role("role_sidecar");
    command
        .env(SIDECAR, folder.path())
        .env(UPSTREAM, format!("http://{upstream}"));
    let (mut sidecar, address) = start(command.stderr(Stdio::piped()));
    let watch = watch(&mut sidecar);
    let log = Log::of(&mut sidecar);

    let clients: Vec<_> = (0..CALLS)
        .map(|call| {
            let request = request(call, is_legacy);
            let leaves = match ended {
                Ended::Client => Leaves::at_random(call, &request, random),
                _ => Leaves::AtTheEnd,
            };
            let (address, log) = (address.clone(), log.clone());
            thread::spawn(move || client(&address, &request, &tool(call), leaves, &log))
        })
        .collect();
    if matches!(ended, Ended::Terminated | Ended::Killed) {
        let number = random.below(CALLS * 2 / 3);
        log.wait(|log| log.ended.len() >= number);
        kill(
            if ended == Ended::Killed {
                "-KILL"
            } else {
                "-TERM"
            },
            sidecar.id(),
        );
    }
    let texts = clients.into_iter().map(|client| client.join().unwrap());
    let texts: Vec<_> = texts.collect();
    if matches!(ended, Ended::Server | Ended::Client) {
        // Nobody waits any longer: every call ends without help.
        log.wait(|log| log.begun.keys().eq(log.ended.keys()));
        kill("-TERM", sidecar.id());
    }
    let status = sidecar.wait().unwrap();
    assert_eq!(
        status.success(),
        ended != Ended::Killed,
        "{ended:?}: {status}"
    );
    watch
        .recv_timeout(PATIENCE)
        .expect("no process has the standard error");
    log.wait(|log| log.is_closed);
    drop(server);

    let mut answered = BTreeSet::new();
    for (call, text) in texts.iter().enumerate() {
        // Of a connection that was cut, a part.
        for answer in text.lines().filter_map(|line| {
            serde_json::from_str::<Value>(line.strip_prefix("data: ").unwrap_or(line)).ok()
        }) {
            assert_eq!(answer["id"], call, "{text}");
            assert!(
                answered.insert(tool(call)),
                "{ended:?}: {call} is answered twice"
            );
            let code = &answer["error"]["code"];
            assert!(code.is_null() || *code == -32603, "{answer}");
        }
    }
    let (begun, all_ended) = log.calls();
    let recorded = recorded(folder.path());
    if ended == Ended::Killed {
        assert!(recorded.is_superset(&answered), "{answered:?} {recorded:?}");
    } else {
        assert_eq!(begun, all_ended, "{ended:?}");
        assert_eq!(recorded, begun, "{ended:?}");
        let log = verify(folder.path().join("audit.jsonl"), &key()).unwrap();
        assert_eq!(log.closed, 1);
    }
    if ended == Ended::Server {
        assert_eq!(begun.len(), CALLS);
        // In a session, what had begun to arrive could have been resumed: there is no answer.
        assert!(is_legacy || answered.len() == CALLS, "{answered:?}");
    }
    (answered.intersection(&recorded).count(), recorded.len())
}

/// A process that does not outlive a test that fails.
struct EndedOnDrop(Child);

impl Drop for EndedOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a role. Its process, and where it listens.
fn start(command: &mut std::process::Command) -> (Child, String) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::with_capacity(1, child.stdout.take().unwrap());
    let mut line = String::new();
    let address = loop {
        line.clear();
        assert!(output.read_line(&mut line).unwrap() > 0, "it listens");
        if let Some(address) = line.trim_end().strip_prefix("listening ") {
            break address.to_owned();
        }
    };
    child.stdout = Some(output.into_inner());
    (child, address)
}

/// The moment at which a client ends its connection.
#[derive(Debug, Clone, Copy)]
enum Leaves {
    /// In the middle of its request.
    Sending(usize),
    /// After its call has begun.
    Waiting,
    /// After a number of bytes of its answer.
    Reading(usize),
    AtTheEnd,
}

impl Leaves {
    /// A moment at random: for a call without an answer, one before its end.
    fn at_random(call: usize, request: &str, random: &mut Random) -> Self {
        match (random.below(3), is_answered(call)) {
            (0, _) => Self::Sending(random.below(request.len())),
            (1, _) | (_, false) => Self::Waiting,
            _ if random.below(2) == 0 => Self::Reading(random.below(200)),
            _ => Self::AtTheEnd,
        }
    }
}

/// Sends a request, and reads the response until it leaves. The body, as far as it came.
fn client(address: &str, request: &str, tool: &str, leaves: Leaves, log: &Log) -> String {
    // A sidecar that is gone refuses connections.
    let Ok(mut stream) = TcpStream::connect(address) else {
        return String::new();
    };
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (sends, reads) = match leaves {
        Leaves::Sending(sends) => (sends, 0),
        Leaves::Reading(reads) => (request.len(), reads),
        _ => (request.len(), usize::MAX),
    };
    if stream.write_all(&request.as_bytes()[..sends]).is_err() {
        return String::new();
    }
    if let Leaves::Waiting = leaves {
        log.wait(|log| log.begun.contains_key(tool));
        return String::new();
    }
    let mut text = Vec::new();
    let mut buffer = [0; 64];
    while text.len() < reads {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => text.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("a connection hangs: {error}"),
        }
    }
    let text = String::from_utf8(text).unwrap();
    text.split_once("\r\n\r\n")
        .map_or(String::new(), |(_, body)| body.to_owned())
}

/// The calls that the sidecar reports.
#[derive(Clone, Default)]
struct Log(Arc<(Mutex<Lines>, Condvar)>);

#[derive(Debug, Default)]
struct Lines {
    begun: BTreeMap<String, usize>,
    ended: BTreeMap<String, usize>,
    is_closed: bool,
}

impl Log {
    fn of(child: &mut Child) -> Self {
        let log = Self::default();
        let (lines, output) = (log.clone(), BufReader::new(child.stdout.take().unwrap()));
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let Some((what, tool)) = line.split_once(' ') else {
                    continue;
                };
                let mut log = lines.0.0.lock().unwrap();
                match what {
                    "begun" => *log.begun.entry(tool.to_owned()).or_default() += 1,
                    "ended" => *log.ended.entry(tool.to_owned()).or_default() += 1,
                    _ => continue,
                }
                lines.0.1.notify_all();
            }
            lines.0.0.lock().unwrap().is_closed = true;
            lines.0.1.notify_all();
        });
        log
    }

    fn wait(&self, until: impl Fn(&Lines) -> bool) {
        let lines = self.0.0.lock().unwrap();
        let (lines, waited) = self
            .0
            .1
            .wait_timeout_while(lines, PATIENCE, |lines| !until(lines))
            .unwrap();
        assert!(!waited.timed_out(), "{lines:?}");
    }

    /// The calls that reached the layers, and those that ended, each once.
    fn calls(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        let lines = self.0.0.lock().unwrap();
        let once = |calls: &BTreeMap<String, usize>| {
            assert!(calls.values().all(|times| *times == 1), "{calls:?}");
            calls.keys().cloned().collect()
        };
        (once(&lines.begun), once(&lines.ended))
    }
}
