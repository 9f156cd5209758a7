//! Two params, apart by a NUL byte, through a cache: they share an answer exactly when they are
//! equal as JSON values, without the parts of `_meta` that never change a result.
#![no_main]

use std::{convert::Infallible, future::ready, time::Duration};

use futures_executor::block_on;
use libfuzzer_sys::fuzz_target;
use mcp_layers_cache::{CacheLayer, Freshness};
use mcp_layers_core::{Event, JsonRpcRequest, JsonRpcResponse, McpRequest, McpResponse, trail::CacheEvent};
use serde_json::{Map, Value, json};
use tower::{Layer, ServiceExt};

fuzz_target!(|data: &[u8]| {
    let mut texts = data.splitn(2, |byte| *byte == 0);
    let (Some(a), Some(b)) = (params(texts.next()), params(texts.next())) else {
        return;
    };
    let everyone = Freshness::new(Duration::from_secs(3600)).public();
    let service = CacheLayer::new()
        .tool("t", everyone)
        .expect("a tool name")
        .layer(tower::service_fn(|request: JsonRpcRequest| {
            let answer = JsonRpcResponse::success(&request, json!({ "content": [] }));
            ready(Ok::<_, Infallible>(answer))
        }));
    let request = |params: &Map<String, Value>| {
        JsonRpcRequest::new(1, "tools/call").with_params(Value::Object(params.clone()))
    };
    let [first, second] = [request(&a), request(&b)];
    let cached = !first.is_continuation() && !second.is_continuation();
    block_on(service.clone().oneshot(first)).expect("it cannot fail");
    let answer = block_on(service.oneshot(second)).expect("it cannot fail");
    let hit = answer
        .trail()
        .events()
        .any(|event| matches!(event, Event::Cache(CacheEvent::Hit { .. })));
    // `_meta` counts, except what never changes a result; a version that is no text is none.
    let keyed = |mut params: Map<String, Value>| {
        let Some(Value::Object(mut meta)) = params.remove("_meta") else {
            return (params, None, None, Map::new());
        };
        let version = meta.remove("io.modelcontextprotocol/protocolVersion");
        let capabilities = meta.remove("io.modelcontextprotocol/clientCapabilities");
        for ignored in [
            "io.modelcontextprotocol/clientInfo",
            "io.modelcontextprotocol/logLevel",
            "progressToken",
            "traceparent",
            "tracestate",
            "baggage",
        ] {
            meta.remove(ignored);
        }
        (params, version.filter(Value::is_string), capabilities, meta)
    };
    assert_eq!(hit, cached && keyed(a) == keyed(b));
});

/// The params of a call of the tool.
fn params(text: Option<&[u8]>) -> Option<Map<String, Value>> {
    let Value::Object(mut params) = serde_json::from_slice(text?).ok()? else {
        return None;
    };
    params.insert("name".to_owned(), json!("t"));
    Some(params)
}
