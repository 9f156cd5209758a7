//! The policy at the HTTP edge.
#![allow(clippy::unwrap_used)]

mod authz;

use std::sync::{Arc, Mutex};

use authz::{ada, bob, layer, root, rules};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header::WWW_AUTHENTICATE};
use http_body_util::{BodyExt, Full};
use mcp_layers_auth::{
    Access, AuthorizeHttpLayer, AuthorizeLayer, Challenge, Decision, Policy, async_policy_fn,
};
use mcp_layers_core::{Authentication, BoxError, Event, Principal, Trail};
use mcp_layers_test::MockService;
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};

const METADATA: &str = "https://mcp.example/.well-known/oauth-protected-resource";

/// What reached the transport: method, headers and body.
type Reached = Arc<Mutex<Vec<(http::request::Parts, Bytes)>>>;

struct Edge<P> {
    layer: AuthorizeHttpLayer<P>,
    reached: Reached,
}

impl<P: Policy> Edge<P> {
    /// An edge in front of a transport whose handler has the layer in its stack.
    fn of(layer: &AuthorizeLayer<P>) -> Self {
        let _in_the_stack = layer.layer(MockService::new());
        Self::alone(layer)
    }

    fn alone(layer: &AuthorizeLayer<P>) -> Self {
        let challenge = Challenge::new().with_resource_metadata(METADATA).unwrap();
        Self {
            layer: AuthorizeHttpLayer::new(layer).challenge(challenge),
            reached: Reached::default(),
        }
    }

    /// The transport opens session `opened` for `initialize`.
    async fn send(&self, principal: Option<&Principal>, request: Request<Full<Bytes>>) -> Answer {
        let reached = Arc::clone(&self.reached);
        let transport = service_fn(move |request: Request<Full<Bytes>>| {
            let reached = Arc::clone(&reached);
            async move {
                let (parts, body) = request.into_parts();
                let bytes = body.collect().await.unwrap().to_bytes();
                let opens = bytes.windows(12).any(|window| window == b"\"initialize\"");
                reached.lock().unwrap().push((parts, bytes));
                let mut response = Response::new(Full::from("the transport"));
                if opens {
                    let headers = response.headers_mut();
                    headers.insert("mcp-session-id", "opened".parse().unwrap());
                }
                Ok::<_, BoxError>(response)
            }
        });
        let mut request = request;
        if let Some(principal) = principal {
            request.extensions_mut().insert(Arc::new(principal.clone()));
        }
        let response = self.layer.layer(transport).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer { parts, bytes }
    }

    fn reached(&self) -> usize {
        self.reached.lock().unwrap().len()
    }
}

struct Answer {
    parts: http::response::Parts,
    bytes: Bytes,
}

impl Answer {
    fn status(&self) -> u16 {
        self.parts.status.as_u16()
    }

    fn challenge(&self) -> Option<&str> {
        let header = self.parts.headers.get(WWW_AUTHENTICATE);
        header.map(|header| header.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    fn rule(&self) -> Option<String> {
        let trail = self.parts.extensions.get::<Trail>()?;
        trail.events().find_map(|event| match event {
            Event::Denied { rule } => Some(rule.to_string()),
            _ => None,
        })
    }
}

fn post(body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post("/mcp").body(Full::new(body.into())).unwrap()
}

fn message(method: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params }).to_string()
}

fn call(tool: &str) -> String {
    message(
        "tools/call",
        &json!({ "name": tool, "arguments": { "n": 1 } }),
    )
}

#[tokio::test]
async fn a18_a_denial_is_403_with_a_challenge_for_every_scope() {
    let rules = rules()
        .tool("pay", Access::scopes(["tools", "money", "audit"]))
        .build();
    let edge = Edge::of(&AuthorizeLayer::new(rules.unwrap()));
    let answer = edge.send(Some(&ada()), post(call("pay"))).await;
    assert_eq!(answer.status(), 403);
    let expected = format!(
        "Bearer error=\"insufficient_scope\", scope=\"tools money audit\", \
         resource_metadata=\"{METADATA}\""
    );
    assert_eq!(answer.challenge(), Some(&*expected));
    let body = answer.json();
    assert_eq!(
        (&body["id"], &body["error"]["code"]),
        (&json!(7), &json!(403))
    );
    assert_eq!(
        body["error"]["data"]["missingScopes"],
        json!(["money", "audit"])
    );
    assert_eq!(answer.rule().as_deref(), Some("tool pay"));
    assert_eq!(edge.reached(), 0);

    // No scope would help here.
    let answer = edge
        .send(Some(&ada()), post(message("vendor/thing", &json!({}))))
        .await;
    assert_eq!((answer.status(), answer.challenge()), (403, None));
}

