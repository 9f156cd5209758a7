//! A table of hints learns from what passes, forgets on demand, and stays in its bounds.
#![allow(clippy::unwrap_used)]

use std::{convert::Infallible, num::NonZeroUsize, sync::Arc, thread};

use futures::{FutureExt, executor::block_on};
use mcp_layers_core::{Hints, JsonRpcRequest, JsonRpcResponse, McpError, McpRequest, ToolHints};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tower::{Layer, Service, ServiceExt, service_fn};

fn page(
    result: Value,
) -> impl Service<JsonRpcRequest, Response = JsonRpcResponse, Error = Infallible> + Clone {
    service_fn(move |request: JsonRpcRequest| {
        let answer = JsonRpcResponse::success(&request, result.clone());
        async { Ok(answer) }
    })
}

fn list() -> JsonRpcRequest {
    JsonRpcRequest::new(1, "tools/list")
}

fn tool(name: &str, annotations: &Value) -> Value {
    json!({"name": name, "annotations": annotations})
}

async fn learn(hints: &ToolHints, result: Value) {
    let service = hints.layer().layer(page(result));
    service.oneshot(list()).await.unwrap();
}

#[tokio::test]
async fn learns_every_annotation_from_a_list_of_tools() {
    let hints = ToolHints::new();
    let annotations = json!({
        "readOnlyHint": true,
        "destructiveHint": false,
        "idempotentHint": true,
        "openWorldHint": false,
    });
    learn(
        &hints,
        json!({"tools": [tool("a", &annotations), {"name": "b"}]}),
    )
    .await;
    let all = Hints::new(Some(true), Some(false), Some(true), Some(false));
    assert_eq!(hints.get("a"), Some(all));
    assert_eq!(hints.get("b"), Some(Hints::default()));
    assert_eq!(hints.get("A"), None);
    assert_eq!(hints.len(), 2);
}

#[tokio::test]
async fn takes_a_hint_of_the_wrong_type_for_none() {
    let hints = ToolHints::new();
    for (name, annotations) in [
        ("a", json!({"readOnlyHint": "true", "idempotentHint": 1})),
        ("b", json!([true])),
        ("c", json!(null)),
    ] {
        learn(&hints, json!({"tools": [tool(name, &annotations)]})).await;
        assert_eq!(hints.get(name), Some(Hints::default()), "{name}");
    }
}

#[tokio::test]
async fn learns_from_every_page() {
    let hints = ToolHints::new();
    let pages = hints
        .layer()
        .layer(service_fn(|request: JsonRpcRequest| async move {
            let result = match request.cursor() {
                None => json!({"tools": [{"name": "a"}], "nextCursor": "2"}),
                Some(_) => json!({"tools": [{"name": "b"}]}),
            };
            Ok::<_, Infallible>(JsonRpcResponse::success(&request, result))
        }));
    pages.clone().oneshot(list()).await.unwrap();
    assert_eq!(hints.len(), 1);
    let second = list().with_params(json!({"cursor": "2"}));
    pages.oneshot(second).await.unwrap();
    assert!(hints.get("a").is_some() && hints.get("b").is_some());
}

#[tokio::test]
async fn learns_from_nothing_but_lists_of_tools() {
    let hints = ToolHints::new();
    let tools = json!({"tools": [{"name": "a"}]});
    let service = hints.layer().layer(page(tools));
    for method in ["tools/call", "resources/list", "vendor/tools"] {
        let request = JsonRpcRequest::new(1, method);
        service.clone().oneshot(request).await.unwrap();
    }
    learn(&hints, json!({"prompts": [{"name": "a"}]})).await;
    let failing = hints
        .layer()
        .layer(service_fn(|request: JsonRpcRequest| async move {
            Ok::<_, Infallible>(JsonRpcResponse::error(&request, McpError::internal()))
        }));
    failing.oneshot(list()).await.unwrap();
    assert!(hints.is_empty());
}

#[tokio::test]
async fn forgets_all_when_it_is_cleared() {
    let hints = ToolHints::new();
    learn(&hints, json!({"tools": [{"name": "a"}]})).await;
    hints.clone().clear();
    assert!(hints.is_empty());
    learn(&hints, json!({"tools": [{"name": "b"}]})).await;
    assert_eq!((hints.get("a"), hints.len()), (None, 1));
}

#[tokio::test]
async fn does_not_learn_from_an_answer_that_began_before_it_was_cleared() {
    let hints = ToolHints::new();
    let answer = Arc::new(Notify::new());
    let inside = answer.clone();
    let mut service = hints
        .layer()
        .layer(service_fn(move |request: JsonRpcRequest| {
            let answer = inside.clone();
            async move {
                answer.notified().await;
                let result = json!({"tools": [tool("a", &json!({"readOnlyHint": true}))]});
                Ok::<_, Infallible>(JsonRpcResponse::success(&request, result))
            }
        }));
    let mut before = Box::pin(service.ready().await.unwrap().call(list()));
    assert!((&mut before).now_or_never().is_none());
    hints.clear();
    let mut after = Box::pin(service.ready().await.unwrap().call(list()));
    assert!((&mut after).now_or_never().is_none());

    answer.notify_waiters();
    before.await.unwrap();
    assert!(hints.is_empty());
    after.await.unwrap();
    assert!(hints.get("a").is_some());
}

#[tokio::test]
async fn stays_in_its_bounds() {
    let hints = ToolHints::with_max_tools(NonZeroUsize::new(10).unwrap());
    let tools: Vec<_> = (0..1_000)
        .map(|number| json!({"name": format!("tool{number}")}))
        .collect();
    learn(&hints, json!({"tools": tools})).await;
    assert_eq!(hints.len(), 10);
    assert_eq!(hints.get("tool999"), None);
    assert_eq!(ToolHints::DEFAULT_MAX_TOOLS, 4096);
}

#[tokio::test]
async fn believes_the_more_careful_of_two_lists() {
    let hints = ToolHints::new();
    for read_only in [true, false, true] {
        let tools = [tool("a", &json!({"readOnlyHint": read_only}))];
        learn(&hints, json!({"tools": tools})).await;
    }
    assert!(!hints.get("a").unwrap().is_repeatable());
}

#[test]
fn is_shared_by_many_threads() {
    let hints = ToolHints::with_max_tools(NonZeroUsize::new(64).unwrap());
    let service = hints.layer().layer(page(json!({
        "tools": (0..100).map(|number| tool(&number.to_string(), &json!({"readOnlyHint": true}))).collect::<Value>(),
    })));
    thread::scope(|scope| {
        for number in 0..8 {
            let (service, hints) = (service.clone(), hints.clone());
            scope.spawn(move || {
                for round in 0..200 {
                    block_on(service.clone().oneshot(list())).unwrap();
                    assert!(hints.len() <= 64);
                    let known = hints.get("0");
                    assert!(known.is_none_or(|hints| hints.read_only == Some(true)));
                    if round % 50 == number {
                        hints.clear();
                    }
                }
            });
        }
    });
    block_on(service.oneshot(list())).unwrap();
    assert_eq!(hints.len(), 64);
}
