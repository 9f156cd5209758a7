//! Many threads and many clones.
#![allow(clippy::unwrap_used)]

mod common;

use std::{convert::Infallible, thread};

use common::{Memory, call, respond, server};
use futures::executor::block_on;
use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpRequest};
use serde_json::json;
use tower::{Layer, Service, service_fn};

/// Answers a tool whose name begins with `bad` with an error.
fn answers()
-> impl Service<JsonRpcRequest, Response = JsonRpcResponse, Error = Infallible, Future: Send>
+ Clone
+ Send {
    service_fn(|request: JsonRpcRequest| async move {
        let bad = request.target().is_some_and(|name| name.starts_with("bad"));
        let answer = if bad { Err(-32603) } else { Ok(json!({})) };
        Ok::<_, Infallible>(respond(&request, answer))
    })
}

fn count(memory: &Memory, tool: &str) -> usize {
    memory.count(|map| map["gen_ai.tool.name"] == tool)
}

#[test]
fn counts_of_many_threads_add_up() {
    const THREADS: usize = 8;
    const CALLS: usize = 2_000;
    let (layer, memory) = server();
    let service = layer.layer(answers());
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let mut service = service.clone();
            scope.spawn(move || {
                for number in 0..CALLS {
                    // All threads begin with names that nobody knows, each at another one.
                    let name = format!("good-{}", (number + thread) % 50);
                    block_on(service.call(call(&name))).unwrap();
                    block_on(service.call(call("bad"))).unwrap();
                    if number % 10 == 0 {
                        drop(service.call(call("bad")));
                    }
                }
            });
        }
    });
    let all = THREADS * CALLS;
    assert_eq!(memory.count(|_| true), 2 * all + all / 10);
    assert_eq!(count(&memory, "_OTHER"), all + all / 10);
    for name in 0..50 {
        assert_eq!(count(&memory, &format!("good-{name}")), all / 50);
    }
    // Each series was opened once: 50 names, `_OTHER` that failed, `_OTHER` that was dropped.
    assert_eq!(memory.series(), 52);
    assert_eq!(memory.in_flight("tools/call"), 0);
}

#[test]
fn ten_thousand_clones_share_one_state() {
    let (layer, memory) = server();
    let service = layer.layer(answers());
    block_on(service.clone().call(call("echo"))).unwrap();
    let clones: Vec<_> = (0..10_000).map(|_| service.clone()).collect();
    let others = (0..10).map(|_| layer.clone().layer(answers()));
    let mut futures = Vec::new();
    for mut service in clones.into_iter().chain(others) {
        futures.push(service.call(call("echo")));
    }
    assert_eq!(memory.in_flight("tools/call"), 10_010);
    drop(futures);
    assert_eq!(memory.in_flight("tools/call"), 0);
    assert_eq!(memory.count(|_| true), 10_011);
    // One of the answered call, one of the cancelled ones.
    assert_eq!(memory.series(), 2);
}

#[test]
fn nothing_outlives_the_last_clone() {
    let (layer, memory) = server();
    let service = layer.layer(answers());
    let clones: Vec<_> = (0..10_000).map(|_| service.clone()).collect();
    let running = service.clone().call(call("echo"));
    drop((layer, service, clones, running));
    // The recorder is gone with its series: what is read here is the last of it.
    assert_eq!(memory.holders(), 1);
}
