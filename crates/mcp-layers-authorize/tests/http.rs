//! The policy at the HTTP edge.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header::WWW_AUTHENTICATE};
use http_body_util::{BodyExt, Full};
use mcp_layers_authorize::{
    Access, AuthorizeHandle, AuthorizeHttpLayer, AuthorizeLayer, Decision, async_policy_fn,
};
use mcp_layers_core::{
    Authentication, BoxError, Event, JsonRpcRequest, McpRequest, Principal, Trail, hidden_tool,
    http::Challenge,
};
use mcp_layers_test::MockService;
use serde_json::{Value, json};
use support::{ada, bob, layer, root, rules};
use tower::{Layer, ServiceExt, service_fn};

const METADATA: &str = "https://mcp.example/.well-known/oauth-protected-resource";

/// The requests that reached the transport.
type Reached = Arc<Mutex<Vec<(http::request::Parts, Bytes)>>>;

struct Edge {
    layer: AuthorizeHttpLayer,
    stats: AuthorizeHandle,
    reached: Reached,
}

impl Edge {
    /// An edge in front of a transport whose handler has the layer in its stack.
    fn of(layer: &AuthorizeLayer) -> Self {
        let _in_the_stack = layer.layer(MockService::new());
        Self::alone(layer)
    }

    fn alone(layer: &AuthorizeLayer) -> Self {
        let challenge = Challenge::new().with_resource_metadata(METADATA).unwrap();
        Self {
            layer: AuthorizeHttpLayer::new(layer).challenge(challenge),
            stats: layer.handle(),
            reached: Reached::default(),
        }
    }

