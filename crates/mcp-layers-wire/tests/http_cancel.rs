//! Cancellation, in the way of each era.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used)]

mod http_support;

use std::time::Duration;

use http_support::{Http, answer, call, event, layer, modern_call, notification, resumable, send};
use mcp_layers_core::{McpRequest, Method};
use mcp_layers_timeout::TimeoutLayer;
use mcp_layers_util::CancelLayer;
use mcp_layers_wire::WireLayer;
use serde_json::json;

fn impatient() -> Http {
    Http::new(WireLayer::new(TimeoutLayer::new(Duration::from_secs(1))))
}

fn cancellation(id: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0", "method":"notifications/cancelled","params":{{"requestId":{id},"reason":"enough"}}}}"#
    )
}

#[tokio::test(start_paused = true)]
async fn a_call_that_a_layer_abandons_in_a_session_is_cancelled_at_the_server() {
    let mut http = impatient();
    let reply = http.post_in("s", call("1", "slow"));
    let _never = http.incoming().await;
    let told = http.incoming().await;
    assert_eq!(told.head.method, "POST");
    assert_eq!(told.head.headers["mcp-session-id"], "s");
    assert_eq!(told.head.headers["mcp-protocol-version"], "2025-11-25");
    let message = told.message();
    assert_eq!(message["method"], "notifications/cancelled");
    assert_eq!(message["params"]["requestId"], 1);
    told.accepted();
    let mut reply = reply.await.unwrap();
    assert_eq!(reply.json().await["error"]["code"], 504);

    // The same when the stream is open.
    let (mut reply, events) = http.streaming("s", &call("2", "slow")).await;
    assert_eq!(reply.event().await["error"]["code"], 504);
    assert_eq!(http.incoming().await.message()["params"]["requestId"], 2);
    events.is_dropped().await;
}

#[tokio::test(start_paused = true)]
async fn without_a_session_the_end_of_the_stream_is_the_cancellation() {
    let mut http = impatient();
    for message in [modern_call("1", "slow"), call("1", "slow")] {
        let reply = http.post(message);
        let events = http.incoming().await.stream();
        let mut reply = reply.await.unwrap();
        assert_eq!(reply.event().await["error"]["code"], 504);
        events.is_dropped().await;
        http.server_got_nothing();
    }
}

