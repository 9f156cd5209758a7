//! What authorization costs: time of one thread on the processor, to be read as ratios within one
//! run.
//!
//! | group | what |
//! |---|---|
//! | `decision` | one decision of a table of rules: the exact name, a pattern, nothing that matches |
//! | `json_rpc` | a call of a hand-made service over the neutral types, bare and authorized |
//! | `handle` | a call straight into an rmcp server, with an empty stack and authorized |
//! | `pipe` | a call in memory, from an rmcp client to an rmcp server and back |
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that cannot run may stop"
)]

use std::{hint::black_box, sync::Arc, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use mcp_layers_authorize::{Access, AuthorizeLayer, Operation, Rules};
use mcp_layers_core::{Authentication, McpRequest, Principal};
use mcp_layers_rmcp::Stack;
use mcp_layers_util::LocalPrincipalLayer;
use tower::ServiceBuilder;
use tower_layer::{Identity, Layer};

mod support;
#[path = "support/thread_cpu.rs"]
mod thread_cpu;

use support::{
    Call, Echo, Era, JsonRpcLeaf, Pipe, answer, call_json_rpc, json_rpc_request, params,
};
use thread_cpu::{BATCH, ThreadCpu};

const SIZES: [usize; 2] = [10, 1_000];

/// A table of this many rules, half of them patterns, with the tool of the benches among them.
fn rules(count: usize) -> Rules {
    let mut rules = Rules::builder()
        .tool("dig", Access::scopes(["tools"]))
        .tool("group_7_*", Access::scopes(["tools"]));
    for index in 0..count / 2 - 1 {
        rules = rules
            .tool(format!("tool_{index}"), Access::scopes(["tools"]).hidden())
            .tool(
                format!("set_{index}_*"),
                Access::scopes(["tools", "admin"]).hidden(),
            );
    }
    rules.build().unwrap()
}

fn principal() -> Arc<Principal> {
    let principal = Principal::new("ada", Authentication::Bearer).with_issuer("https://as.example");
    Arc::new(principal.with_scopes(["audit", "files", "prompts", "tools"]))
}

fn decision(criterion: &mut Criterion<ThreadCpu>) {
    let mut group = criterion.benchmark_group("decision");
    let principal = principal();
    for size in SIZES {
        let rules = rules(size);
        for (what, tool) in [
            ("exact", "dig"),
            ("pattern", "group_7_stir"),
            ("hidden", "nothing"),
        ] {
            group.bench_function(format!("{what}/{size}"), |bencher| {
                bencher.iter(|| rules.decision(Operation::call_tool(black_box(tool)), &principal));
            });
        }
    }
}

fn json_rpc(criterion: &mut Criterion<ThreadCpu>) {
    let mut group = criterion.benchmark_group("json_rpc");
    let principal = principal();
    let request = || {
        let mut request = json_rpc_request();
        request.context_mut().set_principal(Arc::clone(&principal));
        request
    };
    group.bench_function("bare", |bencher| {
        bencher.iter_batched(
            request,
            |request| call_json_rpc(&mut JsonRpcLeaf, request),
            BATCH,
        );
    });
    for size in SIZES {
        let mut service = AuthorizeLayer::new(rules(size)).layer(JsonRpcLeaf);
        group.bench_function(format!("authorized/{size}"), |bencher| {
            let call = |request| call_json_rpc(&mut service, request);
            bencher.iter_batched(request, call, BATCH);
        });
    }
}

/// The principal is given and the request decided, as over standard input.
macro_rules! stack {
    ($size:expr) => {
        Stack::new(
            ServiceBuilder::new()
                .layer(LocalPrincipalLayer::new(principal()))
                .layer(AuthorizeLayer::new(rules($size))),
        )
        .handler(Echo)
    };
}

fn handle(criterion: &mut Criterion<ThreadCpu>) {
    let mut group = criterion.benchmark_group("handle");
    let pipe = Pipe::bare(Era::Legacy);
    let call = Call::over(&pipe, Era::Legacy);
    macro_rules! measure {
        ($name:expr, $service:expr) => {
            let service = $service;
            group.bench_function($name, |bencher| {
                bencher.iter_batched(|| call.clone(), |call| answer(&service, call), BATCH);
            });
        };
    }
    measure!("empty", Stack::new(Identity::new()).handler(Echo));
    for size in SIZES {
        measure!(format!("authorized/{size}"), stack!(size));
    }
}

fn pipe(criterion: &mut Criterion<ThreadCpu>) {
    let mut group = criterion.benchmark_group("pipe");
    macro_rules! measure {
        ($name:expr, $service:expr) => {
            let pipe = Pipe::connect($service, Era::Legacy);
            group.bench_function($name, |bencher| {
                bencher.iter_batched(params, |params| pipe.call(params), BATCH);
            });
        };
    }
    measure!("empty", Stack::new(Identity::new()).handler(Echo));
    for size in SIZES {
        measure!(format!("authorized/{size}"), stack!(size));
    }
}

fn settings() -> Criterion<ThreadCpu> {
    Criterion::default()
        .with_measurement(ThreadCpu)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .sample_size(30)
}

criterion_group! {
    name = authorize;
    config = settings();
    targets = decision, json_rpc, handle, pipe
}
criterion_main!(authorize);
