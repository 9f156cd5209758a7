//! The answers that callers get when a layer intervenes.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use mcp_layers_core::{Event, McpError, McpRequest, McpResponse, Outcome, response::TextSite};
use mcp_layers_tower_mcp::{TowerMcpRequest, TowerMcpResponse, layered};
use mcp_layers_util::{CancelLayer, CatchErrorLayer, CatchPanicLayer, short_lived};
use serde_json::{Value, json};
use support::{Client, SECRET, router};
use tower::{
    Layer, ServiceBuilder, layer::layer_fn, limit::ConcurrencyLimitLayer, service_fn,
    timeout::TimeoutLayer,
};

#[tokio::test(start_paused = true)]
async fn a_timeout_has_code_504_and_says_nothing_more() {
    let router = router();
    let stack = short_lived(TimeoutLayer::new(Duration::from_secs(1)));
    let mut client = Client::legacy(&router, layered(stack).layer(router.clone())).await;
    let answer = client.call("sleeps").await;
    let error = json!({
        "code": 504, "message": "Request timed out", "data": {"reason": "timed_out"},
    });
    assert_eq!(answer["error"], error);
    assert_eq!(
        client.call("echo").await["result"]["content"][0]["text"],
        "{}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_timed_out_gives_its_permit_back() {
    let router = router();
    let stack = ServiceBuilder::new()
        .layer(CancelLayer::new())
        .layer(short_lived(TimeoutLayer::new(Duration::from_secs(1))))
        .layer(short_lived(ConcurrencyLimitLayer::new(1)));
    let mut client = Client::legacy(&router, layered(stack).layer(router.clone())).await;
    for _ in 0..3 {
        assert_eq!(client.call("sleeps").await["error"]["code"], 504);
    }
    assert_eq!(
        client.call("echo").await["result"]["content"][0]["text"],
        "{}"
    );
}

#[tokio::test]
async fn the_words_of_an_error_are_not_sent() {
    let failing = layer_fn(|_| {
        service_fn(|_: TowerMcpRequest| async {
            Err::<TowerMcpResponse, _>(std::io::Error::other(SECRET))
        })
    });
    let mut client = Client::new(layered(failing).layer(router()));
    let bytes = client.bytes("tools/list", json!({})).await;
    assert!(!bytes.contains(SECRET), "{bytes}");
    let answer: Value = serde_json::from_str(&bytes).unwrap();
    assert_eq!(answer["id"], 1);
    assert_eq!(answer["error"]["code"], -32603);
}

#[tokio::test]
async fn the_answer_to_an_error_can_be_chosen_inside_the_stack() {
    let choice = CatchErrorLayer::new().map(|_: &(dyn std::error::Error + 'static)| {
        Some(McpError::unavailable().with("reason", "chosen"))
    });
    let failing = layer_fn(|_| {
        service_fn(|_: TowerMcpRequest| async { Err::<TowerMcpResponse, _>("no".to_owned()) })
    });
    let stack = ServiceBuilder::new().layer(choice).layer(failing);
    let mut client = Client::new(layered(stack).layer(router()));
    let answer = client.send("tools/list", json!({})).await;
    assert_eq!(answer["error"]["code"], 503);
    assert_eq!(answer["error"]["data"]["reason"], "chosen");
}

#[tokio::test]
async fn a_panic_answers_one_request_and_ends_nothing_else() {
    let router = router();
    let stack = CatchPanicLayer::new();
    let mut client = Client::legacy(&router, layered(stack).layer(router.clone())).await;
    let params = json!({"name": "panics", "arguments": {}});
    let bytes = client.bytes("tools/call", params).await;
    assert!(!bytes.contains(SECRET), "{bytes}");
    assert!(bytes.contains("-32603"), "{bytes}");
    assert_eq!(
        client.call("echo").await["result"]["content"][0]["text"],
        "{}"
    );
}

#[tokio::test]
async fn an_outer_layer_sees_what_inner_layers_decided() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = seen.clone();
    let router = router();
    let stack = ServiceBuilder::new()
        .map_response(move |response: TowerMcpResponse| {
            record
                .lock()
                .unwrap()
                .extend(response.trail().events().cloned());
            response
        })
        .layer(CatchPanicLayer::new())
        .map_response(hide);
    let mut client = Client::legacy(&router, layered(stack).layer(router.clone())).await;
    client.call("panics").await;
    client.send("resources/list", json!({})).await;
    let seen = seen.lock().unwrap();
    assert!(matches!(&seen[0], Event::Panicked { message } if message.contains(SECRET)));
    assert_eq!(seen[1], Event::Filtered { entries: 1 });
    assert_eq!(seen.len(), 2);
}

/// Takes out of every list what is called `panics`, `greet`, `users` or `hidden`.
fn hide(mut response: TowerMcpResponse) -> TowerMcpResponse {
    const HIDDEN: [&str; 4] = ["panics", "greet", "db://users/{id}", "file:///hidden"];
    let entries = response.retain_listed(&mut |listed| !HIDDEN.contains(&listed.name));
    if entries > 0 {
        response.trail_mut().push(Event::Filtered { entries });
    }
    response
}

#[tokio::test]
async fn hidden_entries_are_absent_from_every_list() {
    let router = router();
    let stack = ServiceBuilder::new().map_response(hide).into_inner();
    let mut bare = Client::legacy(&router, router.clone()).await;
    let mut client = Client::legacy(&router, layered(stack).layer(router.clone())).await;
    for (method, list, hidden) in [
        ("tools/list", "tools", "panics"),
        ("resources/list", "resources", "file:///hidden"),
        (
            "resources/templates/list",
            "resourceTemplates",
            "db://users/{id}",
        ),
        ("prompts/list", "prompts", "greet"),
    ] {
        let all = bare.send(method, json!({})).await;
        assert!(all.to_string().contains(hidden), "{method}");
        let some = client.send(method, json!({})).await;
        assert!(!some.to_string().contains(hidden), "{method}");
        let count = |answer: &Value| answer["result"][list].as_array().unwrap().len();
        assert_eq!(count(&some), count(&all) - 1, "{method}");
    }
}