#[tokio::test]
async fn an_allowed_body_is_handed_on_byte_for_byte() {
    let edge = Edge::of(&layer());
    let odd = r#" {"params" :{"name":"echo","arguments":{"x":1.0,"x":2}}, "method":"tools/call","id":"é","jsonrpc":"2.0"}  "#;
    let answer = edge.send(Some(&ada()), post(odd)).await;
    assert_eq!(
        (answer.status(), &*answer.bytes),
        (200, &b"the transport"[..])
    );
    for body in [
        message("tools/list", &json!({})),
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled" }).to_string(),
        json!({ "jsonrpc": "2.0", "id": 1, "result": {} }).to_string(),
    ] {
        assert_eq!(
            edge.send(Some(&ada()), post(body.clone())).await.status(),
            200,
            "{body}"
        );
    }
    let reached = edge.reached.lock().unwrap();
    assert_eq!((&*reached[0].1, reached.len()), (odd.as_bytes(), 4));
}

#[tokio::test]
async fn a27_without_a_verified_principal_nothing_reaches_the_transport() {
    let edge = Edge::of(&layer());
    let claimed = Principal::new("root", Authentication::Unverified).with_scopes(["admin"]);
    for principal in [None, Some(&claimed)] {
        for request in [
            post(call("echo")),
            post(message("initialize", &json!({}))),
            post("nonsense"),
            Request::get("/mcp").body(Full::default()).unwrap(),
        ] {
            let answer = edge.send(principal, request).await;
            let challenge = format!("Bearer resource_metadata=\"{METADATA}\"");
            assert_eq!(
                (answer.status(), answer.challenge()),
                (401, Some(&*challenge))
            );
        }
    }
    assert_eq!(edge.reached(), 0);
}

#[tokio::test]
async fn a23_the_body_decides_whatever_the_headers_say() {
    let rules = rules().tool("pay", Access::scopes(["money"])).build();
    let edge = Edge::of(&AuthorizeLayer::new(rules.unwrap()));
    let with_header = |body: &str, named: &str| {
        let mut request = post(body.to_owned());
        let headers = request.headers_mut();
        headers.insert("mcp-method", "tools/call".parse().unwrap());
        headers.insert("mcp-name", named.parse().unwrap());
        request
    };
    let answer = edge
        .send(Some(&ada()), with_header(&call("pay"), "echo"))
        .await;
    assert_eq!(answer.status(), 403);
    assert_eq!(edge.reached(), 0);
    // The transport refuses the contradiction; see the tests with rmcp.
    let answer = edge
        .send(Some(&ada()), with_header(&call("echo"), "pay"))
        .await;
    assert_eq!(answer.status(), 200);
    assert_eq!(edge.reached(), 1);
}

#[tokio::test]
async fn what_is_hidden_is_handed_on_without_what_it_could_act_on() {
    let edge = Edge::of(&layer());
    let mut request = post(call("admin_reset"));
    let headers = request.headers_mut();
    headers.insert("mcp-param-region", "eu".parse().unwrap());
    headers.insert("mcp-name", "admin_reset".parse().unwrap());
    headers.insert("content-length", "1000".parse().unwrap());
    let answer = edge.send(Some(&ada()), request).await;
    assert_eq!(&*answer.bytes, b"the transport");
    let reached = edge.reached.lock().unwrap();
    let (parts, bytes) = &reached[0];
    let expected = message("tools/call", &json!({ "name": "admin_reset" }));
    let expected: Value = serde_json::from_str(&expected).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(bytes).unwrap(), expected);
    assert!(!parts.headers.contains_key("mcp-param-region"));
    assert!(parts.headers.contains_key("mcp-name"));
    let length = parts.headers["content-length"].to_str().unwrap();
    assert_eq!(length, bytes.len().to_string());
}

#[tokio::test]
async fn what_is_hidden_is_answered_here_when_no_layer_stands_further_in() {
    let edge = Edge::alone(&layer());
    let answer = edge.send(Some(&ada()), post(call("admin_reset"))).await;
    assert_eq!(answer.json()["error"]["code"], -32602);
    assert_eq!(edge.reached(), 0);
}

#[tokio::test]
async fn every_message_of_a_batch_is_decided() {
    let rules = rules().tool("pay", Access::scopes(["money"])).build();
    let edge = Edge::of(&AuthorizeLayer::new(rules.unwrap()));
    let batch = |tools: &[&str]| {
        format!(
            "[{}]",
            tools
                .iter()
                .map(|tool| call(tool))
                .collect::<Vec<_>>()
                .join(",")
        )
    };
    let answer = edge.send(Some(&ada()), post(batch(&["echo", "pay"]))).await;
    assert_eq!(answer.status(), 403);
    let answer = edge
        .send(Some(&ada()), post(batch(&["echo", "admin_reset"])))
        .await;
    assert_eq!(answer.json()["error"]["code"], -32602);
    assert_eq!(edge.reached(), 0);
    let answer = edge
        .send(Some(&ada()), post(batch(&["echo", "other"])))
        .await;
    assert_eq!((answer.status(), edge.reached()), (200, 1));
}

