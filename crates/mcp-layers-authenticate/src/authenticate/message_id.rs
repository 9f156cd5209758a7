//! The id of the JSON-RPC request in a body.

use serde::Deserialize;
use serde_json::Value;

/// Reads the id of the request, so that the client can match the error to it: `null` for a
/// notification, a batch, or a text that is not a JSON-RPC message.
pub(super) fn message_id(body: &[u8]) -> Value {
    #[derive(Deserialize)]
    struct Message {
        id: Option<Value>,
        // A response of the client has an id too, but it is one of the server's.
        #[allow(dead_code, reason = "a request has a method")]
        method: String,
    }
    let message = serde_json::from_slice::<Message>(body).ok();
    match message.and_then(|message| message.id) {
        Some(id @ (Value::String(_) | Value::Number(_))) => id,
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::message_id;
    use serde_json::{Value, json};

    #[test]
    fn only_a_single_request_has_an_id() {
        let id = |text: &str| message_id(text.as_bytes());
        assert_eq!(
            id(r#"{"method":"ping","params":{"id":9},"jsonrpc":"2.0","id":7}"#),
            json!(7)
        );
        assert_eq!(id(r#"{"id":"a","method":"ping"}"#), json!("a"));
        for text in [
            "",
            "{",
            r#"{"method":"notifications/initialized"}"#,
            r#"{"id":null,"method":"ping"}"#,
            r#"{"id":[1],"method":"ping"}"#,
            r#"{"id":1,"id":2,"method":"ping"}"#,
            r#"{"id":1,"result":{}}"#,
            r#"[{"id":1,"method":"ping"}]"#,
        ] {
            assert_eq!(id(text), Value::Null, "{text}");
        }
    }
}
