//! Nodes of a cluster that say what a real one does not say on demand.
#![cfg(all(feature = "cluster", feature = "rate-limit"))]
#![allow(clippy::unwrap_used)]

#[path = "support/budgets.rs"]
mod budgets;
mod support;

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use budgets::{Limiter, code};
use mcp_layers_redis::{OnUnavailable, RedisConnection};
use support::RedisServer;

const MAX_WAIT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(20);

/// A node that knows one answer to scripts, and counts them.
struct Fake {
    port: u16,
    scripts: Arc<AtomicUsize>,
}

impl Fake {
    /// The answer is told its port; `None` ends the connection instead.
    fn start(answer: impl Fn(u16) -> Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (answer, scripts) = (answer(port), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&scripts);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, scripts) = (answer.clone(), Arc::clone(&counted));
                thread::spawn(move || serve(stream, answer.as_deref(), &scripts));
            }
        });
        Self { port, scripts }
    }

    fn address(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn scripts(&self) -> usize {
        self.scripts.load(SeqCst)
    }
}

/// Until the connection ends; `None` of a command is the end.
fn serve(mut stream: TcpStream, answer: Option<&str>, scripts: &AtomicUsize) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let words = command(&mut reader)?;
        let text = if words[0].starts_with("EVAL") {
            scripts.fetch_add(1, SeqCst);
            answer?
        } else {
            "+PONG"
        };
        stream.write_all(format!("{text}\r\n").as_bytes()).ok()?;
    }
}

fn command(reader: &mut impl BufRead) -> Option<Vec<String>> {
    let number = |reader: &mut dyn BufRead| {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        line.trim_end().get(1..)?.parse::<usize>().ok()
    };
    let count = number(reader)?;
    let mut words = Vec::new();
    for _ in 0..count {
        let mut bytes = vec![0; number(reader)? + 2];
        reader.read_exact(&mut bytes).ok()?;
        words.push(String::from_utf8_lossy(&bytes[..bytes.len() - 2]).into_owned());
    }
    Some(words)
}

fn limiter(addresses: &[String], max_wait: Duration) -> Limiter {
    let connection = RedisConnection::cluster(addresses).unwrap();
    budgets::limiter(
        connection.max_wait(max_wait),
        OnUnavailable::FailClosed,
        1,
        &["all"],
    )
    .0
}

#[tokio::test]
async fn a_call_that_may_have_been_charged_is_not_sent_again() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let fake = Fake::start(|_| None);
    let layer = limiter(&[fake.address(), server.address()], LONG);
    assert_eq!(code(&layer).await, Some(503));
    assert_eq!(fake.scripts(), 1);
    assert_eq!(server.command(&["DBSIZE"]), ":0");
}

#[tokio::test]
async fn nodes_that_send_in_circles_cost_the_bound_and_are_not_stormed() {
    let fake = Fake::start(|port| Some(format!("-MOVED 7 127.0.0.1:{port}")));
    let layer = limiter(&[fake.address()], MAX_WAIT);
    let start = Instant::now();
    assert_eq!(code(&layer).await, Some(503));
    assert!(start.elapsed() >= MAX_WAIT && start.elapsed() < LONG);
    assert!(fake.scripts() <= 3 + 200 / 5, "{}", fake.scripts());
}

#[tokio::test]
async fn a_redirect_without_a_host_is_to_the_same_one() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let fake = Fake::start(|_| Some(format!("-MOVED 7 :{}", server.port())));
    let layer = limiter(&[fake.address()], LONG);
    assert_eq!(code(&layer).await, None);
    assert_eq!(code(&layer).await, Some(429));
    // It is remembered.
    assert_eq!(fake.scripts(), 1);
}

#[tokio::test]
async fn a_node_that_has_lost_the_others_is_passed_over() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let fake = Fake::start(|_| Some("-CLUSTERDOWN The cluster is down".to_owned()));
    let layer = limiter(&[fake.address(), server.address()], LONG);
    assert_eq!(code(&layer).await, None);
    assert_eq!(code(&layer).await, Some(429));
    let alone = limiter(&[fake.address()], LONG);
    assert_eq!(code(&alone).await, Some(503));
}

#[tokio::test]
async fn nonsense_is_as_good_as_away() {
    for answer in [
        "-MOVED",
        "-MOVED 7",
        "-MOVED 7 nowhere",
        "-MOVED 7 127.0.0.1:70000",
        "-ASK 7 :",
        "+what",
    ] {
        let fake = Fake::start(|_| Some(answer.to_owned()));
        let layer = limiter(&[fake.address()], LONG);
        assert_eq!(code(&layer).await, Some(503), "{answer}");
    }
}
