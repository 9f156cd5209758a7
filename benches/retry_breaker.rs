//! The cost of retry and circuit breaker: time of one thread on the processor, to be read as ratios
//! within one run.
//!
//! | group | a call |
//! |---|---|
//! | `retry_breaker` | of a hand-made service over the neutral types: bare, with two layers that do nothing, with each layer, with both, with the same work written by hand, with the layers of tower-resilience, and refused by an open circuit |
//! | `retry_breaker_floor` | what both cannot be without: a copy of the request, and the atomics |
//! | `retry_breaker_threads` | with both and bare, on one thread and on two |
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that cannot run may stop"
)]

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    future::Ready,
    hint::black_box,
    num::NonZeroU32,
    pin::Pin,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    thread,
    time::Duration,
};

use cpu_time::ThreadTime;
use criterion::{
    BenchmarkGroup, Criterion, criterion_group, criterion_main,
    measurement::{Measurement, WallTime},
};
use mcp_layers_circuit_breaker::{CircuitBreakerLayer, Mode, Percent};
use mcp_layers_core::{
    JsonRpcRequest, JsonRpcResponse, McpRequest, McpResponse, request::ReplayRequest,
};
use mcp_layers_retry::RetryLayer;
use tower::{Service, ServiceBuilder};
use tower_layer::{Identity, Layer, layer_fn};

mod support;
#[path = "support/thread_cpu.rs"]
mod thread_cpu;

use support::{JsonRpcLeaf, NoOp, call_json_rpc as call, json_rpc_request};
use thread_cpu::{BATCH, ThreadCpu};

fn retry() -> RetryLayer {
    RetryLayer::new(NonZeroU32::new(3).unwrap())
        .repeatable_tools(["dig"])
        .unwrap()
}

fn their_retry<E>() -> tower_resilience_retry::RetryLayer<JsonRpcRequest, JsonRpcResponse, E>
where
    E: Send + Sync + 'static,
{
    tower_resilience_retry::RetryLayer::builder()
        .max_attempts(3)
        .exponential_backoff(Duration::from_millis(100))
        .build()
}

fn breaker() -> CircuitBreakerLayer {
    CircuitBreakerLayer::new()
}

/// The work of both layers written by hand into one service: which tools may be called again, a copy
/// of the request, a budget, and a circuit for each tool that counts the last 100 calls.
#[derive(Clone)]
struct ByHand {
    inner: JsonRpcLeaf,
    shared: Arc<ByHandState>,
}

struct ByHandState {
    repeatable: HashSet<&'static str>,
    budget: AtomicU64,
    circuits: HashMap<&'static str, Mutex<Circuit>>,
}

struct Circuit {
    failed: [bool; 100],
    failures: usize,
    next: usize,
    is_open: bool,
}

impl Circuit {
    fn count(&mut self, failed: bool) {
        let before = std::mem::replace(&mut self.failed[self.next], failed);
        self.failures = self.failures + usize::from(failed) - usize::from(before);
        self.next = (self.next + 1) % self.failed.len();
        self.is_open = self.failures > self.failed.len() / 2;
    }
}

impl ByHand {
    fn new() -> Self {
        let circuit = Circuit {
            failed: [false; 100],
            failures: 0,
            next: 0,
            is_open: false,
        };
        Self {
            inner: JsonRpcLeaf,
            shared: Arc::new(ByHandState {
                repeatable: ["dig"].into_iter().collect(),
                budget: AtomicU64::new(0),
                circuits: [("dig", Mutex::new(circuit))].into_iter().collect(),
            }),
        }
    }
}

impl Service<JsonRpcRequest> for ByHand {
    type Response = JsonRpcResponse;
    type Error = Infallible;
    type Future = ByHandFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: JsonRpcRequest) -> ByHandFuture {
        let tool = request.target().unwrap();
        let (tool, circuit) = self.shared.circuits.get_key_value(tool).unwrap();
        assert!(!circuit.lock().unwrap().is_open);
        let copy = self.shared.repeatable.contains(tool).then(|| {
            self.shared.budget.fetch_add(200, Relaxed);
            request.try_clone().unwrap()
        });
        ByHandFuture {
            tool,
            copy,
            future: self.inner.call(request),
            service: self.clone(),
        }
    }
}

struct ByHandFuture {
    tool: &'static str,
    copy: Option<JsonRpcRequest>,
    future: Ready<Result<JsonRpcResponse, Infallible>>,
    service: ByHand,
}

impl Future for ByHandFuture {
    type Output = Result<JsonRpcResponse, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.future).poll(cx);
        if let Poll::Ready(Ok(response)) = &poll {
            let failed = response.outcome().code().is_some();
            assert!(!failed, "this bench has no failure to try again");
            this.copy = None;
            let circuit = this.service.shared.circuits.get(this.tool).unwrap();
            circuit.lock().unwrap().count(failed);
        }
        poll
    }
}

