//! `what-callers-notice.md` has every message that the layers send, with code and data, and no other.

#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap, convert::Infallible, io, num::NonZeroU32, sync::Arc, time::Duration,
};

use bytes::Bytes;
use http::Request;
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full, StreamBody};
use mcp_layers::drain::DrainLayer;
use mcp_layers_audit::{AuditLayer, ChannelSink, Entry, Sink, Written};
use mcp_layers_authenticate::{ApiKeys, AuthenticateLayer, Credential, Refusal, RequestBody};
use mcp_layers_authorize::{Access, AuthorizeHttpLayer, AuthorizeLayer, Rules};
use mcp_layers_circuit_breaker::CircuitBreakerLayer;
use mcp_layers_core::{
    Authentication, Catalog, Clock, JsonRpcRequest, JsonRpcResponse, McpError, McpRequest,
    Principal,
};
use mcp_layers_error_mask::ErrorMaskLayer;
use mcp_layers_rate_limit::{ConcurrencyLimitLayer, Quota, RateLimitLayer, Rule};
use mcp_layers_retry::RetryLayer;
use mcp_layers_test::{Answer, MockError, MockService};
use mcp_layers_timeout::TimeoutLayer;
use mcp_layers_util::{CancelLayer, CatchErrorLayer, CatchPanicLayer};
use serde_json::{Value, json};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn, timeout};

const PAGE: &str = include_str!("../crates/mcp-layers/docs/what-callers-notice.md");

/// The parts that a caller reads: code and message, and the members of `data`.
type Messages = BTreeMap<(i64, String), Vec<String>>;

fn by(subject: &str, mut request: JsonRpcRequest) -> JsonRpcRequest {
    let principal = Principal::new(subject, Authentication::Bearer).with_scopes(["tools"]);
    request.context_mut().set_principal(Arc::new(principal));
    let catalog = Catalog::new().with_tools(["dig", "pay", "report"]);
    request.context_mut().set_catalog(catalog);
    request
}

fn call(tool: &str) -> JsonRpcRequest {
    by("ada", JsonRpcRequest::call_tool(1, tool, json!({})))
}

async fn answer<S>(service: S, request: JsonRpcRequest) -> Value
where
    S: Service<JsonRpcRequest, Response = JsonRpcResponse, Error: std::fmt::Debug>,
{
    Value::from(&service.oneshot(request).await.unwrap())
}

/// Notes the error of an answer as the page shows it: the id of an error stands as `…`.
fn note(messages: &mut Messages, answer: &Value) {
    let error = &answer["error"];
    let code = error["code"]
        .as_i64()
        .unwrap_or_else(|| panic!("no error in {answer}"));
    let mut message = error["message"].as_str().unwrap().to_owned();
    if let Some(id) = error["data"]["errorId"].as_str() {
        message = message.replace(id, "…");
    }
    let data = error["data"].as_object();
    let keys = data
        .into_iter()
        .flatten()
        .map(|(key, value)| match key.as_str() {
            "reason" => format!("reason: {}", value.as_str().unwrap()),
            key => key.to_owned(),
        });
    messages.insert((code, message), keys.collect());
}

/// Asserts that a tool result has the text of the protocol error.
fn same_text(result: &Value, error: &Value) {
    let result = &result["result"];
    assert_eq!(result["isError"], true, "{result}");
    assert_eq!(result["content"][0]["text"], error["error"]["message"]);
}

/// The rows of the page with a code: `| situation | code | message | data |`.
fn rows() -> Messages {
    let rows = PAGE.lines().filter_map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [_, code, message, data] = cells[..] else {
            return None;
        };
        let message = message.trim_matches('`').to_owned();
        let data = data.split(',').map(|key| key.trim().trim_matches('`'));
        let data = data.filter(|key| !key.is_empty()).map(ToOwned::to_owned);
        Some(((code.parse().ok()?, message), data.collect()))
    });
    rows.collect()
}

fn rate_limit() -> RateLimitLayer {
    let quota = Quota::per_second(NonZeroU32::MIN);
    let layer = RateLimitLayer::new([Rule::new("per-tool", quota)]).unwrap();
    layer.with_clock(Clock::manual())
}

