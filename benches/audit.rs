//! The cost of the audit: on the path of a call (CPU time of the calling thread), and the number of
//! records a second that become durable (time of day).
//!
//! | group | what |
//! |---|---|
//! | `audit_path` | a call of a hand-made service: bare, recorded to a sink that takes nothing, recorded to a file, with digests |
//! | `audit_peer` | a call of a tower-mcp service: bare, with tower-mcp's audit to a JSON subscriber, with this one |
//! | `audit_floor` | the parts that a record cannot be without |
//! | `audit_durable` | calls in flight together, answered when their records are synced |
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
    io,
    sync::{Arc, mpsc},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use futures::{FutureExt, executor::block_on, future::join_all};
use mcp_layers_audit::{AuditLayer, Entry, FileSink, Key, LogOptions, Sink, SyncPolicy, Written};
use mcp_layers_tower_mcp::TowerMcpRequest;
use serde_json::json;
use tempfile::TempDir;
use tower::{Layer, Service, ServiceExt};
use tower_mcp::{RouterRequest, RouterResponse, protocol};

#[path = "support/json_rpc.rs"]
#[allow(dead_code, reason = "this bench calls services in its own way")]
mod json_rpc;
#[path = "support/thread_cpu.rs"]
mod thread_cpu;

use json_rpc::{Leaf as JsonRpcLeaf, call as call_json_rpc, request as json_rpc_request};
use thread_cpu::{BATCH, ThreadCpu};

const PATIENCE: Duration = Duration::from_secs(60);

fn key() -> Key {
    Key::new([7; 32]).unwrap()
}

/// Takes every record and does nothing with it.
struct Nowhere;

impl Sink for Nowhere {
    fn write(&self, entry: Entry) -> Written {
        black_box(entry);
        Written::Taken
    }
}

/// A file whose writer does not hold up a bench: there is always room.
fn file(folder: &TempDir, name: &str, sync: SyncPolicy) -> FileSink {
    let options = LogOptions::new(&key()).sync(sync).capacity(1 << 17);
    FileSink::open(folder.path().join(name), options).unwrap()
}

/// Prepares a call outside of what is measured, where the writer catches up too: a server does not
/// make calls faster than the writer writes, and its records do not lie in cold memory.
fn prepare<T>(sink: &FileSink, make: impl Fn() -> T) -> impl FnMut() -> T {
    move || {
        if sink.waiting() > 256 {
            sink.flush(PATIENCE).unwrap();
        }
        make()
    }
}

fn path(criterion: &mut Criterion<ThreadCpu>) {
    let folder = tempfile::tempdir().unwrap();
    let interval = SyncPolicy::Interval(Duration::from_millis(100));
    let sink = file(&folder, "path", interval);
    let plain = AuditLayer::new(sink.clone()).unwrap();
    let mut group = criterion.benchmark_group("audit_path");
    let mut measure = |name: &str, layer: Option<AuditLayer>| {
        group.bench_function(name, |bencher| {
            let requests = prepare(&sink, json_rpc_request);
            match &layer {
                None => bencher.iter_batched(
                    requests,
                    |request| call_json_rpc(&mut JsonRpcLeaf, request),
                    BATCH,
                ),
                Some(layer) => {
                    let mut service = layer.layer(JsonRpcLeaf);
                    bencher.iter_batched(
                        requests,
                        |request| call_json_rpc(&mut service, request),
                        BATCH,
                    );
                }
            }
        });
        sink.flush(PATIENCE).unwrap();
    };
    measure("bare", None);
    measure("nowhere", Some(AuditLayer::new(Nowhere).unwrap()));
    measure("file", Some(plain.clone()));
    measure("file_digests", Some(plain.key(&key())));
}

/// A tower-mcp service that answers at once.
#[derive(Clone)]
struct TowerLeaf;

impl Service<RouterRequest> for TowerLeaf {
    type Response = RouterResponse;
    type Error = Infallible;
    type Future = Ready<Result<RouterResponse, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: RouterRequest) -> Self::Future {
        ready(Ok(RouterResponse {
            id: request.id,
            inner: Ok(protocol::McpResponse::Empty(protocol::EmptyResult {})),
        }))
    }
}

