//! The cost of a rate limit: CPU time of one thread, to be read as ratios within one run.
//!
//! | group | a call |
//! |---|---|
//! | `rate_limit` | that passes, of one key that is always the same; beside it the peers, with a key and without, and the same work written by hand |
//! | `rate_limit_keys` | of one of 100,000 keys in turn |
//! | `rate_limit_redis` | 64 at a time, and one after the other, through a Redis on this machine, if there is one; time of day |
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that cannot run may stop"
)]

use std::{
    collections::HashMap,
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    num::NonZeroU32,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::body::Body;
use criterion::{Criterion, criterion_group, criterion_main};
use futures::future::join_all;
use governor::{RateLimiter, clock::QuantaInstant, middleware::NoOpMiddleware};
use json_rpc::{Leaf, call};
use mcp_layers_core::{
    Authentication, JsonRpcRequest, JsonRpcResponse, McpError, McpRequest, McpResponse, Principal,
};
use mcp_layers_rate_limit::{MemoryStore, Quota, RateLimitLayer, Rule};
use mcp_layers_redis::{OnUnavailable, RedisConnection, RedisRateLimitStore};
use smallvec::SmallVec;
use tower::{Layer, Service, ServiceExt};
use tower_governor::{
    GovernorError, GovernorLayer,
    governor::GovernorConfigBuilder,
    key_extractor::{GlobalKeyExtractor, KeyExtractor},
};
use tower_resilience_ratelimiter::RateLimiterLayer;

#[path = "support/json_rpc.rs"]
#[allow(dead_code, reason = "this bench calls services in its own way")]
mod json_rpc;
#[path = "support/thread_cpu.rs"]
mod thread_cpu;

use thread_cpu::{BATCH, ThreadCpu};

/// Answers any HTTP request at once, with nothing.
#[derive(Clone, Copy)]
struct HttpLeaf;

impl Service<http::Request<()>> for HttpLeaf {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<()>) -> Self::Future {
        ready(Ok(http::Response::new(Body::empty())))
    }
}

/// The work of the layer written by hand around a service: the key of principal and tool, the clock,
/// a table behind a lock, GCRA.
struct ByHand {
    inner: Leaf,
    start: Instant,
    // Theoretical arrival times, in nanoseconds from the start. Callers choose keys, so that the
    // hash is the one of the standard library.
    tat: Mutex<HashMap<Vec<u8>, u64>>,
}

impl Service<JsonRpcRequest> for ByHand {
    type Response = JsonRpcResponse;
    type Error = Infallible;
    type Future = Ready<Result<JsonRpcResponse, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: JsonRpcRequest) -> Self::Future {
        const BURST: u64 = 1_000_000_000;
        let Some(principal) = request.context().principal() else {
            return ready(Ok(refused(&request)));
        };
        let mut key = SmallVec::<[u8; 128]>::new();
        let target = request.target();
        for part in [Some(principal.subject()), principal.issuer(), target] {
            let part = part.unwrap_or_default();
            key.extend_from_slice(&part.len().to_le_bytes());
            key.extend_from_slice(part.as_bytes());
        }
        let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap();
        let mut budgets = self.tat.lock().unwrap();
        let tat = match budgets.get_mut(&*key) {
            Some(tat) => tat,
            None => budgets.entry(key.into_vec()).or_default(),
        };
        let charged = (*tat).max(now) + 1;
        if charged > now + BURST {
            return ready(Ok(refused(&request)));
        }
        *tat = charged;
        drop(budgets);
        self.inner.call(request)
    }
}

fn refused(request: &JsonRpcRequest) -> JsonRpcResponse {
    JsonRpcResponse::from_error(
        request.reply_to(),
        McpError::rate_limited(Duration::from_secs(1)),
    )
}

/// Tells callers of HTTP apart by what an earlier layer found out.
#[derive(Debug, Clone)]
struct ByCaller;

type Caller = (Arc<str>, Arc<str>);

impl KeyExtractor for ByCaller {
    type Key = Caller;

    fn extract<T>(&self, request: &http::Request<T>) -> Result<Caller, GovernorError> {
        let caller = request.extensions().get::<Caller>().cloned();
        caller.ok_or(GovernorError::UnableToExtractKey)
    }
}

const MOST: NonZeroU32 = NonZeroU32::MAX;

fn principal(number: usize) -> Arc<Principal> {
    let subject = format!("user-{number}@example.org");
    Arc::new(Principal::new(subject, Authentication::Bearer).with_issuer("https://id.example.org"))
}

fn request(principal: &Arc<Principal>) -> JsonRpcRequest {
    let mut request = json_rpc::request();
    request.context_mut().set_principal(Arc::clone(principal));
    request
}

fn layer(max_keys: usize) -> RateLimitLayer {
    let store = MemoryStore::new().max_keys(max_keys).unwrap();
    let store = store.max_keys_per_caller(max_keys).unwrap();
    RateLimitLayer::with_store([Rule::new("per-tool", Quota::per_second(MOST))], store).unwrap()
}

fn measure<S, R>(
    group: &mut criterion::BenchmarkGroup<'_, ThreadCpu>,
    name: &str,
    mut service: S,
    mut request: impl FnMut() -> R,
) where
    S: Service<R>,
{
    group.bench_function(name, |bencher| {
        bencher.iter_batched(&mut request, |request| call(&mut service, request), BATCH);
    });
}

