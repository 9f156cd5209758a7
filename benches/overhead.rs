//! What layers cost: time of one thread on the processor, to be read as ratios within one run.
//!
//! | group | a call |
//! |---|---|
//! | `pipe` | in memory, from an rmcp client to an rmcp server and back |
//! | `handle`, `handle_modern` | straight into an rmcp server, without and with 2026-07-28 |
//! | `json_rpc` | of a hand-made service over the neutral types |
//! | `floor` | the parts that timing cannot be without, each alone |
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that cannot run may stop"
)]

use std::{
    collections::HashMap,
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse};
use mcp_layers_rmcp::Stack;
use rmcp::RoleServer;
use tower_layer::{Identity, Layer};
use tower_service::Service;

mod support;
#[path = "support/thread_cpu.rs"]
mod thread_cpu;

use support::{
    Boxed, ByHand, Call, Echo, Era, JsonRpcLeaf, NoOp, Pipe, answer, answer_json_rpc, each_layer,
    exporter, json_rpc_request, params, seven, timing, upkeep, whole,
};
use thread_cpu::{BATCH, ThreadCpu};

type Group<'a> = BenchmarkGroup<'a, ThreadCpu>;

/// A whole call in memory, from the client to the server and back.
fn pipe(criterion: &mut Criterion<ThreadCpu>) {
    let mut group = criterion.benchmark_group("pipe");
    call_over_pipe(&mut group, "bare", Echo);
    macro_rules! measure {
        ($name:literal, $layers:expr) => {
            call_over_pipe(&mut group, $name, Stack::new($layers).handler(Echo));
        };
    }
    measure!("empty", Identity::new());
    measure!("seven", seven::<NoOp>());
    measure!("seven_boxed", seven::<Boxed>());
    measure!("timing", timing());
    measure!("whole", whole!(&[]));
    measure!("whole_hit", whole!(&["dig"]));
    call_over_pipe(&mut group, "by_hand", ByHand::new());
}

fn call_over_pipe<T: rmcp::Service<RoleServer>>(group: &mut Group<'_>, name: &str, service: T) {
    let pipe = Pipe::connect(service, Era::Legacy);
    group.bench_function(name, |bencher| {
        bencher.iter_batched(prepare(params), |params| pipe.call(params), BATCH);
    });
}

/// The same without the transport, where small differences show.
fn handle(criterion: &mut Criterion<ThreadCpu>) {
    for (era, name) in [(Era::Legacy, "handle"), (Era::Modern, "handle_modern")] {
        let mut group = criterion.benchmark_group(name);
        let pipe = Pipe::bare(era);
        let call = Call::over(&pipe, era);
        call_handler(&mut group, "bare", &call, &Echo);
        macro_rules! measure {
            ($name:literal, $layers:expr) => {
                call_handler(&mut group, $name, &call, &Stack::new($layers).handler(Echo));
            };
        }
        measure!("empty", Identity::new());
        measure!("seven", seven::<NoOp>());
        measure!("seven_boxed", seven::<Boxed>());
        measure!("whole", whole!(&[]));
        measure!("whole_hit", whole!(&["dig"]));
        call_handler(&mut group, "by_hand", &call, &ByHand::new());
        if era == Era::Legacy {
            each_layer!(measure);
        }
    }
}

fn call_handler<T: rmcp::Service<RoleServer>>(
    group: &mut Group<'_>,
    name: &str,
    call: &Call,
    service: &T,
) {
    group.bench_function(name, |bencher| {
        bencher.iter_batched(
            prepare(|| call.clone()),
            |call| answer(service, call),
            BATCH,
        );
    });
}

/// Layers over the neutral types, and nothing else.
fn json_rpc(criterion: &mut Criterion<ThreadCpu>) {
    let mut group = criterion.benchmark_group("json_rpc");
    macro_rules! measure {
        ($name:literal, $layers:expr) => {
            call_json_rpc(&mut group, $name, $layers);
        };
    }
    measure!("bare", Identity::new());
    measure!("seven", seven::<NoOp>());
    measure!("seven_boxed", seven::<Boxed>());
    each_layer!(measure);
}

fn call_json_rpc<L>(group: &mut Group<'_>, name: &str, layers: L)
where
    L: Layer<JsonRpcLeaf>,
    L::Service: Service<JsonRpcRequest, Response = JsonRpcResponse> + Clone,
{
    let service = layers.layer(JsonRpcLeaf);
    group.bench_function(name, |bencher| {
        bencher.iter_batched(
            prepare(json_rpc_request),
            |request| answer_json_rpc(&service, request),
            BATCH,
        );
    });
}

/// Prepares a call, outside of what is measured; the exporter tidies up there too.
fn prepare<T>(make: impl Fn() -> T) -> impl FnMut() -> T {
    let mut upkeep = upkeep();
    move || {
        upkeep();
        make()
    }
}

/// What timing cannot be without, each part alone and then one after the other.
fn floor(criterion: &mut Criterion<ThreadCpu>) {
    let mut group = criterion.benchmark_group("floor");
    exporter();
    let histogram = metrics::histogram!("floor_duration_seconds", "tool" => "dig");
    let gauge = metrics::gauge!("floor_active", "method" => "tools/call");
    let handles: HashMap<&str, usize, foldhash::fast::RandomState> =
        ["dig", "sift", "draw", "date", "store", "show"]
            .into_iter()
            .zip(0..)
            .collect();

    let clock = || {
        let started = black_box(Instant::now());
        black_box(started.elapsed())
    };
    let record = |duration: Duration| histogram.record(black_box(duration).as_secs_f64());
    let count = || {
        gauge.increment(1.0);
        gauge.decrement(1.0);
    };
    let find = || black_box(handles.get(black_box("dig")));

    let mut part = |name, run: &dyn Fn()| {
        group.bench_function(name, |bencher| {
            bencher.iter_batched(prepare(|| ()), |()| run(), BATCH);
        });
    };
    part("nothing", &|| {});
    part("clock", &|| {
        clock();
    });
    part("histogram", &|| record(Duration::from_micros(60)));
    part("gauge", &count);
    part("lookup", &|| {
        find();
    });
    part("together", &|| {
        count();
        let duration = clock();
        find();
        record(duration);
    });
}

fn settings() -> Criterion<ThreadCpu> {
    Criterion::default()
        .with_measurement(ThreadCpu)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .sample_size(30)
}

criterion_group! {
    name = overhead;
    config = settings();
    targets = pipe, handle, json_rpc, floor
}
criterion_main!(overhead);
