//! An observer hears of the end of each call exactly once.

#![allow(clippy::unwrap_used)]

use mcp_layers_core::{End, JsonRpcRequest, JsonRpcResponse, McpError, McpRequest, observe};
use mcp_layers_test::{Answer, Contract, MockService, Task, requests};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
};
use tower::{Layer, Service};

fn name(end: &End<'_, JsonRpcResponse>) -> &'static str {
    match end {
        End::Answered(_) => "answered",
        End::Failed => "failed",
        End::Dropped => "dropped",
        End::Panicked => "panicked",
        _ => "unknown",
    }
}

/// The ends of a call with this answer, polled `polls` times.
fn ends(answer: Answer, polls: usize) -> Vec<&'static str> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let ends = seen.clone();
    let layer = observe(move |_: &JsonRpcRequest| {
        let ends = ends.clone();
        move |end: End<'_, JsonRpcResponse>| ends.lock().unwrap().push(name(&end))
    });
    let mock = MockService::new();
    mock.push(answer);
    let mut service = layer.layer(mock);
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let mut call =
            Task::new(service.call(requests::call_tool(1, "echo", serde_json::json!({}))));
        for _ in 0..polls {
            let _ = call.poll();
        }
    }));
    seen.lock().unwrap().clone()
}

#[tokio::test]
async fn every_layer_keeps_the_contract() {
    let start = |request: &JsonRpcRequest| {
        let _ = request.method();
        |_: End<'_, JsonRpcResponse>| {}
    };
    Contract::new(move || observe(start)).check().await;
}

#[test]
fn every_end_is_reported_once() {
    assert_eq!(ends(Answer::plausible(), 1), ["answered"]);
    assert_eq!(ends(Answer::error(McpError::internal()), 1), ["answered"]);
    assert_eq!(ends(Answer::fail("broken pipe"), 1), ["failed"]);
    assert_eq!(ends(Answer::never(), 1), ["dropped"]);
    assert_eq!(ends(Answer::never(), 0), ["dropped"]);
    assert_eq!(ends(Answer::panic("bug"), 1), ["panicked"]);
    assert_eq!(ends(Answer::panic_in_call("bug"), 0), ["panicked"]);
}