fn hot(criterion: &mut Criterion<ThreadCpu>) {
    let mut group = criterion.benchmark_group("rate_limit");
    let ada = principal(0);
    measure(&mut group, "bare", Leaf, || request(&ada));
    measure(&mut group, "keyed", layer(100_000).layer(Leaf), || {
        request(&ada)
    });

    let quota = Quota::per_second(MOST);
    let floor = RateLimiter::dashmap_with_hasher(quota, foldhash::fast::RandomState::default());
    let key = ("user-0@example.org".to_owned(), "dig".to_owned());
    group.bench_function("floor", |bencher| {
        bencher.iter(|| floor.check_key(black_box(&key)).is_ok());
    });

    let peer = RateLimiterLayer::builder()
        .limit_for_period(usize::MAX >> 16)
        .refresh_period(Duration::from_secs(1))
        .build()
        .unwrap();
    measure(
        &mut group,
        "tower_resilience_unkeyed",
        peer.layer(Leaf),
        || request(&ada),
    );

    let by_hand = ByHand {
        inner: Leaf,
        start: Instant::now(),
        tat: Mutex::default(),
    };
    measure(&mut group, "by_hand", by_hand, || request(&ada));

    let caller: Caller = ("user-0@example.org".into(), "dig".into());
    let http_request = || {
        let mut request = http::Request::new(());
        request.extensions_mut().insert(caller.clone());
        request
    };
    measure(&mut group, "bare_http", HttpLeaf, http_request);
    measure(
        &mut group,
        "tower_governor_unkeyed",
        governor_layer(GlobalKeyExtractor).layer(HttpLeaf),
        http_request,
    );
    measure(
        &mut group,
        "tower_governor_keyed",
        governor_layer(ByCaller).layer(HttpLeaf),
        http_request,
    );
}

fn governor_layer<K>(key: K) -> GovernorLayer<K, NoOpMiddleware<QuantaInstant>, Body>
where
    K: KeyExtractor,
    K::Key: std::hash::Hash + Eq + Clone,
{
    let mut config = GovernorConfigBuilder::default();
    let mut config = config.key_extractor(key);
    let config = config.per_nanosecond(1).burst_size(u32::MAX).finish();
    GovernorLayer::new(config.unwrap())
}

fn many_keys(criterion: &mut Criterion<ThreadCpu>) {
    const KEYS: usize = 100_000;
    let mut group = criterion.benchmark_group("rate_limit_keys");
    let principals: Vec<_> = (0..KEYS).map(principal).collect();
    // In an order in which no cache of the machine foresees the next.
    let mut next = 0;
    let mut number = move || {
        next = (next + 61_803) % KEYS;
        next
    };
    measure(&mut group, "bare", Leaf, || request(&principals[number()]));
    let layer = layer(KEYS * 2);
    let mut service = layer.layer(Leaf);
    for principal in &principals {
        drop(service.call(request(principal)));
    }
    measure(&mut group, "keyed", service, || {
        request(&principals[number()])
    });

    let quota = Quota::per_second(MOST);
    let floor = RateLimiter::dashmap_with_hasher(quota, foldhash::fast::RandomState::default());
    let keys: Vec<_> = (0..KEYS)
        .map(|number| (format!("user-{number}@example.org"), "dig".to_owned()))
        .collect();
    keys.iter()
        .for_each(|key| assert!(floor.check_key(key).is_ok()));
    group.bench_function("floor", |bencher| {
        bencher.iter(|| floor.check_key(black_box(&keys[number()])).is_ok());
    });
}

/// Through the Redis at `REDIS_URL`; nothing without it.
fn redis(criterion: &mut Criterion) {
    let Ok(address) = std::env::var("REDIS_URL") else {
        eprintln!("REDIS_URL is not set: no measurement of Redis");
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let connection = RedisConnection::new(&address)
        .unwrap()
        .max_wait(Duration::from_secs(5));
    runtime.block_on(connection.ping()).unwrap();
    let store = RedisRateLimitStore::new(connection.clone(), OnUnavailable::FailClosed);
    let rules = [Rule::new("per-tool", Quota::per_second(MOST))];
    let layer = RateLimitLayer::with_store(rules, store).unwrap();
    let service = layer.layer(Leaf);
    let ada = principal(0);
    let mut group = criterion.benchmark_group("rate_limit_redis");
    group.bench_function("ping", |bencher| {
        bencher.iter(|| runtime.block_on(connection.ping()).unwrap());
    });
    group.bench_function("one_after_the_other", |bencher| {
        bencher.iter(|| {
            runtime
                .block_on(service.clone().oneshot(request(&ada)))
                .unwrap()
        });
    });
    group.bench_function("64_at_a_time", |bencher| {
        bencher.iter(|| {
            let calls = (0..64).map(|_| service.clone().oneshot(request(&ada)));
            runtime.block_on(join_all(calls))
        });
    });
}

criterion_group!(
    name = processor;
    config = Criterion::default()
        .with_measurement(ThreadCpu)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = hot, many_keys
);
criterion_group!(
    name = round_trips;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = redis
);
criterion_main!(processor, round_trips);