async fn limits(messages: &mut Messages) {
    let mut second = Vec::new();
    for layer in [rate_limit(), rate_limit().as_tool_error()] {
        let service = layer.layer(MockService::new());
        answer(service.clone(), call("dig")).await;
        second.push(answer(service, call("dig")).await);
    }
    note(messages, &second[0]);
    same_text(&second[1], &second[0]);

    let mut second = Vec::new();
    let limit = || ConcurrencyLimitLayer::new("in-flight", 1).unwrap();
    for layer in [limit(), limit().as_tool_error()] {
        let mock = MockService::new();
        mock.push(Answer::never());
        let mut service = layer.layer(mock);
        let _running = service.call(call("dig"));
        second.push(answer(service, call("dig")).await);
    }
    note(messages, &second[0]);
    same_text(&second[1], &second[0]);
}

async fn circuits(messages: &mut Messages) {
    let mut refused = Vec::new();
    for layer in [
        CircuitBreakerLayer::new(),
        CircuitBreakerLayer::new().as_tool_error(),
    ] {
        let service = layer
            .with_clock(Clock::manual())
            .layer(MockService::answering(|_| McpError::internal()));
        for _ in 0..5 {
            answer(service.clone(), call("dig")).await;
        }
        refused.push(answer(service, call("dig")).await);
    }
    note(messages, &refused[0]);
    same_text(&refused[1], &refused[0]);
}

async fn times(messages: &mut Messages) {
    let never = || MockService::answering(|_| Answer::never());
    let layer = TimeoutLayer::new(Duration::from_secs(30));
    let late = answer(layer.clone().layer(never()), call("dig")).await;
    note(messages, &late);
    let result = answer(layer.clone().as_tool_error().layer(never()), call("dig")).await;
    same_text(&result, &late);

    let mut request = call("dig");
    let now = tokio::time::Instant::now().into_std();
    request
        .context_mut()
        .limit_deadline(now + Duration::from_secs(3));
    let late = answer(layer.layer(never()), request).await;
    note(messages, &late);

    let layers = ServiceBuilder::new()
        .layer(CatchErrorLayer::new())
        .layer(timeout::TimeoutLayer::new(Duration::from_secs(1)));
    note(
        messages,
        &answer(layers.service(never()), call("dig")).await,
    );
}

async fn drains(messages: &mut Messages) {
    let layer = DrainLayer::new();
    let never = MockService::answering(|_| Answer::never());
    let dropped = tokio::spawn(answer(layer.layer(never), call("dig")));
    tokio::task::yield_now().await;
    layer.handle().drain(Duration::from_secs(1)).await;
    note(messages, &dropped.await.unwrap());
    note(
        messages,
        &answer(layer.layer(MockService::new()), call("dig")).await,
    );
}