    /// The transport opens session `opened` for `initialize`; as rmcp's, it does not serve sessions
    /// that it does not have.
    async fn send(&self, principal: Option<&Principal>, request: Request<Full<Bytes>>) -> Answer {
        let reached = Arc::clone(&self.reached);
        let transport = service_fn(move |request: Request<Full<Bytes>>| {
            let reached = Arc::clone(&reached);
            async move {
                let (parts, body) = request.into_parts();
                let bytes = body.collect().await.unwrap().to_bytes();
                // As rmcp does: the schema of the tool is looked up before any layer sees the request.
                let found = !hidden_tool::is_hidden("admin_reset");
                let ends = parts
                    .headers
                    .get("mcp-session-id")
                    .is_some_and(|id| id == "ended");
                let is_known = parts.headers.get("mcp-session-id").is_none_or(|id| {
                    let id = id.to_str().unwrap();
                    ["opened", "other", "ended", "in use"].contains(&id)
                        || id.starts_with("session ")
                });
                if !is_known {
                    let mut response = Response::new(Full::from("Not Found: Session not found"));
                    *response.status_mut() = StatusCode::NOT_FOUND;
                    return Ok(response);
                }
                let opens = bytes.windows(12).any(|window| window == b"\"initialize\"");
                reached.lock().unwrap().push((parts, bytes));
                let mut response = Response::new(Full::from("the transport"));
                response
                    .headers_mut()
                    .insert("found", found.to_string().parse().unwrap());
                if ends {
                    *response.status_mut() = StatusCode::NOT_FOUND;
                }
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
async fn a_denial_is_403_with_a_challenge_for_every_scope() {
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

    assert_eq!(
        answer.json()["error"]["message"],
        "Forbidden: missing scopes money, audit"
    );
}

#[tokio::test]
async fn a_denial_that_no_scope_would_change_is_left_to_the_mcp_layer() {
    let rules = || {
        let rules = rules().tool("pay", Access::nobody());
        AuthorizeLayer::new(rules.unknown_methods(Access::nobody()).build().unwrap())
    };
    let in_front = Edge::of(&rules());
    let alone = Edge::alone(&rules());
    for body in [call("pay"), message("vendor/thing", &json!({}))] {
        let answer = in_front.send(Some(&ada()), post(body.clone())).await;
        assert_eq!(
            (answer.status(), &*answer.bytes),
            (200, &b"the transport"[..])
        );
        let answer = alone.send(Some(&ada()), post(body)).await;
        assert_eq!((answer.status(), answer.challenge()), (403, None));
    }
    assert_eq!((in_front.reached(), alone.reached()), (2, 0));
}

#[tokio::test]
async fn missing_scopes_are_left_to_the_mcp_layer_where_the_operator_says_so() {
    let rules = || {
        let rules = rules().tool("pay", Access::scopes(["money"]));
        AuthorizeLayer::new(rules.build().unwrap())
    };
    let (mut in_front, mut alone) = (Edge::of(&rules()), Edge::alone(&rules()));
    in_front.layer = in_front.layer.missing_scopes_in_stack();
    alone.layer = alone.layer.missing_scopes_in_stack();
    let answer = in_front.send(Some(&ada()), post(call("pay"))).await;
    assert_eq!((answer.status(), answer.challenge()), (200, None));
    assert_eq!(in_front.reached(), 1);
    // Without the MCP layer, nobody else would refuse.
    let answer = alone.send(Some(&ada()), post(call("pay"))).await;
    assert_eq!((answer.status(), alone.reached()), (403, 0));
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
async fn without_a_verified_principal_nothing_reaches_the_transport() {
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
async fn the_body_decides_whatever_the_headers_say() {
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
async fn a_hidden_name_is_passed_on_unchanged_and_its_tool_is_not_found() {
    let edge = Edge::of(&layer());
    let body = r#"{"id":7, "params":{"arguments":{"n":1,"n":2},"name":"admin_reset"},"method":"tools/call","jsonrpc":"2.0"} "#;
    let mut request = post(body);
    let headers = request.headers_mut();
    headers.insert("mcp-param-region", "eu".parse().unwrap());
    headers.insert("mcp-name", "admin_reset".parse().unwrap());
    let sent = headers.clone();
    let answer = edge.send(Some(&ada()), request).await;
    assert_eq!(&*answer.bytes, b"the transport");
    assert_eq!(answer.parts.headers["found"], "false");
    {
        let reached = edge.reached.lock().unwrap();
        let (parts, bytes) = &reached[0];
        assert_eq!((&**bytes, &parts.headers), (body.as_bytes(), &sent));
    }
    for (principal, body) in [
        (root(), call("admin_reset")),
        (ada(), call("echo")),
        (ada(), call("nope")),
    ] {
        let answer = edge.send(Some(&principal), post(body)).await;
        assert_eq!(answer.parts.headers["found"], "true");
    }
    assert!(!hidden_tool::is_hidden("admin_reset"));
}

#[tokio::test]
async fn a_hidden_name_is_answered_at_the_edge_when_no_layer_is_in_the_stack() {
    let edge = Edge::alone(&layer());
    let answer = edge.send(Some(&ada()), post(call("admin_reset"))).await;
    assert_eq!(answer.json()["error"]["code"], -32602);
    assert_eq!(edge.reached(), 0);
}

#[tokio::test]
async fn a_duplicate_member_is_refused_whoever_sends_it() {
    let edge = Edge::of(&layer());
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"admin_reset","name":"echo"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"nope","n\u0061me":"echo"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
        r#"{"a":1,"a":1}"#,
        r#"{"method":"x","m\u0065thod":"y"}"#,
        r#"{"params":{"name":"a","name":"b"},"params":{}}"#,
        r#"[{"x":1},{"params":{"name":"a","name":"b"}}]"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","x":1,"x":2}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"a":1,"a":1}}}"#,
        r#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"a","method":"b"}]"#,
    ] {
        for principal in [ada(), root()] {
            let answer = edge.send(Some(&principal), post(body)).await;
            let code = answer.json()["error"]["code"].clone();
            assert_eq!((answer.status(), code), (400, json!(-32600)), "{body}");
            assert_eq!(answer.rule().as_deref(), Some("duplicate member"));
        }
    }
    assert_eq!(edge.reached(), 0);
    // Those inside of arguments are the tool's business.
    for (index, inside) in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"a":1,"a":2}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"a":{"b":1,"b":2}}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":2}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"x","params":[{"a":1,"a":2}]}"#,
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(edge.send(Some(&ada()), post(inside)).await.status(), 200);
        assert_eq!(&*edge.reached.lock().unwrap()[index].1, inside.as_bytes());
    }
}

#[tokio::test]
async fn a_batch_is_decided_as_a_whole() {
    let rules = rules()
        .tool("pay", Access::scopes(["money"]))
        .tool("audit", Access::scopes(["audits"]))
        .build();
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
    // The scopes of all denials make one challenge, whether another name is hidden or unknown.
    for other in ["echo", "admin_reset", "nope"] {
        let answer = edge
            .send(Some(&ada()), post(batch(&[other, "pay", "audit"])))
            .await;
        assert_eq!(answer.status(), 403);
        assert!(
            answer
                .challenge()
                .unwrap()
                .contains("scope=\"money audits\"")
        );
    }
    assert_eq!(edge.reached(), 0);
    for (index, other) in ["echo", "admin_reset", "nope"].into_iter().enumerate() {
        let body = batch(&["echo", other]);
        let answer = edge.send(Some(&ada()), post(body.clone())).await;
        assert_eq!((answer.status(), edge.reached()), (200, index + 1));
        assert_eq!(edge.reached.lock().unwrap()[index].1, body);
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_and_one_that_is_no_message_is_passed_on() {
    let layer = layer();
    let mut edge = Edge::of(&layer);
    edge.layer = edge.layer.clone().max_body(200).unwrap();
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
    assert_eq!(known.rule().as_deref(), Some("body too large"));
    for (index, body) in [
        "",
        "{",
        "null",
        "[1]",
        "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"x\"}",
        "\u{feff}{}",
    ]
    .into_iter()
    .enumerate()
    {
        // The transport answers what it cannot read.
        let answer = edge.send(Some(&root()), post(body)).await;
        assert_eq!(
            (answer.status(), edge.reached()),
            (200, index + 2),
            "{body}"
        );
        assert_eq!(edge.reached.lock().unwrap()[index + 1].1, body);
    }
}

#[tokio::test]
async fn a_body_that_is_no_message_is_refused_when_no_layer_is_in_the_stack() {
    let edge = Edge::alone(&layer());
    for body in ["", "{", "null", "[1]"] {
        let answer = edge.send(Some(&root()), post(body)).await;
        assert_eq!(answer.status(), 400, "{body}");
        let code = answer.json()["error"]["code"].as_i64().unwrap();
        assert!([-32700, -32600].contains(&code), "{body}");
        assert_eq!(answer.rule().as_deref(), Some("not a message"));
    }
    assert_eq!(edge.reached(), 0);
}

#[tokio::test]
async fn a_session_is_bound_to_whoever_opened_it() {
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
    assert!(layer.handle().sessions().is_own("opened", &ada()));
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
    assert!(layer.handle().sessions().is_empty());
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
async fn a_policy_that_waits_decides_here_too_and_a_failure_of_it_is_a_denial() {
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
        // No scope would help: the MCP layer denies it.
        let answer = edge.send(Some(&ada()), post(call(tool))).await;
        assert_eq!(answer.status(), 200, "{tool}");
        let failing = AuthorizeLayer::new(async_policy_fn(|_, _| async {
            Err::<Decision, BoxError>("down".into())
        }));
        let answer = Edge::alone(&failing)
            .send(Some(&ada()), post(call(tool)))
            .await;
        assert_eq!(answer.status(), 403, "{tool}");
        let trail = answer.parts.extensions.get::<Trail>().unwrap();
        assert_eq!(trail.events().len(), 2, "{tool}");
        assert_eq!(failing.handle().stats().policy_failed, 1);
    }
}

#[tokio::test]
async fn a_lost_session_is_answered_as_rmcp_answers_it() {
    let layer = layer();
    let edge = Edge::of(&layer);
    let mut request = post(call("echo"));
    request
        .headers_mut()
        .insert("mcp-session-id", "lost".parse().unwrap());
    let answer = edge.send(Some(&ada()), request).await;
    assert_eq!(
        (answer.status(), &*answer.bytes),
        (404, &b"Not Found: Session not found"[..])
    );
    assert!(answer.parts.headers.is_empty());
    assert_eq!(layer.handle().stats().foreign, 1);
}

#[tokio::test]
async fn a_session_that_the_transport_no_longer_has_is_released() {
    let layer = layer();
    let edge = Edge::of(&layer);
    let sessions = layer.handle();
    let sessions = sessions.sessions();
    for id in ["ended", "other"] {
        assert!(sessions.bind(id, &ada()));
        let mut request = post(call("echo"));
        request
            .headers_mut()
            .insert("mcp-session-id", id.parse().unwrap());
        edge.send(Some(&ada()), request).await;
    }
    assert!(!sessions.is_own("ended", &ada()) && sessions.is_own("other", &ada()));
}

#[tokio::test]
async fn seventy_thousand_sessions_of_one_principal_leave_others_theirs() {
    let layer = layer();
    let edge = Edge::of(&layer);
    let handle = layer.handle();
    assert!(handle.sessions().bind("in use", &bob()));
    for id in 0..70_000 {
        assert!(handle.sessions().bind(&format!("session {id}"), &ada()));
    }
    let in_session = |id: &str| {
        let mut request = post(call("echo"));
        request
            .headers_mut()
            .insert("mcp-session-id", id.parse().unwrap());
        request
    };
    assert_eq!(
        edge.send(Some(&bob()), in_session("in use")).await.status(),
        200
    );
    assert_eq!(
        edge.send(Some(&ada()), in_session("session 69999"))
            .await
            .status(),
        200
    );
    assert_eq!(
        edge.send(Some(&ada()), in_session("session 1"))
            .await
            .status(),
        404
    );
    let opened = edge
        .send(Some(&bob()), post(message("initialize", &json!({}))))
        .await;
    assert_eq!(opened.status(), 200);
    assert_eq!(
        edge.send(Some(&bob()), in_session("opened")).await.status(),
        200
    );
}

#[tokio::test]
async fn a_modern_request_has_no_session() {
    let edge = Edge::of(&layer());
    let mut request = post(call("echo"));
    let headers = request.headers_mut();
    headers.insert("mcp-session-id", "of somebody".parse().unwrap());
    headers.insert("mcp-protocol-version", "2026-07-28".parse().unwrap());
    assert_eq!(edge.send(Some(&ada()), request).await.status(), 200);
    let reached = edge.reached.lock().unwrap();
    assert!(!reached[0].0.headers.contains_key("mcp-session-id"));
}

#[tokio::test]
async fn every_refusal_is_in_the_trail_of_its_response() {
    let rules = rules().tool("pay", Access::scopes(["money"])).build();
    let edge = Edge::of(&AuthorizeLayer::new(rules.unwrap()));
    let mut lost = post(call("echo"));
    lost.headers_mut()
        .insert("mcp-session-id", "lost".parse().unwrap());
    let twice = "{\"a\":1,\"a\":1}";
    for (principal, request, rule, read) in [
        (None, post(call("echo")), "no principal", None),
        (Some(ada()), post(call("pay")), "tool pay", Some("pay")),
        (Some(ada()), lost, "session without an owner", Some("echo")),
        (Some(ada()), post(twice), "duplicate member", None),
    ] {
        let answer = edge.send(principal.as_ref(), request).await;
        assert_eq!(answer.rule().as_deref(), Some(rule));
        let extensions = &answer.parts.extensions;
        let who = extensions.get::<Arc<Principal>>();
        assert_eq!(who.is_some(), principal.is_some(), "{rule}");
        let request = extensions.get::<JsonRpcRequest>();
        assert_eq!(request.and_then(McpRequest::target), read, "{rule}");
        assert!(
            request.is_none_or(|read| read.context().principal() == who),
            "{rule}"
        );
    }
    let stats = edge.stats.stats();
    assert_eq!(
        (stats.unauthenticated, stats.denied, stats.foreign),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn the_policy_is_replaced_at_the_edge_too() {
    let layer = layer();
    let edge = Edge::of(&layer);
    let pay = || post(call("pay"));
    assert_eq!(edge.send(Some(&ada()), pay()).await.status(), 200);
    let narrower = rules().tool("pay", Access::scopes(["money"])).build();
    layer.handle().set_policy(narrower.unwrap());
    assert_eq!(edge.send(Some(&ada()), pay()).await.status(), 403);
}

#[test]
fn a_body_limit_of_zero_is_an_error() {
    assert!(AuthorizeHttpLayer::new(&layer()).max_body(0).is_err());
}
