//! What an answer from memory costs, and what a bound of bytes is worth.
//!
//! | group | a call |
//! |---|---|
//! | `cache_floor` | the parts that a hit cannot be without: the canonical key of 200 bytes of arguments, and a lookup in moka; `own_` with the layer's writer of keys |
//! | `cache_json_rpc` | through the layer, over the neutral types |
//! | `cache_handle` | through the layer, straight into an rmcp server: bare, a hit, a hit of 100 kB |
//! | `cache_pipe` | the whole rmcp call in memory, bare and as a hit |
//!
//! With `--trace FILE` nothing is timed: it writes hit ratios and bytes on a Zipf trace as JSON.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that cannot run may stop"
)]

use std::{convert::Infallible, future::ready, hint::black_box, sync::Arc, time::Duration};

use criterion::{BenchmarkGroup, Criterion, criterion_group};
use mcp_layers_cache::{CacheLayer, Freshness};
use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpRequest};
use mcp_layers_rmcp::Stack;
use moka::sync::Cache as Moka;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock},
    service::RequestContext,
};
use serde_json::{Value, json};
use tower_layer::{Identity, Layer};
use tower_service::Service;

mod support;
#[path = "support/thread_cpu.rs"]
mod thread_cpu;

use support::{Call, Echo, Era, JsonRpcLeaf, Pipe, answer, call_json_rpc, params};
use thread_cpu::{BATCH, ThreadCpu};

fn layer() -> CacheLayer {
    let hour = Freshness::new(Duration::from_secs(3600));
    let layer = CacheLayer::new().tool("dig", hour.public());
    layer.expect("a tool name")
}

/// About 200 bytes of arguments.
fn arguments() -> Value {
    json!({
        "place": "Hisarlik, trench H, square A 8/9, north of the wall",
        "depth": 14,
        "tools": ["spade", "brush", "sieve", "trowel"],
        "finds": { "sherds": 17, "bones": 3, "coins": null },
        "note": "seven layers of earth, and a city below",
    })
}

/// A copy that shares its params with all others: what is measured is no JSON made or dropped.
fn request() -> JsonRpcRequest {
    thread_local! {
        static REQUEST: JsonRpcRequest = JsonRpcRequest::call_tool(7, "dig", arguments());
    }
    REQUEST.with(Clone::clone)
}

/// A canonical key as plainly as it can be written: keys in order, all else by `serde_json`. It is
/// not the layer's own writer, so that a faster one does not lower the bar.
fn write_plain_key(request: &JsonRpcRequest, key: &mut Vec<u8>) {
    key.clear();
    key.extend_from_slice(request.method().as_str().as_bytes());
    key.push(0);
    key.extend_from_slice(request.target().unwrap_or_default().as_bytes());
    key.push(0);
    write_plain(&request.params()["arguments"], key);
}

fn write_plain(value: &Value, key: &mut Vec<u8>) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| *name);
            key.push(b'{');
            for (name, value) in sorted {
                serde_json::to_writer(&mut *key, name).unwrap();
                key.push(b':');
                write_plain(value, key);
                key.push(b',');
            }
            key.push(b'}');
        }
        Value::Array(items) => {
            key.push(b'[');
            for item in items {
                write_plain(item, key);
                key.push(b',');
            }
            key.push(b']');
        }
        plain => serde_json::to_writer(key, plain).unwrap(),
    }
}

/// The parts of a key that the layer makes, by the layer's own writer.
fn write_own_key(request: &JsonRpcRequest, key: &mut Vec<u8>) {
    key.clear();
    key.extend_from_slice(request.method().as_str().as_bytes());
    request.write_client_capabilities(key);
    request.write_params(key);
}

fn floor(criterion: &mut Criterion<ThreadCpu>) {
    let mut group = criterion.benchmark_group("cache_floor");
    // Entries that expire: a lookup has to know the time.
    let table = Moka::builder()
        .max_capacity(1 << 20)
        .time_to_live(Duration::from_secs(3600))
        .build();
    group.bench_function("nothing", |bencher| {
        bencher.iter_batched(request, black_box, BATCH);
    });
    for (name, write_key) in [
        ("", write_plain_key as fn(&JsonRpcRequest, &mut Vec<u8>)),
        ("own_", write_own_key),
    ] {
        let (mut key, mut buffer) = (Vec::new(), Vec::new());
        write_key(&request(), &mut key);
        table.insert(Arc::<[u8]>::from(&key[..]), Arc::new(7_u64));
        group.bench_function(format!("{name}key"), |bencher| {
            let work = |request| {
                write_key(black_box(&request), &mut buffer);
                request
            };
            bencher.iter_batched(request, work, BATCH);
        });
        group.bench_function(format!("{name}get"), |bencher| {
            let work = |request| (request, table.get(black_box(&key[..])));
            bencher.iter_batched(request, work, BATCH);
        });
        group.bench_function(format!("{name}together"), |bencher| {
            let work = |request| {
                write_key(black_box(&request), &mut buffer);
                (request, table.get(black_box(&buffer[..])))
            };
            bencher.iter_batched(request, work, BATCH);
        });
    }
}

fn json_rpc(criterion: &mut Criterion<ThreadCpu>) {
    let mut group = criterion.benchmark_group("cache_json_rpc");
    measure(&mut group, "bare", JsonRpcLeaf);
    let undeclared = CacheLayer::new().layer(JsonRpcLeaf);
    measure(&mut group, "undeclared", undeclared);
    measure(&mut group, "hit", layer().layer(JsonRpcLeaf));
}

