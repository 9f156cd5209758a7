//! Batches of protocol version 2025-03-26.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used)]

mod http_support;

use http::Request;
use http_support::{Http, answer, call, event, layer, notification, post, send};
use mcp_layers_core::{JsonRpcResponse, McpError, McpRequest};
use mcp_layers_util::CancelLayer;
use mcp_layers_wire::{WireLayer, http::Batches};
use serde_json::{Value, json};

fn splitting() -> Http {
    Http::new(WireLayer::new(CancelLayer::new()).batches(Batches::Split))
}

const NOTIFICATION: &str = r#"{"jsonrpc":"2.0", "method":"notifications/x"}"#;

#[tokio::test(start_paused = true)]
async fn each_request_passes_the_layers_and_the_answers_are_one_batch() {
    let refuses = layer(|leaf, request| async move {
        match request.target() {
            Some("slow") => Ok(JsonRpcResponse::error(&request, McpError::forbidden())),
            _ => Ok(send(leaf, request).await?),
        }
    });
    let mut http = Http::new(WireLayer::new(refuses).batches(Batches::Split));
    let messages = [
        call("1", "echo"),
        NOTIFICATION.to_owned(),
        call("2", "slow"),
        call("\"3\"", "echo"),
        r#"{"jsonrpc":"2.0","id":4,"method":"x","params":{"name":1,"name":2}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":0,"method":"initialize"}"#.to_owned(),
    ];
    let reply = http.post(format!(" [{}]", messages.join(" , ")));
    let first = http.incoming().await;
    assert_eq!(first.text(), NOTIFICATION);
    first.accepted();
    for _ in 0..2 {
        let incoming = http.incoming().await;
        let id = incoming.id();
        assert_eq!(incoming.text(), call(&id, "echo"));
        incoming.json(answer(&id, "x"));
    }
    let mut reply = reply.await.unwrap();
    assert_eq!(
        (reply.status.as_u16(), reply.kind()),
        (200, "application/json")
    );
    let answers = reply.json().await;
    let mut found: Vec<_> = answers.as_array().unwrap().iter().collect();
    found.sort_by_key(|answer| answer["id"].to_string());
    let of = |answer: &Value| (answer["id"].clone(), answer["error"]["code"].clone());
    let expected = [
        (json!("3"), json!(null)),
        (json!(0), json!(-32600)),
        (json!(1), json!(null)),
        (json!(2), json!(403)),
        (json!(4), json!(-32600)),
    ];
    assert_eq!(found.into_iter().map(of).collect::<Vec<_>>(), expected);
    http.server_got_nothing();
}

#[tokio::test(start_paused = true)]
async fn streams_of_a_batch_are_one_stream() {
    let mut http = splitting();
    let reply = http.post(format!("[{},{}]", call("1", "echo"), call("2", "echo")));
    let (one, two) = (http.incoming().await, http.incoming().await);
    let id = two.id();
    let events = one.stream();
    events.message(notification("working")).await;
    let mut reply = reply.await.unwrap();
    assert_eq!(reply.kind(), "text/event-stream");
    assert_eq!(reply.next().await, Some(event(&notification("working"))));
    two.json(answer(&id, "x"));
    let other = if id == "1" { "2" } else { "1" };
    events.message(answer(other, "x")).await;
    let answers = reply.event().await;
    assert_eq!(answers.as_array().unwrap().len(), 2);
    assert_eq!(reply.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_legacy_client_that_leaves_cancels_no_call_of_its_batch() {
    let mut http = splitting();
    for streams in [false, true] {
        let mut request = post(format!("[{},{}]", call("1", "echo"), call("2", "echo")));
        let session = "s".parse().unwrap();
        request.headers_mut().insert("mcp-session-id", session);
        let reply = http.send(request);
        let (one, two) = (http.incoming().await, http.incoming().await);
        if streams {
            let events = one.stream();
            events.message(notification("x")).await;
            let mut reply = reply.await.unwrap();
            reply.next().await;
            drop(reply);
            events.is_dropped().await;
        } else {
            reply.abort();
            assert!(reply.await.is_err());
            drop(one);
        }
        tokio::task::yield_now().await;
        http.server_got_nothing();
        drop(two);
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_without_requests_is_accepted() {
    let mut http = splitting();
    let reply = http.post(format!("[{NOTIFICATION},{NOTIFICATION}]"));
    http.incoming().await.accepted();
    http.incoming().await.accepted();
    let mut reply = reply.await.unwrap();
    assert_eq!(
        (reply.status.as_u16(), reply.text().await),
        (202, String::new())
    );
}

#[tokio::test(start_paused = true)]
async fn batches_that_the_protocol_does_not_have_are_refused() {
    let mut http = splitting();
    let batch = format!("[{}]", call("1", "echo"));
    for version in ["2025-06-18", "2026-07-28", "2024-11-05"] {
        let mut request = post(batch.clone());
        let headers = request.headers_mut();
        headers.insert("mcp-protocol-version", version.parse().unwrap());
        refused(&http, request).await;
    }
    let too_many = format!("[{}]", vec![NOTIFICATION; 101].join(","));
    for batch in ["[]", &too_many] {
        refused(&http, post(batch.to_owned())).await;
    }
    let mut reply = http.post("[1,").await.unwrap();
    assert_eq!(reply.json().await["error"]["code"], -32700);
    http.server_got_nothing();
}

async fn refused(http: &Http, request: Request<bytes::Bytes>) {
    let mut reply = http.send(request).await.unwrap();
    assert_eq!(reply.status, 400);
    assert_eq!(reply.json().await["error"]["code"], -32600);
}
