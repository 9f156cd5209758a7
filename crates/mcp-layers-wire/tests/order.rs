//! The order of messages, and cancellation.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use mcp_layers_core::{McpError, McpResponse};
use mcp_layers_timeout::TimeoutLayer;
use mcp_layers_util::CancelLayer;
use mcp_layers_wire::Pipe;
use serde_json::{Value, json};
use support::{Wire, answer, call, layer, send};
use tokio::{sync::Semaphore, task::yield_now, time::sleep};

const PROGRESS: &str = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":1}}"#;
const LATER: &str = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;

fn cancel(id: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"reason":"enough"}}}}"#
    )
}

fn is_cancel_of(message: &Value, id: &Value) -> bool {
    message["method"] == "notifications/cancelled" && message["params"]["requestId"] == *id
}

#[tokio::test(start_paused = true)]
async fn progress_arrives_during_the_call_and_nothing_overtakes_an_answer() {
    // A layer that takes its time for the answer.
    let mut wire = Wire::new(Pipe::new(layer(|leaf, request| async move {
        let response = send(leaf, request).await?;
        for _ in 0..100 {
            yield_now().await;
        }
        Ok(response)
    })));
    for round in 0..300 {
        let id = round.to_string();
        wire.passes_to_server(&call(&id, "echo")).await;
        wire.passes_to_client(PROGRESS).await;
        wire.server
            .write([PROGRESS, &answer(&id, "x"), LATER, ""].join("\n"))
            .await;
        assert_eq!(wire.client.line().await.unwrap(), PROGRESS);
        assert_eq!(wire.client.line().await.unwrap(), answer(&id, "x"));
        assert_eq!(wire.client.line().await.unwrap(), LATER);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_a_layer_keeps_holds_nothing_back_for_long() {
    let mut wire = Wire::new(Pipe::new(layer(|leaf, request| async move {
        let response = send(leaf, request).await?;
        sleep(Duration::from_secs(60)).await;
        Ok(response)
    })));
    wire.passes_to_server(&call("1", "echo")).await;
    wire.server.send(answer("1", "x")).await;
    wire.passes_to_client(LATER).await;
    assert_eq!(wire.client.line().await.unwrap(), answer("1", "x"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_a_layer_keeps_holds_no_other_answer_back() {
    let gate = Arc::new(Semaphore::new(0));
    let waits = gate.clone();
    let mut wire = Wire::new(Pipe::new(layer(move |leaf, request| {
        let gate = waits.clone();
        async move {
            let response = send(leaf, request).await?;
            if response.write_json_contains("slow") {
                gate.acquire().await?.forget();
            }
            Ok(response)
        }
    })));
    wire.passes_to_server(&call("1", "slow")).await;
    wire.passes_to_server(&call("2", "echo")).await;
    wire.server.send(answer("1", "slow")).await;
    wire.passes_to_client(&answer("2", "x")).await;
    gate.add_permits(1);
    assert_eq!(wire.client.line().await.unwrap(), answer("1", "slow"));
}

trait Contains {
    fn write_json_contains(&self, text: &str) -> bool;
}

impl<R: McpResponse> Contains for R {
    fn write_json_contains(&self, text: &str) -> bool {
        let mut json = Vec::new();
        self.write_json(&mut json);
        String::from_utf8(json).unwrap().contains(text)
    }
}

#[tokio::test(start_paused = true)]
async fn calls_and_notifications_reach_the_server_in_their_order() {
    let mut wire = Wire::plain();
    let mut lines = Vec::new();
    for id in 0..200 {
        lines.push(call(&id.to_string(), "echo"));
        lines.push(LATER.to_owned());
    }
    wire.client.write(lines.join("\n") + "\n").await;
    for line in lines {
        assert_eq!(wire.server.line().await.unwrap(), line);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_gets_no_answer() {
    // With `CancelLayer` and without.
    for mut wire in [
        Wire::plain(),
        Wire::new(Pipe::new(tower::layer::util::Identity::new())),
    ] {
        wire.passes_to_server(&call("1", "slow")).await;
        wire.passes_to_server(&cancel("1")).await;
        wire.server.send(answer("1", "late")).await;
        wire.client_gets_nothing().await;
        wire.server_gets_nothing().await;
        // The id is free again.
        wire.passes_to_server(&call("1", "slow")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn cancellations_of_no_call_go_no_further() {
    let mut wire = Wire::plain();
    wire.passes_to_server(&call("1", "echo")).await;
    for line in [cancel("2"), cancel("\"1\""), cancel("null"), cancel("[]")] {
        wire.client.send(line).await;
    }
    wire.client
        .send(r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#)
        .await;
    wire.server_gets_nothing().await;
    wire.passes_to_client(&answer("1", "x")).await;
}

#[tokio::test(start_paused = true)]
async fn initialize_is_not_cancelled() {
    let mut wire = Wire::plain();
    wire.passes_to_server(r#"{"jsonrpc":"2.0","id":1,"method":"initialize"}"#)
        .await;
    wire.client.send(cancel("1")).await;
    wire.server_gets_nothing().await;
    wire.passes_to_client(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#)
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_may_overtake_its_call() {
    let gate = Arc::new(Semaphore::new(0));
    let waits = gate.clone();
    let ended = Arc::new(AtomicUsize::new(0));
    let count = ended.clone();
    let mut wire = Wire::new(Pipe::new(layer(move |leaf, request| {
        let (gate, count) = (waits.clone(), count.clone());
        async move {
            gate.acquire().await?.forget();
            let response = send(leaf, request).await?;
            count.fetch_add(1, Ordering::Relaxed);
            Ok(response)
        }
    })));
    wire.client.send(call("1", "slow")).await;
    wire.client.send(cancel("1")).await;
    wire.server_gets_nothing().await;
    gate.add_permits(1);
    while ended.load(Ordering::Relaxed) == 0 {
        yield_now().await;
    }
    wire.server_gets_nothing().await;
    wire.client_gets_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_reaches_the_attempt_that_runs() {
    let mut wire = Wire::new(Pipe::new(layer(|leaf, request| async move {
        let _ = send(leaf, request.clone()).await?;
        Ok(send(leaf, request).await?)
    })));
    wire.passes_to_server(&call("1", "echo")).await;
    wire.server.send(answer("1", "once")).await;
    let again = wire.server.json().await["id"].clone();
    assert_eq!(again, "mcp-layers-1");
    wire.client.send(cancel("1")).await;
    assert!(is_cancel_of(&wire.server.json().await, &again));
    wire.server.send(answer(&again.to_string(), "late")).await;
    wire.client_gets_nothing().await;
    wire.server_gets_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn the_server_learns_what_a_layer_abandoned() {
    let mut wire = Wire::new(Pipe::new(layer(|leaf, request| async move {
        let sent = tokio::time::timeout(Duration::from_secs(1), send(leaf, request)).await;
        Ok(sent.map_err(|_| McpError::timed_out())??)
    })));
    wire.passes_to_server(&call("1", "slow")).await;
    assert_eq!(wire.client.json().await["error"]["code"], 504);
    assert!(is_cancel_of(&wire.server.json().await, &json!(1)));
    wire.server.send(answer("1", "late")).await;
    wire.client_gets_nothing().await;
    // Not `initialize`: the protocol forbids it.
    wire.passes_to_server(r#"{"jsonrpc":"2.0","id":2,"method":"initialize"}"#)
        .await;
    assert_eq!(wire.client.json().await["error"]["code"], 504);
    wire.server_gets_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn each_attempt_that_is_abandoned_is_cancelled() {
    let mut wire = Wire::new(Pipe::new(layer(|leaf, request| async move {
        let attempt = |request| tokio::time::timeout(Duration::from_secs(1), send(leaf, request));
        let _ = attempt(request.clone()).await;
        let _ = attempt(request.clone()).await;
        Ok(send(leaf, request).await?)
    })));
    wire.passes_to_server(&call("1", "echo")).await;
    assert!(is_cancel_of(&wire.server.json().await, &json!(1)));
    for id in ["mcp-layers-1", "mcp-layers-2"] {
        assert_eq!(wire.server.json().await["id"], id);
        if id == "mcp-layers-1" {
            assert!(is_cancel_of(&wire.server.json().await, &json!(id)));
        }
    }
    wire.server.send(answer("\"mcp-layers-1\"", "late")).await;
    wire.server.send(answer("\"mcp-layers-2\"", "x")).await;
    assert_eq!(wire.client.line().await.unwrap(), answer("1", "x"));
    wire.server_gets_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn progress_is_seen_by_layers() {
    // A maximum of a minute without progress.
    let layers = TimeoutLayer::new(Duration::from_secs(600)).idle(Duration::from_secs(10));
    let mut wire = Wire::new(Pipe::new(layers));
    wire.passes_to_server(
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow","_meta":{"progressToken":"t"}}}"#,
    )
    .await;
    let other = PROGRESS.replace("\"t\"", "\"u\"");
    wire.passes_to_client(PROGRESS).await;
    wire.passes_to_client(&other).await;
    assert_eq!(wire.client.json().await["error"]["code"], 504);
}

#[tokio::test(start_paused = true)]
async fn requests_of_the_server_and_their_answers_pass() {
    let mut wire = Wire::new(Pipe::new(CancelLayer::new()));
    wire.passes_to_server(&call("1", "echo")).await;
    for method in [
        "elicitation/create",
        "sampling/createMessage",
        "roots/list",
        "ping",
    ] {
        let ask =
            format!(r#"{{"id":99, "jsonrpc":"2.0","method":"{method}","params":{{"n":1.0}}}}"#);
        wire.passes_to_client(&ask).await;
        wire.passes_to_server(r#"{"jsonrpc":"2.0","id":99,"result":{"n":12345678901234567890}}"#)
            .await;
    }
    wire.passes_to_client(r#"{"jsonrpc":"2.0","id":5,"method":"roots/list"}"#)
        .await;
    wire.passes_to_server(r#"{"jsonrpc":"2.0","id":5,"error":{"code":-1,"message":"no"}}"#)
        .await;
    wire.passes_to_client(&answer("1", "x")).await;
}
