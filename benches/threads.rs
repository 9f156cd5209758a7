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

use support::{Call, Echo, Era, NoOp, Pipe, answer, exporter, params, seven, timing, whole};

/// Calls between two looks at the clock; their requests are made before.
const CHUNK: u64 = 500;

/// Straight into a server that all threads share.
fn handlers(criterion: &mut Criterion) {
    exporter();
    let mut group = criterion.benchmark_group("threads");
    for threads in [1, 2] {
        let mut measure = |name, service: &(dyn Fn(Call) + Sync)| {
            group.bench_function(BenchmarkId::new(name, threads), |bencher| {
                bencher.iter_custom(|calls| {
                    run(threads, &|begin| call_handler(begin, calls, service))
                });
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
        let whole = Stack::new(whole!(&[])).handler(Echo);
        measure("whole", &|call| drop(answer(&whole, call)));
    }
}

/// Whole calls in memory, each thread with a connection of its own to a server with the same stack.
fn pipes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("threads_pipe");
    for threads in [1, 2] {
        let mut measure = |name, connect: &(dyn Fn() -> Pipe + Sync)| {
            group.bench_function(BenchmarkId::new(name, threads), |bencher| {
                bencher.iter_custom(|calls| {
                    run(threads, &|begin| call_over_pipe(begin, calls, &connect()))
                });
            });
        };
        measure("bare", &|| Pipe::connect(Echo, Era::Legacy));
        let whole = Stack::new(whole!(&[]));
        measure("whole", &|| Pipe::connect(whole.handler(Echo), Era::Legacy));
    }
}

/// The longest that one of the threads needs for its work.
fn run(threads: usize, work: &(dyn Fn(&Barrier) -> Duration + Sync)) -> Duration {
    let begin = Barrier::new(threads);
    let slowest = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(|| work(&begin))).collect();
        let times = running.into_iter().map(|thread| thread.join().unwrap());
        times.max().unwrap()
    });
    exporter().run_upkeep();
    slowest
}

fn call_handler(begin: &Barrier, calls: u64, service: &(dyn Fn(Call) + Sync)) -> Duration {
    // A connection for each thread: rmcp's own sharing is not what is measured.
    let pipe = Pipe::bare(Era::Legacy);
    let call = Call::over(&pipe, Era::Legacy);
    in_chunks(begin, calls, || call.clone(), service)
}

fn call_over_pipe(begin: &Barrier, calls: u64, pipe: &Pipe) -> Duration {
    in_chunks(begin, calls, params, |params| {
        drop(black_box(pipe.call(params)));
    })
}

fn in_chunks<T>(begin: &Barrier, calls: u64, make: impl Fn() -> T, call: impl Fn(T)) -> Duration {
    let mut spent = Duration::ZERO;
    let mut left = calls;
    begin.wait();
    while left > 0 {
        let chunk: Vec<_> = (0..left.min(CHUNK)).map(|_| make()).collect();
        left -= chunk.len() as u64;
        let started = ThreadTime::now();
        for one in chunk {
            call(black_box(one));
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
    targets = handlers, pipes
}
criterion_main!(scaling);
