//! What a body says.

use std::sync::Arc;

use bytes::Bytes;
use mcp_layers_core::{JsonRpcMessage, JsonRpcRequest, McpRequest, ParseError, Principal};
use serde_json::Value;

/// The requests in a body: one at most, or those of a batch (2025-03-26). Notifications and answers
/// to the server's own requests are nobody's to refuse.
pub(super) fn requests(
    bytes: &[u8],
    principal: &Arc<Principal>,
) -> Result<Vec<JsonRpcRequest>, ParseError> {
    let messages = match serde_json::from_slice(bytes) {
        Ok(Value::Array(batch)) => batch,
        Ok(message) => vec![message],
        // It is no JSON; this says so in the words of JSON-RPC.
        Err(_) => return JsonRpcMessage::parse(bytes).map(|_| Vec::new()),
    };
    let mut requests = Vec::with_capacity(messages.len());
    for message in messages {
        if let JsonRpcMessage::Request(mut request) = JsonRpcMessage::from_value(message)? {
            let context = request.context_mut();
            context.set_principal(Arc::clone(principal));
            requests.push(request);
        }
    }
    Ok(requests)
}

/// The same message without its arguments.
pub(super) fn without_arguments(bytes: &Bytes) -> Bytes {
    let Ok(mut message) = serde_json::from_slice::<Value>(bytes) else {
        return bytes.clone();
    };
    let params = message.get_mut("params").and_then(Value::as_object_mut);
    if params.is_none_or(|params| params.remove("arguments").is_none()) {
        return bytes.clone();
    }
    serde_json::to_vec(&message).map_or_else(|_| bytes.clone(), Bytes::from)
}