#[tokio::test]
async fn a_body_that_is_too_large_or_no_message_is_refused() {
    let layer = layer();
    let mut edge = Edge::of(&layer);
    edge.layer = edge.layer.clone().max_body(200);
    let long = message("tools/call", &json!({ "name": "x".repeat(200) }));
    let known = edge.send(Some(&ada()), post(long.clone())).await;
    assert_eq!(
        (known.status(), &known.json()["error"]["code"]),
        (413, &json!(413))
    );
    assert_eq!(
        edge.send(Some(&ada()), post(call("echo"))).await.status(),
        200
    );
    for body in [
        "",
        "{",
        "null",
        "[1]",
        "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"x\"}",
        "\u{feff}{}",
    ] {
        let answer = edge.send(Some(&root()), post(body)).await;
        assert_eq!(answer.status(), 400, "{body}");
        let code = answer.json()["error"]["code"].as_i64().unwrap();
        assert!([-32700, -32600].contains(&code), "{body}");
    }
    assert_eq!(edge.reached(), 1);
}

#[tokio::test]
async fn a21_a_session_is_bound_to_whoever_opened_it() {
    let layer = layer();
    let edge = Edge::of(&layer);
    let with_session = |method: Method, id: &str, body: String| {
        let request = Request::builder().method(method).uri("/mcp");
        let request = request.header("mcp-session-id", id);
        request.body(Full::from(body)).unwrap()
    };
    let any = || {
        [Method::GET, Method::POST, Method::DELETE].map(|method| {
            let body = if method == Method::POST {
                call("echo")
            } else {
                String::new()
            };
            (method, body)
        })
    };
    for (method, body) in any() {
        let answer = edge
            .send(Some(&ada()), with_session(method, "opened", body))
            .await;
        assert_eq!(answer.status(), 404, "not opened yet");
        assert_eq!(answer.rule().as_deref(), Some("session without an owner"));
    }
    assert_eq!(edge.reached(), 0);

    edge.send(Some(&ada()), post(message("initialize", &json!({}))))
        .await;
    assert!(layer.sessions().is_own("opened", &ada()));
    for (method, body) in any() {
        let request = with_session(method.clone(), "opened", body.clone());
        let foreign = edge.send(Some(&bob()), request).await;
        let unknown = edge
            .send(Some(&bob()), with_session(method, "nope", body))
            .await;
        assert_eq!((foreign.status(), unknown.status()), (404, 404));
        assert_eq!(foreign.bytes, unknown.bytes);
        assert_eq!(
            foreign.rule().as_deref(),
            Some("session of another principal")
        );
    }
    assert_eq!(edge.reached(), 1);

    // The owner goes on, until it ends the session.
    for (method, body) in any() {
        let answer = edge
            .send(Some(&ada()), with_session(method, "opened", body))
            .await;
        assert_eq!(answer.status(), 200);
    }
    assert!(layer.sessions().is_empty());
    let request = with_session(Method::POST, "opened", call("echo"));
    assert_eq!(
        edge.send(Some(&ada()), request).await.parts.status,
        StatusCode::NOT_FOUND
    );

    let mut two = with_session(Method::POST, "opened", call("echo"));
    two.headers_mut()
        .append("mcp-session-id", "other".parse().unwrap());
    assert_eq!(edge.send(Some(&ada()), two).await.status(), 404);
}

#[tokio::test]
async fn a20_a_policy_that_waits_decides_here_too_and_a_failure_of_it_is_a_denial() {
    let layer = AuthorizeLayer::new(async_policy_fn(|operation, _| {
        let tool = operation.target.unwrap_or_default().to_owned();
        async move {
            tokio::task::yield_now().await;
            match &*tool {
                "echo" => Ok(Decision::Allow),
                "panic" => panic!("the policy panics"),
                _ => Err(BoxError::from("down")),
            }
        }
    }));
    let edge = Edge::of(&layer);
    assert_eq!(
        edge.send(Some(&ada()), post(call("echo"))).await.status(),
        200
    );
    for tool in ["panic", "other"] {
        let answer = edge.send(Some(&ada()), post(call(tool))).await;
        assert_eq!(answer.status(), 403, "{tool}");
        let trail = answer.parts.extensions.get::<Trail>().unwrap();
        assert_eq!(trail.events().len(), 2, "{tool}");
    }
    assert_eq!(edge.reached(), 1);
}
