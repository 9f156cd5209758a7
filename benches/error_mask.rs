//! The cost of the error mask: with nothing wrong, against the same call without it; an error, with
//! its id and its log record; a text that is scrubbed, per kB. Read as ratios within one run.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that cannot run may stop"
)]

use std::{
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    task::{Context, Poll},
    time::Duration,
};

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpError};
use mcp_layers_error_mask::{ErrorMaskLayer, Redactor};
use mcp_layers_rmcp::Stack;
use tower::{Layer, Service};
use tower_layer::Identity;

mod support;
#[path = "support/thread_cpu.rs"]
mod thread_cpu;

use support::{
    Call, Echo, Era, JsonRpcLeaf, Pipe, answer, call_json_rpc, json_rpc_request, params,
};
use thread_cpu::{BATCH, ThreadCpu};

type Group<'a> = BenchmarkGroup<'a, ThreadCpu>;

/// A service that fails with what has to be masked.
#[derive(Debug, Clone, Copy)]
struct Fails;

impl Service<JsonRpcRequest> for Fails {
    type Response = JsonRpcResponse;
    type Error = Infallible;
    type Future = Ready<Result<JsonRpcResponse, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: JsonRpcRequest) -> Self::Future {
        let error = McpError::new(-32603, "db password=hunter2").with("table", "orders");
        ready(Ok(JsonRpcResponse::error(&request, error)))
    }
}

fn nothing_wrong(criterion: &mut Criterion<ThreadCpu>) {
    let mut group = criterion.benchmark_group("mask_pipe");
    over_pipe(
        &mut group,
        "empty",
        Stack::new(Identity::new()).handler(Echo),
    );
    over_pipe(
        &mut group,
        "masked",
        Stack::new(ErrorMaskLayer::new()).handler(Echo),
    );
    group.finish();

    let mut group = criterion.benchmark_group("mask_handle");
    let pipe = Pipe::bare(Era::Legacy);
    let call = Call::over(&pipe, Era::Legacy);
    handled(
        &mut group,
        "empty",
        &call,
        &Stack::new(Identity::new()).handler(Echo),
    );
    handled(
        &mut group,
        "masked",
        &call,
        &Stack::new(ErrorMaskLayer::new()).handler(Echo),
    );
    group.finish();

    let mut group = criterion.benchmark_group("mask_json_rpc");
    json_rpc(&mut group, "bare", JsonRpcLeaf);
    json_rpc(
        &mut group,
        "masked",
        ErrorMaskLayer::new().layer(JsonRpcLeaf),
    );
}

fn something_wrong(criterion: &mut Criterion<ThreadCpu>) {
    let mut group = criterion.benchmark_group("mask_error");
    json_rpc(&mut group, "bare", Fails);
    json_rpc(&mut group, "masked", ErrorMaskLayer::new().layer(Fails));
}

/// Texts of 16 kB: of words alone, of log lines with something to find in each, and of a
/// character that every pattern looks at twice.
fn scrub(criterion: &mut Criterion<ThreadCpu>) {
    let texts = [
        (
            "words",
            "The quick brown fox jumps over the lazy dog; it has no reason to. ",
        ),
        (
            "found",
            "10.0.0.7 open /srv/app/a.rs:7 as app password=hunter2 token=abc\n",
        ),
        ("hostile", "a:/@.="),
    ];
    let every = || Redactor::internals().emails();
    for (name, line) in texts {
        let mut group = criterion.benchmark_group(format!("scrub_{name}"));
        let text = line.repeat(16_000 / line.len());
        group.throughput(Throughput::Bytes(text.len().try_into().unwrap()));
        for (policy, redactor) in [
            ("none", Redactor::none()),
            ("credentials", Redactor::credentials()),
            ("all", every()),
        ] {
            group.bench_function(policy, |bencher| {
                bencher.iter_batched(
                    || text.clone(),
                    |text| black_box(redactor.redact(&text).into_owned()),
                    BATCH,
                );
            });
        }
    }
}

fn over_pipe<T: rmcp::Service<rmcp::RoleServer>>(group: &mut Group<'_>, name: &str, service: T) {
    let pipe = Pipe::connect(service, Era::Legacy);
    group.bench_function(name, |bencher| {
        bencher.iter_batched(params, |params| pipe.call(params), BATCH);
    });
}

fn handled<T: rmcp::Service<rmcp::RoleServer>>(
    group: &mut Group<'_>,
    name: &str,
    call: &Call,
    service: &T,
) {
    group.bench_function(name, |bencher| {
        let prepare = || call.clone();
        bencher.iter_batched(prepare, |call| answer(service, call), BATCH);
    });
}

fn json_rpc<S>(group: &mut Group<'_>, name: &str, mut service: S)
where
    S: Service<JsonRpcRequest, Response = JsonRpcResponse>,
{
    group.bench_function(name, |bencher| {
        let call = |request| call_json_rpc(&mut service, request);
        bencher.iter_batched(json_rpc_request, call, BATCH);
    });
}

fn settings() -> Criterion<ThreadCpu> {
    Criterion::default()
        .with_measurement(ThreadCpu)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1200))
        .sample_size(30)
}

criterion_group! {
    name = error_mask;
    config = settings();
    targets = nothing_wrong, something_wrong, scrub
}
criterion_main!(error_mask);
