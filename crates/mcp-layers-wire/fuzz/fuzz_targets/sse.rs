//! The bytes of a stream of events, whole and in pieces, with a layer that replaces every answer: the
//! client gets the same events, and no answer of the server. The first byte is the size of the pieces.
#![no_main]

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use libfuzzer_sys::fuzz_target;
use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpError};
use mcp_layers_wire::{
    Leaf, WireError, WireLayer,
    http::WireBody,
};
use serde_json::{Value, json};
use std::{convert::Infallible, time::Duration};
use tower::{Layer, Service, ServiceExt, layer::layer_fn, service_fn};

const MAX_EVENT: usize = 4096;

fuzz_target!(|data: &[u8]| {
    let Some((size, stream)) = data.split_first() else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        for method in ["POST", "GET"] {
            let whole = events(method, stream, stream.len()).await;
            let pieces = events(method, stream, usize::from(*size)).await;
            assert_eq!(whole, pieces);
            let answers = whole.iter().filter_map(|data| serde_json::from_str(data).ok());
            answers.for_each(|message| check(method, &message));
        }
    });
});

/// An answer is the layer's.
fn check(method: &str, message: &Value) {
    if message.get("method").is_some() {
        return;
    }
    let code = message.pointer("/error/code").and_then(Value::as_i64);
    let is_ours = message["result"] == json!("of the layer") || matches!(code, Some(777 | -32603));
    let is_answer = message.get("result").is_some() || message.get("error").is_some();
    assert!(!is_answer || (is_ours && method == "POST"), "{message}");
}

/// The data of the events that a client gets.
async fn events(method: &str, stream: &[u8], size: usize) -> Vec<String> {
    let pieces: Vec<_> = stream.chunks(size.max(1)).map(Bytes::copy_from_slice).collect();
    let server = service_fn(move |_: Request<WireBody>| {
        let pieces = pieces.clone().into_iter().map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
        let body = StreamBody::new(futures_util::stream::iter(pieces));
        let response = Response::builder().header("content-type", "text/event-stream");
        async move { response.body(body) }
    });
    let replaces = layer_fn(|leaf: Leaf| {
        service_fn(move |request: JsonRpcRequest| {
            let mut leaf = leaf;
            async move {
                let response = leaf.call(request.clone()).await?;
                Ok::<_, WireError>(match response.result() {
                    Ok(_) => JsonRpcResponse::success(&request, json!("of the layer")),
                    Err(_) => JsonRpcResponse::error(&request, McpError::new(777, "of the layer")),
                })
            }
        })
    });
    let layer = WireLayer::new(replaces).max_event(MAX_EVENT).expect("not zero");
    let wire = layer.park_for(Duration::from_millis(1)).expect("not zero").layer(server);
    let request = Request::builder()
        .method(method)
        .header("mcp-session-id", "s")
        .body(Full::new(Bytes::from(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#)))
        .expect("a request");
    let response = wire.oneshot(request).await.expect("a response");
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    parse(&body)
}

/// The data of each event by the HTML Standard, in the simplest way.
fn parse(body: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(body).replace("\r\n", "\n").replace('\r', "\n");
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let (mut events, mut data) = (Vec::new(), Vec::new());
    for line in text.split('\n') {
        match line.split_once(':').unwrap_or((line, "")) {
            ("", _) if line.is_empty() && !data.is_empty() => {
                events.push(std::mem::take(&mut data).join("\n"));
            }
            ("data", value) => data.push(value.strip_prefix(' ').unwrap_or(value)),
            _ => {}
        }
    }
    events
}
