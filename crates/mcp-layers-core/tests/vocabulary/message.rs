use mcp_layers_core::{
    JsonRpcRequest,
    json_rpc::{JsonRpcId, JsonRpcMessage},
};
use serde_json::{Value, json};

fn read(message: Value) -> Option<JsonRpcRequest> {
    match JsonRpcMessage::from_value(message) {
        Ok(JsonRpcMessage::Request(request)) => Some(request),
        _ => None,
    }
}

#[test]
fn an_integer_in_the_form_of_a_float_is_an_id() {
    let with_id = |id: Value| read(json!({ "jsonrpc": "2.0", "id": id, "method": "ping" }));
    for (id, number) in [(json!(1.0), 1), (json!(1e2), 100), (json!(-0.0), 0)] {
        let request = with_id(id);
        assert_eq!(
            request.map(|request| request.id().clone()),
            Some(JsonRpcId::Number(number))
        );
    }
    for id in [
        json!(1.5),
        json!(9_007_199_254_740_992.0),
        json!(1e300),
        json!(null),
    ] {
        assert!(with_id(id.clone()).is_none(), "{id}");
    }
}

#[test]
fn null_is_no_params() {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping", "params": null });
    assert!(read(request).is_some_and(|request| request.params().is_null()));
    let array = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping", "params": [] });
    assert!(read(array).is_none());
}