fn measure<S>(group: &mut BenchmarkGroup<'_, ThreadCpu>, name: &str, mut service: S)
where
    S: Service<JsonRpcRequest, Response = JsonRpcResponse>,
{
    call_json_rpc(&mut service, request());
    group.bench_function(name, |bencher| {
        let call = |request| call_json_rpc(&mut service, request);
        bencher.iter_batched(request, call, BATCH);
    });
}

/// A server whose answer has as many bytes as it is told.
#[derive(Clone, Copy)]
struct Big(usize);

impl ServerHandler for Big {
    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let content = ContentBlock::text("x".repeat(self.0));
        Ok(CallToolResponse::Complete(CallToolResult::success(vec![
            content,
        ])))
    }
}

fn handle(criterion: &mut Criterion<ThreadCpu>) {
    let mut group = criterion.benchmark_group("cache_handle");
    for era in [Era::Legacy, Era::Modern] {
        let pipe = Pipe::bare(era);
        let call = Call::over(&pipe, era);
        let mut measure = |name: &str, service: &dyn Fn(Call)| {
            service(call.clone());
            group.bench_function(format!("{name}_{era:?}").to_lowercase(), |bencher| {
                bencher.iter_batched(|| call.clone(), service, BATCH);
            });
        };
        let bare = Stack::new(Identity::new()).handler(Echo);
        measure("bare", &|call| drop(answer(&bare, call)));
        let hit = Stack::new(layer()).handler(Echo);
        measure("hit", &|call| drop(answer(&hit, call)));
        let big = Stack::new(layer()).handler(Big(100_000));
        measure("hit_100kb", &|call| drop(answer(&big, call)));
    }
}

fn pipe(criterion: &mut Criterion<ThreadCpu>) {
    let mut group = criterion.benchmark_group("cache_pipe");
    let mut measure = |name: &str, pipe: Pipe| {
        group.bench_function(name, |bencher| {
            bencher.iter_batched(params, |params| pipe.call(params), BATCH);
        });
    };
    measure("bare", Pipe::connect(Echo, Era::Legacy));
    let hit = Stack::new(layer()).handler(Echo);
    measure("hit", Pipe::connect(hit, Era::Legacy));
}

/// Hit ratios and bytes on a trace: 200,000 calls of 20,000 keys, the k-th of which comes with a
/// weight of 1/k, and whose answers have between 200 and 4,200 bytes.
fn trace(file: &str) {
    const KEYS: u32 = 20_000;
    const CALLS: usize = 200_000;
    let weights: Vec<f64> = (1..=KEYS)
        .scan(0.0, |sum, rank| {
            *sum += 1.0 / f64::from(rank);
            Some(*sum)
        })
        .collect();
    let total = weights[weights.len() - 1];
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = move || {
        // xorshift64 (Marsaglia, 2003)
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        #[allow(clippy::cast_precision_loss)]
        let unit = (seed >> 11) as f64 / (1_u64 << 53) as f64;
        unit
    };
    let calls: Vec<usize> = (0..CALLS)
        .map(|_| weights.partition_point(|sum| *sum < random() * total))
        .collect();
    let mut rows = Vec::new();
    for kib in [64_u64, 256, 1024, 4096, 16_384, 65_536] {
        let layer = layer()
            .max_capacity(usize::try_from(kib * 1024).unwrap())
            .unwrap();
        let mut service = layer.layer(tower::service_fn(|request: JsonRpcRequest| {
            let key = request.params()["arguments"]["key"].as_u64().unwrap();
            let bytes = usize::try_from(200 + key * 2_654_435_761 % 4_000).unwrap();
            let result = json!({ "content": [{ "type": "text", "text": "x".repeat(bytes) }] });
            ready(Ok::<_, Infallible>(JsonRpcResponse::success(
                &request, result,
            )))
        }));
        let mut most = 0;
        for (number, key) in calls.iter().enumerate() {
            let request = JsonRpcRequest::call_tool(1, "dig", json!({ "key": key }));
            let call = service.call(request);
            futures::executor::block_on(call).unwrap();
            if number % 1_000 == 0 {
                most = most.max(layer.handle().stats().bytes);
            }
        }
        let stats = layer.handle().stats();
        most = most.max(stats.bytes);
        assert!(most <= kib * 1024, "{most} bytes of {kib} KiB");
        #[allow(clippy::cast_precision_loss)]
        let ratio = stats.hits as f64 / CALLS as f64;
        println!(
            "{kib:>6} KiB: {:.1} % hits, at most {most} bytes",
            ratio * 100.0
        );
        rows.push(json!({
            "max_bytes": kib * 1024, "hit_ratio": ratio, "most_bytes": most,
            "entries": stats.entries,
        }));
    }
    std::fs::write(file, serde_json::to_string_pretty(&rows).unwrap() + "\n").unwrap();
}

fn settings() -> Criterion<ThreadCpu> {
    Criterion::default()
        .with_measurement(ThreadCpu)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
        .sample_size(30)
}

criterion_group! {
    name = cache;
    config = settings();
    targets = floor, json_rpc, handle, pipe
}

fn main() {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--trace");
    match (arguments.next(), arguments.next()) {
        (Some(_), Some(file)) => trace(&file),
        _ => {
            cache();
            Criterion::default().configure_from_args().final_summary();
        }
    }
}
