//! Whether layers let two threads work twice as fast as one.
//!
//! What is measured is the processor's time of the slowest thread: with a processor to each, that
//! is how long all take. Threads that wait for each other's cache lines or locks need more of it.
//! `threads/*/2` that is at most 1/0.85 of `threads/*/1` is a throughput of at least 1.7.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that cannot run may stop"
)]

use std::{hint::black_box, sync::Barrier, thread, time::Duration};

use cpu_time::ThreadTime;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use mcp_layers_rmcp::Stack;
use tower_layer::Identity;

mod support;

use support::{Call, Echo, Era, NoOp, Pipe, answer, exporter, seven, timing};

/// Calls between two looks at the clock; their requests are made before.
const CHUNK: u64 = 500;

fn threads(criterion: &mut Criterion) {
    exporter();
    let mut group = criterion.benchmark_group("threads");
    for threads in [1, 2] {
        let mut measure = |name, service: &(dyn Fn(Call) + Sync)| {
            group.bench_function(BenchmarkId::new(name, threads), |bencher| {
                bencher.iter_custom(|calls| run(threads, calls, service));
            });
        };
        let bare = Echo;
        measure("bare", &|call| drop(answer(&bare, call)));
        let empty = Stack::new(Identity::new()).handler(Echo);
        measure("empty", &|call| drop(answer(&empty, call)));
        let no_op = Stack::new(seven::<NoOp>()).handler(Echo);
        measure("seven", &|call| drop(answer(&no_op, call)));
        let timed = Stack::new(timing()).handler(Echo);
        measure("timing", &|call| drop(answer(&timed, call)));
    }
}

/// The longest that one of the threads needs for its calls.
fn run(threads: usize, calls: u64, service: &(dyn Fn(Call) + Sync)) -> Duration {
    let begin = Barrier::new(threads);
    let slowest = thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| work(&begin, calls, service)))
            .collect();
        let times = running.into_iter().map(|thread| thread.join().unwrap());
        times.max().unwrap()
    });
    exporter().run_upkeep();
    slowest
}

fn work(begin: &Barrier, calls: u64, service: &(dyn Fn(Call) + Sync)) -> Duration {
    // A connection for each thread: rmcp's own sharing is not what is measured.
    let pipe = Pipe::bare(Era::Legacy);
    let call = Call::over(&pipe, Era::Legacy);
    let mut spent = Duration::ZERO;
    let mut left = calls;
    begin.wait();
    while left > 0 {
        let chunk: Vec<_> = (0..left.min(CHUNK)).map(|_| call.clone()).collect();
        left -= chunk.len() as u64;
        let started = ThreadTime::now();
        for call in chunk {
            service(black_box(call));
        }
        spent += started.elapsed();
    }
    spent
}

criterion_group! {
    name = scaling;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .sample_size(30);
    targets = threads
}
criterion_main!(scaling);