async fn errors(messages: &mut Messages) {
    let failing = || MockService::answering(|_| McpError::new(-32603, "connection lost"));
    let twice = || RetryLayer::new(NonZeroU32::MIN.saturating_add(1));
    // A mask alone, and as a tool result.
    let masked = answer(ErrorMaskLayer::new().layer(failing()), call("dig")).await;
    note(messages, &masked);
    let layer = ErrorMaskLayer::new().as_tool_error();
    let result = answer(layer.layer(failing()), call("dig")).await;
    let text = result["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("Internal error (id "), "{text}");

    // A retry alone; in the recommended order, with the mask around it.
    note(
        messages,
        &answer(twice().layer(failing()), call("dig")).await,
    );
    let layers = ServiceBuilder::new()
        .layer(ErrorMaskLayer::new())
        .layer(twice());
    let unknown = answer(layers.service(failing()), call("dig")).await;
    assert_eq!(unknown["error"]["data"]["outcome"], "unknown");
    assert!(
        !unknown.to_string().contains("connection lost"),
        "{unknown}"
    );
    note(messages, &unknown);
    let lost = MockService::answering(|_| Answer::fail("connection lost"));
    note(messages, &answer(twice().layer(lost), call("dig")).await);

    // What every stack has.
    let lost = MockService::answering(|_| MockError::new("connection lost"));
    note(
        messages,
        &answer(CatchErrorLayer::new().layer(lost), call("dig")).await,
    );
    let shed = service_fn(|_: JsonRpcRequest| async {
        Err::<JsonRpcResponse, _>(tower::load_shed::error::Overloaded::new())
    });
    note(
        messages,
        &answer(CatchErrorLayer::new().layer(shed), call("dig")).await,
    );
    let panics = MockService::answering(|_| Answer::panic("password=hunter2"));
    let layers = ServiceBuilder::new().layer(CatchPanicLayer::new());
    let panicked = answer(layers.service(panics), call("dig")).await;
    assert!(!panicked.to_string().contains("hunter2"));
    note(messages, &panicked);
    let cancelled = call("dig");
    cancelled.cancellation().cancel();
    let never = MockService::answering(|_| Answer::never());
    note(
        messages,
        &answer(CancelLayer::new().layer(never), cancelled).await,
    );
}

async fn permissions(messages: &mut Messages) {
    let rules = || {
        let rules = Rules::builder()
            .tool("dig", Access::scopes(["tools"]))
            .tool("pay", Access::scopes(["money"]))
            .tool("report", Access::any_principal().with_any_role(["auditor"]));
        AuthorizeLayer::new(rules.build().unwrap())
    };
    let ask = async |request| answer(rules().layer(MockService::new()), request).await;
    let anonymous = JsonRpcRequest::call_tool(1, "dig", json!({}));
    note(messages, &ask(anonymous).await);
    let denied = ask(call("pay")).await;
    note(messages, &denied);
    let layer = rules().as_tool_error();
    same_text(
        &answer(layer.layer(MockService::new()), call("pay")).await,
        &denied,
    );
    note(messages, &ask(call("report")).await);
    note(messages, &ask(call("nope")).await);
    let request = |method: &'static str, params: Value| {
        by("ada", JsonRpcRequest::new(1, method).with_params(params))
    };
    note(
        messages,
        &ask(request("prompts/get", json!({ "name": "nope" }))).await,
    );
    note(
        messages,
        &ask(request("resources/read", json!({ "uri": "a:b" }))).await,
    );
    note(
        messages,
        &ask(request("tasks/get", json!({ "taskId": "t" }))).await,
    );
    let state = json!({ "name": "dig", "requestState": "another's", "inputResponses": {} });
    note(messages, &ask(request("tools/call", state)).await);
    note(messages, &ask(request("vendor/unheard", json!({}))).await);
}

/// Takes records, and syncs none.
struct Unsynced;

impl Sink for Unsynced {
    fn write(&self, _: Entry) -> Written {
        Written::Unsynced(tokio::sync::oneshot::channel().1)
    }
}

async fn audits(messages: &mut Messages) {
    let mut refused = Vec::new();
    let layer = || {
        let (sink, records) = ChannelSink::bounded(1).unwrap();
        (AuditLayer::new(sink).unwrap(), records)
    };
    let (first, _records) = layer();
    let (second, _others) = layer();
    for layer in [first, second.as_tool_error()] {
        let service = layer.layer(MockService::new());
        answer(service.clone(), call("dig")).await;
        // Another caller, whose share is free: the sink itself is full.
        let other = by("bob", JsonRpcRequest::call_tool(1, "dig", json!({})));
        refused.push(answer(service, other).await);
    }
    note(messages, &refused[0]);
    same_text(&refused[1], &refused[0]);

    let layer = AuditLayer::new(Unsynced).unwrap();
    let ran = MockService::new();
    let unknown = answer(layer.layer(ran.clone()), call("dig")).await;
    assert_eq!(ran.calls(), 1);
    note(messages, &unknown);
    let result = answer(layer.as_tool_error().layer(ran), call("dig")).await;
    same_text(&result, &unknown);

    let (sink, _records) = ChannelSink::bounded(40).unwrap();
    let never = MockService::answering(|_| Answer::never());
    let mut service = AuditLayer::new(sink).unwrap().layer(never);
    let mut running: Vec<_> = (0..10)
        .map(|_| Box::pin(service.call(call("dig"))))
        .collect();
    for future in &mut running {
        assert!(futures::poll!(future).is_pending());
    }
    note(messages, &answer(service, call("dig")).await);
}

async fn credentials(messages: &mut Messages) {
    let ada = Principal::new("ada", Authentication::ApiKey);
    let keys = ApiKeys::new().with_key("key-a", ada).unwrap();
    let layer = AuthenticateLayer::new(keys).max_body(1_000).unwrap();
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let post = |uri: &str| Request::post(uri.to_owned()).header("content-type", "application/json");
    let body = |text: &str| Full::new(Bytes::from(text.to_owned()));
    let bearer = "authorization";
    let requests = [
        post("/mcp").body(body(ping)),
        post("/mcp").header(bearer, "Bearer wrong").body(body(ping)),
        post("/mcp")
            .header(bearer, "Bearer key-a")
            .header(bearer, "Bearer other")
            .body(body(ping)),
        post("/mcp?access_token=key-a").body(body(ping)),
        post("/mcp")
            .header(bearer, "Bearer key-a")
            .header("origin", "https://evil.example")
            .body(body(ping)),
        post("/mcp")
            .header(bearer, "Bearer key-a")
            .header("content-length", "2000")
            .body(body(&" ".repeat(2_000))),
    ];
    for request in requests {
        let inner = service_fn(|_: Request<RequestBody>| async {
            Ok::<_, Infallible>(http::Response::new(Full::new(Bytes::new())))
        });
        let response = layer.layer(inner).oneshot(request.unwrap()).await.unwrap();
        note_body(messages, response.into_body()).await;
    }

    // Verifiers of another kind than a list of keys.
    let later = Some(Duration::from_secs(5));
    for refusal in [
        Refusal::insufficient_scope(["tools"]),
        Refusal::unavailable(later),
    ] {
        let verifier =
            move |_: Credential| std::future::ready(Err::<Principal, _>(refusal.clone()));
        let inner = service_fn(|_: Request<RequestBody>| async {
            Ok::<_, Infallible>(http::Response::new(Full::new(Bytes::new())))
        });
        let request = post("/mcp").header(bearer, "Bearer a").body(body(ping));
        let service = AuthenticateLayer::new(verifier).layer(inner);
        let response = service.oneshot(request.unwrap()).await.unwrap();
        note_body(messages, response.into_body()).await;
    }
}

/// Notes the answer in the body of an HTTP response.
async fn note_body<B: Body<Error: std::fmt::Debug>>(messages: &mut Messages, body: B) {
    let bytes = body.collect().await.unwrap().to_bytes();
    note(messages, &serde_json::from_slice(&bytes).unwrap());
}

/// Refusals of authorization at the HTTP edge that any caller gets.
async fn bodies(messages: &mut Messages) {
    let rules = Rules::builder().otherwise(Access::scopes(["tools"]));
    let authorize = AuthorizeLayer::new(rules.build().unwrap());
    let twice = r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#;
    let broken = Err(io::Error::other("the connection is lost"));
    for chunk in [Ok(Frame::data(Bytes::from(twice))), broken] {
        let inner = service_fn(|_: Request<Full<Bytes>>| async {
            Ok::<_, Infallible>(http::Response::new(Full::new(Bytes::new())))
        });
        let principal = Principal::new("ada", Authentication::Bearer);
        let request = Request::post("/mcp").extension(Arc::new(principal));
        let request = request.body(StreamBody::new(futures::stream::iter([chunk])));
        let service = AuthorizeHttpLayer::new(&authorize).layer(inner);
        let response = service.oneshot(request.unwrap()).await.unwrap();
        note_body(messages, response.into_body()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_page_has_every_message_that_the_layers_send_and_no_other() {
    let mut messages = Messages::new();
    limits(&mut messages).await;
    circuits(&mut messages).await;
    times(&mut messages).await;
    drains(&mut messages).await;
    errors(&mut messages).await;
    permissions(&mut messages).await;
    audits(&mut messages).await;
    credentials(&mut messages).await;
    bodies(&mut messages).await;
    let page = rows();
    for (row, data) in &messages {
        let shown = page.get(row).map(|keys| {
            let mut keys = keys.clone();
            keys.sort();
            keys
        });
        let mut data = data.clone();
        data.sort();
        let (code, message) = row;
        let line = format!("| {code} | `{message}` | {} |", data.join(", "));
        assert_eq!(shown, Some(data), "the page has no row {line}");
    }
    for row in page.keys() {
        assert!(messages.contains_key(row), "no layer sends {row:?}");
    }
}
