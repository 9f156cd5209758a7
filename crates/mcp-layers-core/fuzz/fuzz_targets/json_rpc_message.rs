//! Any bytes: parsing does not panic, and neither does any view of what was parsed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpError, McpNotification, McpRequest, McpResponse, Method, request::ReplayRequest, response::CacheHint, json_rpc::JsonRpcMessage};
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    match JsonRpcMessage::parse(data) {
        Ok(JsonRpcMessage::Request(request)) => {
            look_at_request(&request);
            // What a caller sends stands for what a server answers: both are any JSON.
            look_at_response(&request, request.params().clone());
        }
        Ok(JsonRpcMessage::Notification(notification)) => {
            let _ = (notification.method(), notification.resource_uri());
        }
        Ok(_) => {}
        Err(error) => {
            assert!([-32700, -32600].contains(&error.error().code));
            assert_eq!(error.to_value()["error"]["code"], error.error().code);
        }
    }
});

fn look_at_request(request: &JsonRpcRequest) {
    let method = McpRequest::method(request);
    assert_eq!(Method::new(method.as_str()), method);
    let arguments = request.arguments();
    let mut out = Vec::new();
    arguments.write_canonical(&mut out);
    let _ = (arguments.is_empty(), arguments.get("name"));
    let _ = (request.target(), request.cursor(), request.meta());
    let _ = (request.protocol_version(), request.is_modern());
    let _ = (request.client_info(), request.progress_token());
    let _ = (request.is_continuation(), request.connection());
    let _ = McpRequest::id(request).map(|id| id.to_string());
    request.write_client_capabilities(&mut out);
    request.visit_subscriptions(&mut |uri| assert!(uri.len() <= usize::MAX / 2));

    let (mut params, mut again) = (Vec::new(), Vec::new());
    request.write_params(&mut params);
    request
        .try_clone()
        .expect("a JSON-RPC request can be copied")
        .write_params(&mut again);
    assert_eq!(params, again);
    let written: Value = serde_json::from_slice(&params).expect("params are JSON");
    assert_eq!(written.get("_meta"), None);
}

fn look_at_response(request: &JsonRpcRequest, result: Value) {
    let mut response = JsonRpcResponse::success(request, result);
    let _ = (response.outcome(), response.task_id());
    let _ = (response.next_cursor(), response.size_estimate());
    let hint: CacheHint = response.cache_hint();
    if response.set_cache_hint(hint) {
        assert_eq!(response.cache_hint(), hint);
    }
    let mut listed = 0_usize;
    response.visit_listed(&mut |_| listed += 1);
    let mut asked = 0_usize;
    let gone = response.retain_listed(&mut |_| {
        asked += 1;
        asked % 2 == 0
    });
    assert_eq!((asked, gone), (listed, listed.div_ceil(2)));
    response.insert_meta("example.com/key", Value::Null);
    if response.task_error().is_some() {
        assert!(response.set_task_error(McpError::internal()));
        let error = response.task_error().expect("the error was replaced");
        assert_eq!(error.message, "Internal error");
    }
    response.visit_texts_mut(&mut |_, text| text.push('x'));
    let sent: Value = Value::from(&response);
    assert_eq!(
        sent["id"],
        serde_json::to_value(request.id()).expect("an id is JSON")
    );
    assert!(response.into_error().is_err());
}
