//! A layer is put on exactly the requests it is meant for, and the others hold nothing of it.
#![allow(clippy::unwrap_used)]

use std::{
    convert::Infallible,
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt, future::Ready};
use mcp_layers_core::{BoxError, JsonRpcRequest, JsonRpcResponse, McpRequest, McpResponse, Method};
use mcp_layers_util::{
    CatchErrorLayer, SelectLayer, for_methods, for_tools, only_tool, short_lived,
};
use serde_json::json;
use tokio::time::timeout;
use tower::{
    Layer, Service, ServiceBuilder, ServiceExt, limit::ConcurrencyLimitLayer,
    load_shed::LoadShedLayer, service_fn, timeout::TimeoutLayer, util::MapRequestLayer,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn method(name: &'static str) -> JsonRpcRequest {
    JsonRpcRequest::new(1, name)
}

fn tool(name: &str) -> JsonRpcRequest {
    JsonRpcRequest::call_tool(1, name, json!({}))
}

fn code(response: Result<JsonRpcResponse, impl std::fmt::Debug>) -> Option<i32> {
    response.unwrap().outcome().code()
}

async fn echo(request: JsonRpcRequest) -> Result<JsonRpcResponse, Infallible> {
    Ok(JsonRpcResponse::success(&request, json!({})))
}

/// Answers after a minute.
async fn slow(request: JsonRpcRequest) -> Result<JsonRpcResponse, Infallible> {
    tokio::time::sleep(MINUTE).await;
    echo(request).await
}

async fn never(_: JsonRpcRequest) -> Result<JsonRpcResponse, Infallible> {
    pending().await
}

type Seen = Arc<Mutex<Vec<String>>>;

/// A layer that notes the method and the target of what passes it.
fn note(
    seen: &Seen,
) -> MapRequestLayer<impl FnMut(JsonRpcRequest) -> JsonRpcRequest + Clone + use<>> {
    let seen = seen.clone();
    MapRequestLayer::new(move |request: JsonRpcRequest| {
        let name = request.target().map_or_else(
            || McpRequest::method(&request).to_string(),
            ToOwned::to_owned,
        );
        seen.lock().unwrap().push(name);
        request
    })
}

/// Sends requests through a layer made by `select`, and says which of them it was put on.
async fn selected<F>(
    select: SelectLayer<MapRequestLayer<F>>,
    seen: Seen,
    requests: impl IntoIterator<Item = JsonRpcRequest>,
) -> Vec<String>
where
    F: FnMut(JsonRpcRequest) -> JsonRpcRequest + Clone,
{
    let service = select.layer(service_fn(echo));
    for request in requests {
        assert_eq!(code(service.clone().oneshot(request).await), None);
    }
    std::mem::take(&mut *seen.lock().unwrap())
}

#[tokio::test]
async fn short_lived_selects_all_but_the_long_lived_and_the_lifecycle() {
    let seen = Seen::default();
    let methods = Method::KNOWN.iter().map(|known| method(known.as_str()));
    let names = selected(
        short_lived(note(&seen)),
        seen,
        methods.chain([method("vendor/x")]),
    )
    .await;
    let exempt = [
        "initialize",
        "server/discover",
        "ping",
        "subscriptions/listen",
        "tasks/result",
    ];
    let all = Method::KNOWN.iter().map(Method::as_str);
    let expected: Vec<_> = all
        .filter(|name| !exempt.contains(name))
        .chain(["vendor/x"])
        .collect();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn for_methods_selects_these_methods_only() {
    let seen = Seen::default();
    let select = for_methods([Method::ListTools, Method::ReadResource], note(&seen)).unwrap();
    let requests = ["tools/list", "tools/call", "resources/read", "Tools/List"];
    let names = selected(select, seen, requests.map(method)).await;
    assert_eq!(names, ["tools/list", "resources/read"]);
}

#[tokio::test]
async fn for_methods_selects_a_method_of_another_name() {
    let seen = Seen::default();
    let methods = [Method::Other("vendor/x"), Method::Other("tools/list")];
    let select = for_methods(methods, note(&seen)).unwrap();
    let requests = ["vendor/x", "vendor/y", "tools/list", "tools/call"];
    let names = selected(select, seen, requests.map(method)).await;
    assert_eq!(names, ["vendor/x", "tools/list"]);
}

#[tokio::test]
async fn a_tool_is_selected_by_its_exact_name_and_only_in_calls() {
    let params = json!({"name": "a"});
    let requests = || {
        [
            tool("a"),
            tool("A"),
            tool("ab"),
            tool("b"),
            tool(""),
            method("tools/call"),
            method("prompts/get").with_params(params.clone()),
        ]
    };
    let seen = Seen::default();
    let names = selected(only_tool("a", note(&seen)), seen, requests()).await;
    assert_eq!(names, ["a"]);
    let seen = Seen::default();
    let select = for_tools(["a", "b"], note(&seen)).unwrap();
    assert_eq!(selected(select, seen, requests()).await, ["a", "b"]);
}

#[test]
fn what_could_never_be_selected_is_a_config_error() {
    let error = |methods: &[Method<'static>]| {
        let layer = for_methods(methods.iter().copied(), TimeoutLayer::new(SECOND));
        layer.map(|_| ()).unwrap_err().to_string()
    };
    assert!(error(&[]).contains("no method"));
    for known in Method::KNOWN {
        let exempt = known.is_long_lived() || known.is_lifecycle() || known.is_notification();
        if exempt {
            let message = error(&[Method::CallTool, *known]);
            assert!(message.contains(known.as_str()), "{message}");
            assert_eq!(message, error(&[Method::Other(known.as_str())]));
        }
    }
    let none: [&str; 0] = [];
    let layer = for_tools(none, TimeoutLayer::new(SECOND));
    assert!(layer.unwrap_err().to_string().contains("no tool"));
}

#[tokio::test(start_paused = true)]
async fn long_lived_requests_outlive_a_timeout() {
    let service = ServiceBuilder::new()
        .layer(CatchErrorLayer::new())
        .layer(short_lived(TimeoutLayer::new(SECOND)))
        .service_fn(slow);
    for (name, expected) in [
        ("subscriptions/listen", None),
        ("tasks/result", None),
        ("initialize", None),
        ("tools/list", Some(504)),
        ("vendor/x", Some(504)),
    ] {
        let answer = service.clone().oneshot(method(name)).await;
        assert_eq!(code(answer), expected, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn long_lived_requests_hold_no_permit() {
    let mut service = short_lived(ConcurrencyLimitLayer::new(1)).layer(service_fn(slow));
    let mut open = Vec::new();
    for _ in 0..3 {
        let listen = service
            .ready()
            .await
            .unwrap()
            .call(method("subscriptions/listen"));
        open.push(Box::pin(listen));
        assert!(open.last_mut().unwrap().now_or_never().is_none());
    }
    let call = service.ready().await.unwrap().call(tool("a"));
    assert_eq!(code(timeout(2 * MINUTE, call).await.unwrap()), None);
}

#[tokio::test(start_paused = true)]
async fn a_limit_inside_neither_deadlocks_nor_leaks_a_permit() {
    let mut service = ServiceBuilder::new()
        .layer(only_tool("a", TimeoutLayer::new(2 * MINUTE)))
        .concurrency_limit(1)
        .service_fn(slow);
    for round in 0..10 {
        let name = if round % 2 == 0 { "a" } else { "b" };
        let call = service.ready().await.unwrap().call(tool(name));
        assert_eq!(code(timeout(2 * MINUTE, call).await.unwrap()), None);

        // Ready and never called, called and never polled, polled and dropped.
        let mut other = service.clone();
        drop(timeout(SECOND, other.ready()).await.unwrap());
        drop(other);
        drop(service.ready().await.unwrap().call(tool(name)));
        let mut call = Box::pin(service.ready().await.unwrap().call(tool(name)));
        assert!((&mut call).now_or_never().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_selected_request_gives_back_what_the_plain_path_reserved() {
    let service = ServiceBuilder::new()
        .layer(only_tool("a", ConcurrencyLimitLayer::new(1)))
        .concurrency_limit(1)
        .service_fn(slow);
    let (mut one, mut other) = (service.clone(), service.clone());
    let waiting = one.ready().await.unwrap().call(tool("a"));
    // It is not polled yet, so the only permit is free.
    let first = timeout(SECOND, other.ready())
        .await
        .unwrap()
        .unwrap()
        .call(tool("b"));
    let (first, waiting) = timeout(3 * MINUTE, futures::future::join(first, waiting))
        .await
        .unwrap();
    assert_eq!((code(first), code(waiting)), (None, None));
}

#[tokio::test(start_paused = true)]
async fn a_limit_outside_covers_both_paths() {
    let mut service = ServiceBuilder::new()
        .concurrency_limit(1)
        .layer(only_tool("a", TimeoutLayer::new(SECOND)))
        .service_fn(slow);
    for round in 0..4 {
        let name = if round % 2 == 0 { "a" } else { "b" };
        let call = service.ready().await.unwrap().call(tool(name));
        let mut other = service.clone();
        assert!(other.ready().now_or_never().is_none());
        let answer = timeout(2 * MINUTE, call).await.unwrap();
        assert_eq!(answer.is_err(), name == "a");
    }
}

#[tokio::test(start_paused = true)]
async fn load_is_shed_on_the_selected_path_alone() {
    let limit = ServiceBuilder::new()
        .layer(LoadShedLayer::new())
        .layer(ConcurrencyLimitLayer::new(1))
        .into_inner();
    let service = ServiceBuilder::new()
        .layer(CatchErrorLayer::new())
        .layer(only_tool("a", limit))
        .service_fn(slow);
    let send = |name| service.clone().oneshot(tool(name));
    let (first, second, plain) = tokio::join!(send("a"), send("a"), send("b"));
    assert_eq!(
        (code(first), code(second), code(plain)),
        (None, Some(503), None)
    );
    assert_eq!(code(send("a").await), None);
}

/// T13.
#[tokio::test(start_paused = true)]
async fn a_service_that_is_never_done_is_timed_out_and_shed() {
    let limit = ServiceBuilder::new()
        .layer(LoadShedLayer::new())
        .layer(ConcurrencyLimitLayer::new(1))
        .layer(TimeoutLayer::new(SECOND))
        .into_inner();
    let service = ServiceBuilder::new()
        .layer(CatchErrorLayer::new())
        .layer(short_lived(limit))
        .service_fn(never);
    let send = || service.clone().oneshot(tool("a"));
    let (first, second) = tokio::join!(send(), send());
    assert_eq!((code(first), code(second)), (Some(504), Some(503)));
    assert_eq!(code(send().await), Some(504));
}

/// T13: what is to answer for a service that is never ready belongs outside the selection.
#[tokio::test(start_paused = true)]
async fn a_service_that_is_never_ready_is_shed() {
    let service = ServiceBuilder::new()
        .layer(CatchErrorLayer::new())
        .load_shed()
        .layer(short_lived(TimeoutLayer::new(SECOND)))
        .service(NeverReady::default());
    assert_eq!(code(service.clone().oneshot(tool("a")).await), Some(503));
    let listen = service.oneshot(method("subscriptions/listen")).await;
    assert_eq!(code(listen), Some(503));
}

/// T13: a timeout outside covers the wait for the selected path.
#[tokio::test(start_paused = true)]
async fn a_selected_path_that_is_never_ready_is_timed_out() {
    let asked = NeverReady::default();
    let path = asked.clone();
    let service = ServiceBuilder::new()
        .layer(CatchErrorLayer::new())
        .timeout(SECOND)
        .layer(only_tool(
            "a",
            tower::layer::layer_fn(move |_| path.clone()),
        ))
        .service_fn(echo);
    assert_eq!(code(service.clone().oneshot(tool("a")).await), Some(504));
    assert_eq!(code(service.oneshot(tool("b")).await), None);
    assert!(asked.polls.load(SeqCst) > 0);
}

#[derive(Clone, Default)]
struct NeverReady {
    polls: Arc<AtomicUsize>,
}

impl Service<JsonRpcRequest> for NeverReady {
    type Response = JsonRpcResponse;
    type Error = BoxError;
    type Future = Ready<Result<JsonRpcResponse, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.polls.fetch_add(1, SeqCst);
        Poll::Pending
    }

    fn call(&mut self, _: JsonRpcRequest) -> Self::Future {
        unreachable!("called without being ready")
    }
}