/// The same, asked with the view that layers read.
#[derive(Clone)]
struct ViewLeaf;

impl Service<TowerMcpRequest> for ViewLeaf {
    type Response = mcp_layers_tower_mcp::TowerMcpResponse;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: TowerMcpRequest) -> Self::Future {
        let request = request.into_inner();
        let response = RouterResponse {
            id: request.id,
            inner: Ok(protocol::McpResponse::Empty(protocol::EmptyResult {})),
        };
        ready(Ok(mcp_layers_tower_mcp::TowerMcpResponse::new(response)))
    }
}

fn tower_request() -> RouterRequest {
    let params = json!({ "name": "dig", "arguments": { "depth": 14 } });
    let params = serde_json::from_value(params).unwrap();
    RouterRequest::new(7.into(), protocol::McpRequest::CallTool(params))
}

fn peer(criterion: &mut Criterion<ThreadCpu>) {
    let mut group = criterion.benchmark_group("audit_peer");
    call(&mut group, "bare", &TowerLeaf, tower_request);
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_writer(io::sink)
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let service = tower_mcp::middleware::AuditLayer::new().layer(TowerLeaf);
        call(&mut group, "tower_mcp", &service, tower_request);
    });
    let folder = tempfile::tempdir().unwrap();
    let sink = file(
        &folder,
        "peer",
        SyncPolicy::Interval(Duration::from_millis(100)),
    );
    let view = || TowerMcpRequest::new(tower_request());
    call(&mut group, "view", &ViewLeaf, view);
    let service = AuditLayer::new(sink.clone()).unwrap().layer(ViewLeaf);
    group.bench_function("file", |bencher| {
        bencher.iter_batched(
            prepare(&sink, view),
            |request| service.clone().oneshot(request).now_or_never(),
            BATCH,
        );
    });
}

fn call<S, R>(group: &mut BenchmarkGroup<'_, ThreadCpu>, name: &str, service: &S, make: fn() -> R)
where
    S: Service<R> + Clone,
{
    group.bench_function(name, |bencher| {
        bencher.iter_batched(
            make,
            |request| service.clone().oneshot(request).now_or_never(),
            BATCH,
        );
    });
}

fn floor(criterion: &mut Criterion<ThreadCpu>) {
    let mut group = criterion.benchmark_group("audit_floor");
    group.bench_function("clock_twice", |bencher| {
        bencher.iter(|| (Instant::now(), Instant::now()));
    });
    let (sender, receiver) = mpsc::channel();
    let record: Arc<[u64; 64]> = Arc::new([0; 64]);
    group.bench_function("push", |bencher| {
        bencher.iter_batched(
            || {
                receiver.try_iter().for_each(drop);
                Arc::clone(&record)
            },
            |record| sender.send(record).is_ok(),
            BATCH,
        );
    });
}

/// Records a second: so many calls in flight, each answered when its record is synced.
fn durable(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let mut group = criterion.benchmark_group("audit_durable");
    for in_flight in [1_u64, 64, 1024, 4096] {
        let sink = file(&folder, &format!("durable-{in_flight}"), SyncPolicy::Batch);
        let service = AuditLayer::new(sink.clone()).unwrap().layer(JsonRpcLeaf);
        group.throughput(Throughput::Elements(in_flight));
        group.bench_function(in_flight.to_string(), |bencher| {
            bencher.iter(|| {
                let calls = (0..in_flight).map(|_| service.clone().oneshot(json_rpc_request()));
                block_on(join_all(calls))
            });
        });
        sink.close(PATIENCE);
    }
}

fn settings() -> Criterion<ThreadCpu> {
    Criterion::default()
        .with_measurement(ThreadCpu)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .sample_size(30)
}

fn wall() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(3))
        .sample_size(20)
}

criterion_group! {
    name = thread;
    config = settings();
    targets = path, peer, floor
}
criterion_group! {
    name = throughput;
    config = wall();
    targets = durable
}
criterion_main!(thread, throughput);
