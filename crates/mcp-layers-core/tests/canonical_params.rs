//! The bytes by which requests are told apart hold every parameter that matters, and no other.
#![allow(clippy::unwrap_used)]

use futures::future::Pending;
use mcp_layers_core::{
    Arguments, CallContext, JsonRpcRequest, JsonRpcResponse, McpRequest, Method,
    json_rpc::JsonRpcReplyTo,
    request::{RequestId, meta_key},
};
use serde_json::{Map, Value, json};

fn list(params: Value) -> Vec<u8> {
    bytes(&JsonRpcRequest::new(1, "tools/list").with_params(params))
}

fn call(name: &str, arguments: Value) -> Vec<u8> {
    bytes(&JsonRpcRequest::call_tool(1, name, arguments))
}

fn bytes(request: &impl McpRequest) -> Vec<u8> {
    let mut out = Vec::new();
    request.write_params(&mut out);
    out
}

#[test]
fn meta_is_left_out_wherever_it_stands() {
    let bare = list(json!({"cursor": "a", "z": 1}));
    let meta = json!({meta_key::PROGRESS_TOKEN: 7});
    assert_eq!(bare, list(json!({"_meta": meta, "cursor": "a", "z": 1})));
    assert_eq!(bare, list(json!({"cursor": "a", "z": 1, "_meta": null})));
    let inside = list(json!({"cursor": "a", "z": {"_meta": 1}}));
    assert_ne!(inside, list(json!({"cursor": "a", "z": {"_meta": 2}})));
}

#[test]
fn no_params_empty_params_and_only_meta_are_the_same() {
    let none = bytes(&JsonRpcRequest::new(1, "tools/list"));
    assert_eq!(none, list(json!({})));
    assert_eq!(none, list(json!({"_meta": {"a": 1}})));
}

#[test]
fn the_order_of_keys_does_not_matter() {
    let one = serde_json::from_str(r#"{"b":{"y":1,"x":2},"a":1,"_meta":{}}"#).unwrap();
    let other = serde_json::from_str(r#"{"a":1,"b":{"x":2,"y":1}}"#).unwrap();
    assert_eq!(list(one), list(other));
}

#[test]
fn an_empty_cursor_is_not_the_absence_of_one() {
    assert_ne!(list(json!({"cursor": ""})), list(json!({})));
    assert_ne!(plain(None, Some("")), plain(None, None));
}

#[test]
fn parameters_that_only_some_methods_have_count() {
    let complete = |value| {
        let params = json!({
            "ref": {"type": "ref/prompt", "name": "p"},
            "argument": {"name": "a", "value": value},
        });
        bytes(&JsonRpcRequest::new(1, "completion/complete").with_params(params))
    };
    assert_ne!(complete("x"), complete("y"));
    assert_ne!(list(json!({"inputResponses": {}})), list(json!({})));
}

#[test]
fn delimiters_in_a_target_do_not_make_it_other_arguments() {
    let arguments = json!({"x": 1});
    let hostile = r#"a","arguments":{"x":1}"#;
    assert_ne!(call("a", arguments), call(hostile, json!({})));
    assert_ne!(plain(Some("ac"), None), plain(Some("a"), Some("")));
    assert_ne!(plain(Some("acb"), None), plain(Some("a"), Some("bC")));
    assert_ne!(plain(Some("a"), Some("b")), plain(Some("ab"), None));
}

#[test]
fn bytes_are_appended() {
    let mut out = b"tools/list ".to_vec();
    JsonRpcRequest::new(1, "tools/list").write_params(&mut out);
    assert_eq!(out, b"tools/list {}");
}

/// The bytes that the trait writes by default, for a request with this target and cursor.
fn plain(target: Option<&'static str>, cursor: Option<&'static str>) -> Vec<u8> {
    bytes(&Plain { target, cursor })
}

struct Plain {
    target: Option<&'static str>,
    cursor: Option<&'static str>,
}

impl McpRequest for Plain {
    type Response = JsonRpcResponse;
    type ReplyTo = JsonRpcReplyTo;
    type Cancelled = Pending<()>;

    fn reply_to(&self) -> JsonRpcReplyTo {
        unreachable!()
    }
    fn method(&self) -> Method<'_> {
        Method::CallTool
    }
    fn id(&self) -> Option<RequestId<'_>> {
        None
    }
    fn target(&self) -> Option<&str> {
        self.target
    }
    fn arguments(&self) -> Arguments<'_> {
        Arguments::None
    }
    fn cursor(&self) -> Option<&str> {
        self.cursor
    }
    fn meta(&self) -> Option<&Map<String, Value>> {
        None
    }
    fn is_continuation(&self) -> bool {
        false
    }
    fn cancelled(&self) -> Pending<()> {
        futures::future::pending()
    }
    fn context(&self) -> &CallContext {
        unreachable!()
    }
    fn context_mut(&mut self) -> &mut CallContext {
        unreachable!()
    }
    fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        None
    }
    fn insert_extension<T: Clone + Send + Sync + 'static>(&mut self, _: T) -> bool {
        false
    }
}