fn measure<L>(group: &mut BenchmarkGroup<'_, ThreadCpu>, name: &str, layers: L, code: Option<i32>)
where
    L: Layer<JsonRpcLeaf>,
    L::Service: Service<JsonRpcRequest, Response = JsonRpcResponse>,
{
    let mut service = layers.layer(JsonRpcLeaf);
    // The window of a circuit fills.
    for _ in 0..1_000 {
        let response = call(&mut service, json_rpc_request());
        assert_eq!(response.outcome().code(), code);
    }
    group.bench_function(name, |bencher| {
        bencher.iter_batched(
            json_rpc_request,
            |request| call(&mut service, request),
            BATCH,
        );
    });
}

fn layers(criterion: &mut Criterion<ThreadCpu>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    let _inside = runtime.enter();
    let mut group = criterion.benchmark_group("retry_breaker");
    let both = || {
        ServiceBuilder::new()
            .layer(retry())
            .layer(breaker())
            .into_inner()
    };

    measure(&mut group, "bare", Identity::new(), None);
    let two_no_ops = (NoOp::default(), NoOp::default());
    measure(&mut group, "two_no_ops", two_no_ops, None);
    measure(&mut group, "retry", retry(), None);
    measure(&mut group, "breaker", breaker(), None);
    measure(&mut group, "both", both(), None);

    measure(&mut group, "by_hand", layer_fn(|_| ByHand::new()), None);

    let slow = breaker().slow_call_rate(Duration::from_secs(1), Percent::HALF);
    measure(&mut group, "breaker_slow_calls", slow, None);

    let open = breaker();
    open.handle().set_mode("tools/call dig", Mode::ForcedOpen);
    measure(&mut group, "open", open, Some(503));

    let their_breaker = || {
        tower_resilience_circuitbreaker::CircuitBreakerLayer::builder()
            .failure_rate_threshold(0.5)
            .sliding_window_size(20)
            .build()
            .unwrap()
    };
    measure(
        &mut group,
        "tower_resilience_retry",
        their_retry::<Infallible>(),
        None,
    );
    measure(
        &mut group,
        "tower_resilience_breaker",
        their_breaker(),
        None,
    );
    let theirs = ServiceBuilder::new()
        .layer(their_retry())
        .layer(their_breaker());
    measure(&mut group, "tower_resilience_both", theirs, None);
}

/// The parts, each alone and then one after the other.
fn floor(criterion: &mut Criterion<ThreadCpu>) {
    let mut group = criterion.benchmark_group("retry_breaker_floor");
    let budget = AtomicU64::new(0);
    let word = AtomicU64::new(0);
    // What a service that is called again later cannot be without, if layers share state.
    let shared = [Arc::new(0_u64), Arc::new(0_u64), Arc::new(0_u64)];
    let atomics = || {
        budget.fetch_add(black_box(200), Relaxed);
        black_box(word.load(Relaxed));
        black_box(word.load(Relaxed));
    };
    let handles = || black_box(shared.clone());

    let mut part = |name, run: &dyn Fn(JsonRpcRequest) -> JsonRpcRequest| {
        group.bench_function(name, |bencher| {
            bencher.iter_batched(json_rpc_request, run, BATCH);
        });
    };
    part("nothing", &|request| request);
    part("request_clone", &|request| {
        drop(black_box(request.try_clone()));
        request
    });
    part("atomics", &|request| {
        atomics();
        request
    });
    part("handles", &|request| {
        drop(handles());
        request
    });
    part("together", &|request| {
        drop(black_box(request.try_clone()));
        atomics();
        request
    });
    part("together_with_handles", &|request| {
        let handles = handles();
        drop(black_box(request.try_clone()));
        atomics();
        drop(handles);
        request
    });
}

/// The longest that one of the threads needs for its calls, of one stack that all share.
fn threads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("retry_breaker_threads");
    let both = ServiceBuilder::new().layer(retry()).layer(breaker());
    scale(&mut group, "", &both.service(JsonRpcLeaf));
    scale(&mut group, "bare_", &JsonRpcLeaf);
}

fn scale<S>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, service: &S)
where
    S: Service<JsonRpcRequest> + Clone + Sync,
{
    for threads in [1, 2] {
        let work = |begin: &Barrier, calls: u64| {
            let mut service = service.clone();
            let mut spent = Duration::ZERO;
            begin.wait();
            let mut left = calls;
            while left > 0 {
                let chunk: Vec<_> = (0..left.min(500)).map(|_| json_rpc_request()).collect();
                left -= chunk.len() as u64;
                let started = ThreadTime::now();
                for request in chunk {
                    black_box(call(&mut service, request));
                }
                spent += started.elapsed();
            }
            spent
        };
        group.bench_function(format!("{name}{threads}"), |bencher| {
            bencher.iter_custom(|calls| {
                let begin = Barrier::new(threads);
                thread::scope(|scope| {
                    let running: Vec<_> = (0..threads)
                        .map(|_| scope.spawn(|| work(&begin, calls)))
                        .collect();
                    let spent = running.into_iter().map(|thread| thread.join().unwrap());
                    spent.max().unwrap()
                })
            });
        });
    }
}

fn settings<M: Measurement>(criterion: Criterion<M>) -> Criterion<M> {
    criterion
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .sample_size(30)
}

criterion_group! {
    name = cost;
    config = settings(Criterion::default().with_measurement(ThreadCpu));
    targets = layers, floor
}
criterion_group! {
    name = scaling;
    config = settings(Criterion::default());
    targets = threads
}
criterion_main!(cost, scaling);