fn scrub(mut response: TowerMcpResponse) -> TowerMcpResponse {
    response.visit_texts_mut(&mut |_: TextSite, text| *text = text.replace(SECRET, "***"));
    response
}

#[tokio::test]
async fn a_scrubbed_secret_is_absent_from_the_bytes() {
    let router = router();
    let stack = ServiceBuilder::new().map_response(scrub).into_inner();
    let mut bare = Client::legacy(&router, router.clone()).await;
    let mut client = Client::legacy(&router, layered(stack).layer(router.clone())).await;
    let tool = |name: &str| ("tools/call", json!({"name": name, "arguments": {}}));
    for (method, params) in [
        tool("breaks"),
        tool("says_no"),
        tool("structured"),
        ("resources/read", json!({"uri": "db://users/7"})),
        (
            "prompts/get",
            json!({"name": "greet", "arguments": {"name": SECRET}}),
        ),
        (
            "completion/complete",
            json!({
                "ref": {"type": "ref/prompt", "name": "greet"},
                "argument": {"name": "name", "value": SECRET},
            }),
        ),
        ("tools/call", json!({"name": SECRET})),
    ] {
        let bytes = bare.bytes(method, params.clone()).await;
        assert!(bytes.contains(SECRET), "{method} {params}: {bytes}");
        let bytes = client.bytes(method, params.clone()).await;
        assert!(!bytes.contains(SECRET), "{method} {params}: {bytes}");
        assert!(bytes.contains("***"), "{method} {params}: {bytes}");
    }
}

#[tokio::test]
async fn a_refusal_keeps_its_code_and_data() {
    let refuse = layer_fn(|_| {
        service_fn(|request: TowerMcpRequest| async move {
            let error = McpError::rate_limited(Duration::from_millis(1500));
            Ok::<_, std::convert::Infallible>(TowerMcpResponse::from_error(
                request.reply_to(),
                error,
            ))
        })
    });
    let mut client = Client::new(layered(refuse).layer(router()));
    let answer = client.call("echo").await;
    assert_eq!(answer["id"], 1);
    assert_eq!(answer["error"]["code"], 429);
    assert_eq!(answer["error"]["data"]["retryAfterMs"], 1500);
}

fn say_no<S>() -> impl Layer<S, Service = impl Refusing> + Clone {
    layer_fn(|_: S| {
        service_fn(|request: TowerMcpRequest| {
            std::future::ready(Ok::<_, std::convert::Infallible>(
                TowerMcpResponse::from_tool_error(request.reply_to(), "not now".to_owned()),
            ))
        })
    })
}

trait Refusing:
    tower::Service<
        TowerMcpRequest,
        Response = TowerMcpResponse,
        Error = std::convert::Infallible,
        Future = std::future::Ready<Result<TowerMcpResponse, std::convert::Infallible>>,
    > + Clone
    + Send
    + 'static
{
}

impl<S> Refusing for S where
    S: tower::Service<
            TowerMcpRequest,
            Response = TowerMcpResponse,
            Error = std::convert::Infallible,
            Future = std::future::Ready<Result<TowerMcpResponse, std::convert::Infallible>>,
        > + Clone
        + Send
        + 'static
{
}

#[tokio::test]
async fn a_refused_call_can_be_a_tool_error() {
    let mut client = Client::new(layered(say_no()).layer(router()));
    let result = json!({"content": [{"type": "text", "text": "not now"}], "isError": true});
    assert_eq!(client.call("echo").await["result"], result);
}

#[cfg(feature = "protocol-2026-07-28")]
#[tokio::test]
async fn a_modern_answer_is_complete_also_when_a_layer_made_it() {
    let params = support::modern_params(json!({"name": "echo", "arguments": {}}));
    let mut client = Client::new(layered(say_no()).layer(router()));
    let answer = client.send("tools/call", params.clone()).await;
    assert_eq!(answer["result"]["resultType"], "complete");
    assert_eq!(answer["result"]["isError"], true);

    let stack = CatchPanicLayer::new();
    let mut client = Client::new(layered(stack).layer(router()));
    let answer = client.send("tools/call", params).await;
    assert_eq!(answer["result"]["resultType"], "complete");
    let params = support::modern_params(json!({"name": "panics", "arguments": {}}));
    let answer = client.send("tools/call", params).await;
    assert_eq!(answer["error"]["code"], -32603);
    assert!(answer["error"].get("_meta").is_none());
}

#[tokio::test]
async fn outcomes_are_told_apart() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = seen.clone();
    let router = router();
    let stack = ServiceBuilder::new().map_response(move |response: TowerMcpResponse| {
        record.lock().unwrap().push(match response.outcome() {
            Outcome::Success => "success".to_owned(),
            Outcome::ToolError => "tool error".to_owned(),
            Outcome::Protocol { code, .. } => code.to_string(),
            Outcome::TaskCreated => format!("task {}", response.task_id().is_some()),
            other => format!("{other:?}"),
        });
        response
    });
    let stack = stack.into_inner();
    let mut client = Client::legacy(&router, layered(stack).layer(router.clone())).await;
    for tool in ["echo", "says_no", "nothing"] {
        client.call(tool).await;
    }
    client
        .send(
            "tools/call",
            json!({"name": "task", "arguments": {}, "task": {}}),
        )
        .await;
    assert_eq!(
        *seen.lock().unwrap(),
        ["success", "success", "tool error", "-32602", "task true"]
    );
}
