//! The cost of layers where users are: server CPU per request over HTTP, bare against layered.
//!
//! Each server is a process of its own that serves rmcp's streamable HTTP service in axum on the loopback
//! interface. This process loads them in turn, in short rounds, so that all of them have the same share of
//! what else the machine does. Ratios are taken within each round, and the median of them counts.
//!
//! ```text
//! cargo bench --bench http
//! cargo bench --bench http -- --json benches/results/http.json
//! ```
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that cannot run may stop"
)]

#[path = "http/child.rs"]
mod child;
#[path = "http/client.rs"]
mod client;
#[path = "http/report.rs"]
mod report;
#[path = "http/server.rs"]
mod server;
mod support;

use std::{env, fs, time::Instant};

use child::Child;
use client::Client;
use report::{Measured, Round};
use tokio::runtime::{Builder, Runtime};

/// Kept-alive connections to each server, with one request in flight on each.
const CONNECTIONS: usize = 16;
const REQUESTS: usize = 2_000;
const ROUNDS: usize = 24;
/// Rounds that are not counted: what is made only once is made there.
const WARM_UP: usize = 2;

/// The servers, in the order of the report.
const SERVERS: [&str; 6] = [
    "bare",
    "by_hand",
    "layers",
    "secured_by_hand",
    "secured",
    "edge",
];
/// The handlers: one that answers at once, and one that waits for something first, as most do.
const HANDLERS: [&str; 2] = ["instant", "waiting"];

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [child::FLAG, name, handler, folder] => server::run(name, handler, folder.as_ref()),
        ["--json", path, ..] => {
            let json = report::to_json(CONNECTIONS, REQUESTS, &HANDLERS.map(measure));
            fs::write(path, json).unwrap();
        }
        _ => HANDLERS.map(measure).into_iter().for_each(drop),
    }
}

fn measure(handler: &'static str) -> (&'static str, Vec<Measured>) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let runtime = Builder::new_current_thread().enable_io().build().unwrap();
    let mut servers = SERVERS.map(|name| {
        let child = Child::start(name, handler, folder.path());
        let client = runtime.block_on(Client::connect(child.address(), CONNECTIONS));
        (child, client, Measured::new(name))
    });
    for round in 0..WARM_UP + ROUNDS {
        for turn in 0..SERVERS.len() {
            // Each round begins with another server: none is always the one after the same other.
            let (child, client, measured) = &mut servers[(round + turn) % SERVERS.len()];
            let one = run(&runtime, child, client);
            if round >= WARM_UP {
                measured.rounds.push(one);
            }
        }
    }
    let measured: Vec<_> = servers.into_iter().map(|(.., measured)| measured).collect();
    println!("{handler} handler\n{}", report::to_table(&measured));
    (handler, measured)
}

fn run(runtime: &Runtime, child: &Child, client: &mut Client) -> Round {
    let before = child.cpu();
    let started = Instant::now();
    runtime.block_on(client.send(REQUESTS / CONNECTIONS));
    let seconds = started.elapsed().as_secs_f64();
    let cpu = child.cpu() - before;
    Round {
        cpu_us: cpu.as_secs_f64() * 1e6 / REQUESTS as f64,
        per_second: REQUESTS as f64 / seconds,
    }
}
