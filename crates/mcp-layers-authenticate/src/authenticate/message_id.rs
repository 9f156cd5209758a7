//! The id of the JSON-RPC request in the body of a refused request.

use http::{HeaderMap, header::EXPECT};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::Value;

use super::RequestBody;

/// The longest body that is searched for the id, in bytes.
const MAX_KEPT: usize = 64 * 1024;

/// Reads a body up to its end, its limit or an error, because some clients read no response before
/// they have sent everything. Returns the id of the request.
///
/// A client that waits for `100 Continue` has sent no body, and need not send it.
pub(super) async fn drain(headers: &HeaderMap, mut body: RequestBody) -> Value {
    if headers.contains_key(EXPECT) {
        return Value::Null;
    }
    let (mut kept, mut length) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Value::Null;
        };
        if let Some(data) = frame.data_ref() {
            length += data.len();
            if length <= MAX_KEPT {
                kept.extend_from_slice(data);
            }
        }
    }
    if length > MAX_KEPT {
        return Value::Null;
    }
    message_id(&kept)
}

/// Returns `null` for a notification, a batch, and a text that is not a JSON-RPC message.
fn message_id(body: &[u8]) -> Value {
    #[derive(Deserialize)]
    struct Message {
        id: Option<Value>,
        #[allow(dead_code, reason = "a response of the client has an id but no method")]
        method: String,
    }
    let message = serde_json::from_slice::<Message>(body).ok();
    match message.and_then(|message| message.id) {
        Some(id @ (Value::String(_) | Value::Number(_))) => id,
        _ => Value::Null,
    }
}
