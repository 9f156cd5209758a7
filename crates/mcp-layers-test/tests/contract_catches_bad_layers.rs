//! Each layer here breaks one rule, and the contract names it.

use std::{
    future::{Future, poll_fn},
    mem,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use mcp_layers_core::{
    Authentication, JsonRpcRequest, JsonRpcResponse, McpError, McpRequest, McpResponse, Method,
    Outcome, Principal, Trail,
};
use mcp_layers_test::{
    Contract, LayeredService, MockError, MockService, ReadinessProbe, Rule, Violation,
};
use serde_json::{Value, json};
use tower::{Layer, Service, ServiceExt, layer::layer_fn};

type Inner = ReadinessProbe<MockService>;
type Answered = Result<JsonRpcResponse, MockError>;
type Boxed = Pin<Box<dyn Future<Output = Answered> + Send>>;
type Readied = Poll<Result<(), MockError>>;

/// A layer of two functions.
#[derive(Clone)]
struct Bad<R, C> {
    inner: Inner,
    ready: R,
    call: C,
}

impl<R, C> Service<JsonRpcRequest> for Bad<R, C>
where
    R: FnMut(&mut Inner, &mut Context<'_>) -> Readied,
    C: FnMut(&mut Inner, JsonRpcRequest) -> Boxed,
{
    type Response = JsonRpcResponse;
    type Error = MockError;
    type Future = Boxed;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Readied {
        (self.ready)(&mut self.inner, cx)
    }

    fn call(&mut self, request: JsonRpcRequest) -> Boxed {
        (self.call)(&mut self.inner, request)
    }
}

fn bad<R, C>(ready: R, call: C) -> impl Layer<Inner, Service = Bad<R, C>>
where
    R: FnMut(&mut Inner, &mut Context<'_>) -> Readied + Clone + Send + Sync + 'static,
    C: FnMut(&mut Inner, JsonRpcRequest) -> Boxed + Clone + Send + Sync + 'static,
{
    layer_fn(move |inner| Bad {
        inner,
        ready: ready.clone(),
        call: call.clone(),
    })
}

fn forward(inner: &mut Inner, cx: &mut Context<'_>) -> Readied {
    Service::<JsonRpcRequest>::poll_ready(inner, cx)
}

fn pass(inner: &mut Inner, request: JsonRpcRequest) -> Boxed {
    Box::pin(inner.call(request))
}

/// The rules that the layer breaks, and what the report says of them.
async fn broken<L>(make: impl Fn() -> L) -> (Vec<Rule>, String)
where
    L: Layer<Inner, Service: LayeredService>,
{
    let violations = Contract::new(make).violations().await;
    let text = violations.iter().map(|violation| format!("{violation}\n"));
    (
        violations.iter().map(Violation::rule).collect(),
        text.collect(),
    )
}

/// The layer breaks this rule and no other, and the report says so in these words.
async fn breaks_only<L>(rule: Rule, words: &str, make: impl Fn() -> L)
where
    L: Layer<Inner, Service: LayeredService>,
{
    let (rules, report) = broken(make).await;
    assert!(!rules.is_empty(), "the contract caught nothing");
    assert!(rules.iter().all(|broken| *broken == rule), "{report}");
    assert!(
        report.contains(rule.name()) && report.contains(words),
        "{report}"
    );
}

/// Passes the request and changes the response.
fn changing(
    inner: &mut Inner,
    request: JsonRpcRequest,
    change: fn(&JsonRpcRequest, JsonRpcResponse) -> JsonRpcResponse,
) -> Boxed {
    let future = inner.call(request.clone());
    Box::pin(async move { future.await.map(|response| change(&request, response)) })
}

#[tokio::test]
async fn a_layer_of_the_same_shape_that_breaks_nothing() {
    Contract::new(|| bad(forward, pass)).check().await;
}

#[tokio::test]
async fn calls_a_fresh_clone() {
    breaks_only(
        Rule::ReadiedInstanceIsUsed,
        "poll_ready` never said ready",
        || bad(forward, |inner, request| pass(&mut inner.clone(), request)),
    )
    .await;
}

#[tokio::test]
async fn calls_a_fresh_clone_inside_its_future() {
    let (rules, report) = broken(|| {
        bad(forward, |inner, request| {
            let mut clone = inner.clone();
            Box::pin(async move { clone.call(request).await })
        })
    })
    .await;
    assert!(rules.contains(&Rule::ReadiedInstanceIsUsed), "{report}");
    assert!(rules.contains(&Rule::ReadinessIsGivenBack), "{report}");
}

#[tokio::test]
async fn ignores_readiness() {
    let (rules, report) = broken(|| bad(|_, _| Poll::Ready(Ok(())), pass)).await;
    assert!(rules.contains(&Rule::ReadinessIsForwarded), "{report}");
    assert!(rules.contains(&Rule::ReadiedInstanceIsUsed), "{report}");
}

#[tokio::test]
async fn waits_inside_its_future_and_does_not_say_so() {
    let waits = || {
        bad(
            |_, _| Poll::Ready(Ok(())),
            |inner, request| Box::pin(inner.clone().oneshot(request)),
        )
    };
    breaks_only(Rule::ReadinessIsForwarded, "was ready while", waits).await;
    Contract::new(waits).waits_in_call().check().await;
}

#[tokio::test]
async fn wakes_nobody_when_the_inner_service_becomes_ready() {
    breaks_only(Rule::ReadinessIsForwarded, "was not woken", || {
        bad(
            |inner, _| forward(inner, &mut Context::from_waker(Waker::noop())),
            pass,
        )
    })
    .await;
}

#[tokio::test]
async fn wakes_nobody_when_the_inner_future_is_ready() {
    breaks_only(Rule::PendingIsWoken, "nothing wakes it", || {
        bad(forward, |inner, request| {
            let mut future = inner.call(request);
            Box::pin(poll_fn(move |_| {
                pin!(&mut future).poll(&mut Context::from_waker(Waker::noop()))
            }))
        })
    })
    .await;
}

#[tokio::test]
async fn keeps_an_instance_reserved() {
    breaks_only(Rule::ReadinessIsGivenBack, "still reserved", || {
        bad(forward, |inner, request| {
            let mut other = inner.clone();
            let _ = forward(&mut other, &mut Context::from_waker(Waker::noop()));
            mem::forget(other);
            pass(inner, request)
        })
    })
    .await;
}

#[tokio::test]
async fn swallows_errors() {
    breaks_only(Rule::ErrorsSurface, "the layer was to fail too", || {
        bad(forward, |inner, request| {
            let future = inner.call(request.clone());
            Box::pin(async move {
                let internal = || JsonRpcResponse::error(&request, McpError::internal());
                Ok(future.await.unwrap_or_else(|_| internal()))
            })
        })
    })
    .await;
}

#[tokio::test]
async fn drops_the_extensions() {
    breaks_only(Rule::RequestsPass, "extension", || {
        bad(forward, |inner, request| {
            let mut bare = JsonRpcRequest::new(
                request.id().clone(),
                McpRequest::method(&request).as_str().to_owned(),
            )
            .with_params(request.params().clone())
            .with_cancellation(request.cancellation().clone());
            if let Some(version) = request.protocol_version() {
                bare = bare.with_protocol_version(version.into_owned());
            }
            if let Some(transport) = request.connection().transport {
                bare = bare.with_transport(transport);
            }
            *bare.context_mut() = request.context().clone();
            pass(inner, bare)
        })
    })
    .await;
}

#[tokio::test]
async fn changes_the_params_of_methods_that_it_does_not_know() {
    breaks_only(
        Rule::RequestsPass,
        "`vendor/empty`: params: Null became",
        || {
            bad(forward, |inner, request| {
                let unknown = matches!(McpRequest::method(&request), Method::Other(_));
                let null = unknown && request.params().is_null();
                let changed = if null {
                    request.with_params(json!({}))
                } else {
                    request
                };
                pass(inner, changed)
            })
        },
    )
    .await;
}

#[tokio::test]
async fn adds_to_meta_and_does_not_say_so() {
    let adds = || {
        bad(forward, |inner, request| {
            let mut params = request.params().clone();
            if let Some(params) = params.as_object_mut() {
                let meta = params.entry("_meta").or_insert_with(|| json!({}));
                meta["com.example/added"] = json!(true);
            }
            pass(inner, request.with_params(params))
        })
    };
    breaks_only(Rule::RequestsPass, "params", adds).await;
    Contract::new(adds).adds_meta().check().await;
}

#[tokio::test]
async fn replaces_the_principal_and_does_not_say_so() {
    let replaces = || {
        bad(forward, |inner, mut request| {
            let somebody = Principal::new("somebody", Authentication::ApiKey);
            request.context_mut().set_principal(Arc::new(somebody));
            pass(inner, request)
        })
    };
    breaks_only(Rule::RequestsPass, "principal", replaces).await;
    Contract::new(replaces).sets_principal().check().await;
}

#[tokio::test]
async fn puts_the_deadline_off() {
    breaks_only(Rule::RequestsPass, "deadline", || {
        bad(forward, |inner, mut request| {
            let mut context = mcp_layers_core::CallContext::new();
            if let Some(principal) = request.context().principal() {
                context.set_principal(principal.clone());
            }
            context.limit_deadline(Instant::now() + Duration::from_secs(86_400));
            *request.context_mut() = context;
            pass(inner, request)
        })
    })
    .await;
}

#[tokio::test]
async fn cuts_the_cancellation_off() {
    breaks_only(Rule::RequestsPass, "cancelling", || {
        bad(forward, |inner, request| {
            let cut = JsonRpcRequest::new(0, "ping").cancellation().clone();
            pass(inner, request.with_cancellation(cut))
        })
    })
    .await;
}

#[tokio::test]
async fn calls_twice() {
    breaks_only(Rule::CalledOnce, "called 2 times", || {
        bad(forward, |inner, request| {
            let again = inner.clone().oneshot(request.clone());
            let first = inner.call(request);
            Box::pin(async move {
                let answer = first.await?;
                again.await?;
                Ok(answer)
            })
        })
    })
    .await;
}

#[tokio::test]
async fn answers_ping_itself() {
    breaks_only(Rule::CalledOnce, "`ping`: called 0 times", || {
        bad(forward, |inner, request| {
            if McpRequest::method(&request) == Method::Ping {
                let pong = JsonRpcResponse::success(&request, json!({ "pong": 1 }));
                *inner = inner.clone();
                return Box::pin(async { Ok(pong) });
            }
            pass(inner, request)
        })
    })
    .await;
}

#[tokio::test]
async fn changes_a_result() {
    let hides = || {
        bad(forward, |inner, request| {
            changing(inner, request, |_, mut response| {
                response.retain_listed(&mut |_| false);
                response
            })
        })
    };
    breaks_only(Rule::ResponsesPass, "`tools/list`: result", hides).await;
    Contract::new(hides)
        .changes_responses(|request| {
            McpRequest::method(request).is_list()
                || McpRequest::method(request) == Method::ListTasks
        })
        .check()
        .await;
}

#[tokio::test]
async fn loses_the_trail() {
    breaks_only(Rule::ResponsesPass, "trail", || {
        bad(forward, |inner, request| {
            changing(inner, request, |_, mut response| {
                *response.trail_mut() = Trail::new();
                response
            })
        })
    })
    .await;
}

#[tokio::test]
async fn makes_a_tools_error_an_error_of_the_protocol() {
    breaks_only(Rule::ResponsesPass, "a tool's error", || {
        bad(forward, |inner, request| {
            changing(inner, request, |request, response| {
                match response.outcome() {
                    Outcome::ToolError => JsonRpcResponse::error(request, McpError::internal()),
                    _ => response,
                }
            })
        })
    })
    .await;
}

#[tokio::test]
async fn drops_the_data_of_a_callers_error() {
    breaks_only(Rule::ResponsesPass, "a caller's error", || {
        bad(forward, |inner, request| {
            changing(inner, request, |request, response| {
                match response.clone().into_error() {
                    Ok(error) => JsonRpcResponse::error(request, error.with_data(None::<Value>)),
                    Err(response) => response,
                }
            })
        })
    })
    .await;
}

/// Forgets what it holds instead of dropping it.
struct Forgets<F>(Option<F>);

impl<F> Drop for Forgets<F> {
    fn drop(&mut self) {
        mem::forget(self.0.take());
    }
}

#[tokio::test]
async fn forgets_the_inner_future_when_it_is_dropped() {
    breaks_only(
        Rule::DropIsCancellation,
        "1 inner futures still exist",
        || {
            bad(forward, |inner, request| {
                let mut held = Forgets(Some(inner.call(request)));
                Box::pin(poll_fn(move |cx| {
                    let future = held.0.as_mut().expect("there is a future until it answers");
                    let answer = std::task::ready!(pin!(future).poll(cx));
                    drop(held.0.take());
                    Poll::Ready(answer)
                }))
            })
        },
    )
    .await;
}

#[tokio::test]
async fn stores_the_inner_future() {
    breaks_only(
        Rule::DropIsCancellation,
        "inner futures still exist",
        || {
            let stored = Arc::new(Mutex::new(Vec::new()));
            bad(forward, move |inner, request| {
                let future = Arc::new(Mutex::new(inner.call(request)));
                stored.lock().unwrap().push(future.clone());
                Box::pin(poll_fn(move |cx| {
                    Pin::new(&mut *future.lock().unwrap()).poll(cx)
                }))
            })
        },
    )
    .await;
}

#[tokio::test]
async fn detaches_the_inner_future() {
    breaks_only(Rule::DropIsCancellation, "pending for ever", || {
        bad(forward, |inner, request| {
            let task = tokio::spawn(inner.call(request));
            Box::pin(async move {
                match task.await {
                    Ok(answer) => answer,
                    Err(_) => Err(MockError::new("the task is gone")),
                }
            })
        })
    })
    .await;
}

#[tokio::test]
async fn counts_a_dropped_call_for_ever() {
    breaks_only(Rule::DropIsCancellation, "a call should succeed", || {
        let running = Arc::new(AtomicUsize::new(0));
        bad(forward, move |inner, request| {
            if running.load(Ordering::Relaxed) >= 4 {
                *inner = inner.clone();
                let refused = JsonRpcResponse::error(&request, McpError::unavailable());
                return Box::pin(async { Ok(refused) });
            }
            running.fetch_add(1, Ordering::Relaxed);
            let (running, future) = (running.clone(), inner.call(request));
            Box::pin(async move {
                let answer = future.await;
                running.fetch_sub(1, Ordering::Relaxed);
                answer
            })
        })
    })
    .await;
}

#[tokio::test]
async fn keeps_a_lock_when_it_is_dropped_after_the_inner_answer() {
    breaks_only(Rule::DropIsCancellation, "a call should succeed", || {
        let busy = Arc::new(AtomicUsize::new(0));
        bad(forward, move |inner, request| {
            let (busy, future) = (busy.clone(), inner.call(request.clone()));
            Box::pin(async move {
                let answer = future.await;
                if busy.swap(1, Ordering::Relaxed) == 1 {
                    return Ok(JsonRpcResponse::error(&request, McpError::unavailable()));
                }
                tokio::task::yield_now().await;
                busy.store(0, Ordering::Relaxed);
                answer
            })
        })
    })
    .await;
}

#[tokio::test]
async fn poisons_a_lock_when_the_inner_service_panics() {
    breaks_only(Rule::PanicsPoisonNothing, "PoisonError", || {
        let state = Arc::new(Mutex::new(0));
        bad(forward, move |inner, request| {
            let mut calls = state.lock().unwrap();
            *calls += 1;
            pass(inner, request)
        })
    })
    .await;
}

#[tokio::test]
async fn poisons_a_lock_when_the_inner_future_panics() {
    breaks_only(Rule::PanicsPoisonNothing, "PoisonError", || {
        let state = Arc::new(Mutex::new(0));
        bad(forward, move |inner, request| {
            let (state, mut future) = (state.clone(), inner.call(request));
            Box::pin(poll_fn(move |cx| {
                let mut polls = state.lock().unwrap();
                *polls += 1;
                Pin::new(&mut future).poll(cx)
            }))
        })
    })
    .await;
}

#[tokio::test]
#[should_panic(expected = "the readied instance is used")]
async fn the_message_of_check_names_the_rule() {
    Contract::new(|| bad(forward, |inner, request| pass(&mut inner.clone(), request)))
        .check()
        .await;
}
