//! A process that is killed while it writes: what it acknowledged is there, the rest is repaired.
//!
//! `AUDIT_KILLS` says how often it is killed: 100 times unless set.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    collections::HashSet,
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use common::{PATIENCE, answer, call, folder, key};
use futures::future::join_all;
use mcp_layers_audit::{AuditLayer, FileSink, LogOptions, SyncPolicy, verify};
use mcp_layers_core::McpResponse;

const CHILD: &str = "AUDIT_KILL_CHILD";
const LIFE: &str = "AUDIT_KILL_LIFE";

fn options(life: u64) -> LogOptions {
    let sync = if life.is_multiple_of(2) {
        SyncPolicy::Each
    } else {
        SyncPolicy::Batch
    };
    LogOptions::new(&key())
        .sync(sync)
        .max_bytes(20_000)
        // So often that the process is killed inside of it too.
        .checkpoint_every(Duration::from_millis(1))
}

/// The process: it prints each call that was acknowledged, and never ends.
#[tokio::test]
async fn a_process_to_be_killed() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let life: u64 = std::env::var(LIFE).unwrap().parse().unwrap();
    let sink = FileSink::open(Path::new(&path), options(life)).unwrap();
    let layer = AuditLayer::new(sink).unwrap();
    // Many at once make batches of many pages, inside of which the process is killed too.
    let lanes = if life.is_multiple_of(2) { 4 } else { 64 };
    for round in 0_u64.. {
        join_all((0..lanes).map(|lane| {
            let layer = layer.clone();
            async move {
                let tool = format!("call-{life}-{}", round * lanes + lane);
                let response = answer(&layer, call(&tool)).await;
                assert_eq!(response.outcome().code(), None);
                let mut out = std::io::stdout().lock();
                out.write_all(format!("\nack {tool}\n").as_bytes()).unwrap();
                out.flush().unwrap();
            }
        }))
        .await;
    }
}

#[test]
fn killed_at_random_points_every_acknowledged_record_is_there() {
    let kills: u64 = std::env::var("AUDIT_KILLS").map_or(100, |kills| kills.parse().unwrap());
    let (_folder, path) = folder();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let mut seed = u64::from(now.subsec_nanos()) << 20 | now.as_secs() | 1;
    println!("seed {seed}");
    let mut random = move |below: u64| {
        // xorshift64 (Marsaglia, 2003)
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let mut acknowledged = HashSet::new();
    for life in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_process_to_be_killed", "--nocapture"])
            .env(CHILD, &path)
            .env(LIFE, life.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut acks = out.lines().map_while(Result::ok);
        let mut acks = acks
            .by_ref()
            .filter_map(|line| Some(line.strip_prefix("ack ")?.to_owned()));
        // One in ten is killed while it opens the file.
        let enough = if random(10) == 0 { 0 } else { random(12) + 1 };
        if enough == 0 {
            spin(Duration::from_micros(random(8_000)));
        } else {
            for _ in 0..enough {
                acknowledged.insert(acks.next().expect("the process lives"));
            }
            spin(Duration::from_micros(random(800)));
        }
        child.kill().unwrap();
        acknowledged.extend(acks);
        child.wait().unwrap();
    }
    // One more writer, which repairs what the last one left.
    let sink = FileSink::open(&path, options(0)).unwrap();
    sink.close(PATIENCE);
    let verified = verify(&path, &key()).unwrap();
    // A writer that was killed does not close the log.
    assert_eq!(verified.closed, 1);
    let mut recorded = HashSet::new();
    for entry in fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let tail = name.strip_prefix("audit.jsonl").unwrap();
        if tail.is_empty() || tail[1..].bytes().all(|byte| byte.is_ascii_digit()) {
            for line in common::lines(&file) {
                if let Some(tool) = line["record"]["target"].as_str() {
                    assert!(recorded.insert(tool.to_owned()), "{tool} twice");
                }
            }
        }
    }
    println!(
        "{kills} kills: {} acknowledged, {} recorded, {} torn tails, {} segments",
        acknowledged.len(),
        recorded.len(),
        verified.repairs,
        verified.segments,
    );
    let missing: Vec<_> = acknowledged.difference(&recorded).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(verified.records, recorded.len() as u64);
    assert!(acknowledged.len() as u64 >= kills);
}

/// Lets time pass in which the process goes on: this is not to wait for anything.
fn spin(time: Duration) {
    let started = Instant::now();
    while started.elapsed() < time {
        std::hint::spin_loop();
    }
}