#[tokio::test(start_paused = true)]
async fn initialize_is_never_cancelled() {
    let gives_up = layer(|leaf, request| async move {
        let limit = Duration::from_secs(1);
        Ok(tokio::time::timeout(limit, send(leaf, request)).await??)
    });
    let mut http = Http::new(WireLayer::new(gives_up));
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#;
    let reply = http.post_in("s", initialize);
    let _never = http.incoming().await;
    let mut reply = reply.await.unwrap();
    assert_eq!(reply.json().await["error"]["code"], -32603);
    tokio::task::yield_now().await;
    http.server_got_nothing();
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_a_layer_gives_up_is_cancelled_under_its_own_id() {
    let retries = layer(|leaf, request| async move {
        let limit = Duration::from_secs(1);
        let _ = tokio::time::timeout(limit, send(leaf, request.clone())).await;
        let _ = tokio::time::timeout(limit, send(leaf, request.clone())).await;
        Ok(send(leaf, request).await?)
    });
    let mut http = Http::new(WireLayer::new(retries));
    let reply = http.post_in("s", call("1", "slow"));
    let first = http.incoming().await;
    let mut pending = vec![first];
    let mut cancelled = Vec::new();
    let mut ids = vec![json!(1)];
    while ids.len() < 3 || cancelled.len() < 2 {
        let next = http.incoming().await;
        let message = next.message();
        match message["method"].as_str() {
            Some("notifications/cancelled") => {
                cancelled.push(message["params"]["requestId"].clone());
            }
            _ => ids.push(message["id"].clone()),
        }
        pending.push(next);
    }
    cancelled.sort_by_key(ToString::to_string);
    ids.sort_by_key(ToString::to_string);
    assert_eq!(cancelled.len(), 2);
    assert!(cancelled.iter().all(|id| ids.contains(id)));
    let last = pending.into_iter().rev().find(|one| {
        let id = &one.message()["id"];
        !id.is_null() && !cancelled.contains(id)
    });
    let last = last.unwrap();
    let id = last.id();
    last.json(answer(&id, "x"));
    assert_eq!(reply.await.unwrap().text().await, answer("1", "x"));
}

#[tokio::test(start_paused = true)]
async fn the_clients_cancellation_reaches_the_attempt_that_the_server_has() {
    let retries = layer(|leaf, request| async move {
        let _ = send(leaf, request.clone()).await;
        Ok(send(leaf, request).await?)
    });
    let layers = tower::ServiceBuilder::new()
        .layer(CancelLayer::new())
        .layer(retries);
    let mut http = Http::new(WireLayer::new(layers));

    // The first attempt: in the client's own bytes.
    let (mut reply, events) = http.streaming("s", &call("1", "slow")).await;
    let told = http.post_in("s", cancellation("1"));
    let incoming = http.incoming().await;
    assert_eq!(incoming.text(), cancellation("1"));
    incoming.accepted();
    assert_eq!(told.await.unwrap().status, 202);
    assert_eq!(reply.next().await, None);
    events.is_dropped().await;
    http.server_got_nothing();

    // A later one: under its id.
    let reply = http.post_in("s", call("2", "slow"));
    http.incoming().await.fail();
    let second = http.incoming().await;
    let told = http.post_in("s", cancellation("2"));
    let incoming = http.incoming().await;
    assert_eq!(
        incoming.message()["params"]["requestId"].to_string(),
        second.id()
    );
    incoming.accepted();
    told.await.unwrap();
    let mut reply = reply.await.unwrap();
    assert_eq!(reply.json().await["error"]["code"], 499);
    http.server_got_nothing();
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_of_a_call_that_layers_hold_goes_no_further() {
    let (entered, mut has_entered) = tokio::sync::mpsc::unbounded_channel();
    let holds = layer(move |leaf, request| {
        entered.send(()).unwrap();
        async move {
            request.cancelled().await;
            Ok(send(leaf, request).await?)
        }
    });
    let mut http = Http::new(WireLayer::new(holds));
    let reply = http.post_in("s", call("1", "slow"));
    has_entered.recv().await.unwrap();
    let told = http.post_in("s", cancellation("1"));
    assert_eq!(told.await.unwrap().status, 202);
    reply.await.unwrap();
    http.server_got_nothing();
}

#[tokio::test(start_paused = true)]
async fn other_cancellations_pass() {
    let mut http = Http::plain();
    let (_reply, _events) = http.streaming("s", &call("1", "slow")).await;
    for message in [cancellation("5"), cancellation("[]")] {
        http.post_in("s", message.clone());
        let incoming = http.incoming().await;
        assert_eq!(incoming.text(), message);
    }
    // Of another session, and without one.
    http.post_in("other", cancellation("1"));
    assert_eq!(http.incoming().await.text(), cancellation("1"));
    http.post(cancellation("1"));
    assert_eq!(http.incoming().await.text(), cancellation("1"));
}

#[tokio::test(start_paused = true)]
async fn a_modern_client_that_leaves_cancels_its_call() {
    let mut http = Http::plain();
    let reply = http.post(modern_call("1", "slow"));
    let events = http.incoming().await.stream();
    events.send(resumable(1, &notification("x"))).await;
    let mut reply = reply.await.unwrap();
    reply.next().await;
    drop(reply);
    events.is_dropped().await;
    http.server_got_nothing();
}

#[tokio::test(start_paused = true)]
async fn a_legacy_client_that_leaves_cancels_nothing() {
    let mut http = Http::plain();
    for has_id in [false, true] {
        let (mut reply, events) = http.streaming("s", &call("1", "slow")).await;
        if has_id {
            events.send(resumable(1, &notification("x"))).await;
            reply.next().await;
        }
        drop(reply);
        events.is_dropped().await;
        tokio::task::yield_now().await;
        http.server_got_nothing();
    }
    // Before the server has answered at all.
    let reply = http.post_in("s", call("9", "slow"));
    let incoming = http.incoming().await;
    reply.abort();
    assert!(reply.await.is_err());
    tokio::task::yield_now().await;
    http.server_got_nothing();
    drop(incoming);
}

#[tokio::test(start_paused = true)]
async fn an_id_in_flight_is_refused_and_free_afterwards() {
    let mut http = Http::plain();
    let (mut reply, events) = http.streaming("s", &call("1", "slow")).await;
    let mut refused = http.post_in("s", call("1", "echo")).await.unwrap();
    assert_eq!(refused.status, 400);
    assert_eq!(refused.json().await["error"]["code"], -32600);
    http.server_got_nothing();
    // The same for a call that has no stream.
    let pending = http.post_in("s", call("2", "slow"));
    let incoming = http.incoming().await;
    let refused = http.post_in("s", call("2", "echo")).await.unwrap();
    assert_eq!(refused.status, 400);
    http.server_got_nothing();
    incoming.json(answer("2", "x"));
    pending.await.unwrap();
    // Another session has ids of its own, and so has each request without one.
    let (_reply, _events) = http.streaming("t", &call("1", "slow")).await;
    let _first = http.post(call("1", "slow"));
    let _second = http.post(call("1", "slow"));
    let _incoming = (http.incoming().await, http.incoming().await);
    events.message(answer("1", "x")).await;
    assert_eq!(reply.next().await, Some(event(&answer("1", "x"))));
    let again = http.post_in("s", call("1", "echo"));
    let incoming = http.incoming().await;
    assert_eq!(incoming.message()["method"], Method::CallTool.as_str());
    incoming.json(answer("1", "y"));
    assert_eq!(again.await.unwrap().text().await, answer("1", "y"));
}
