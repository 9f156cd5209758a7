//! Load shedding: as many calls run as the limit allows, the rest are refused with a retry hint, and
//! afterwards all are served. At the HTTP edge, and in the stack.

#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "tests of the HTTP edge use the rest")]
mod edge;
#[path = "servers/shared/shed.rs"]
mod shed;

use axum::{
    Router,
    body::Body,
    http::{Method, Response, StatusCode},
};
use edge::*;
use futures::future::join_all;
use mcp_layers::rate_limit::ConcurrencyLimitLayer;
use tokio::sync::mpsc;

const LIMIT: usize = 3;
const REFUSED: usize = 5;

/// One session for each call: all calls of a [`Session`] have the same id.
async fn sessions(router: &Router) -> Vec<Session<'_>> {
    let mut sessions = Vec::new();
    for _ in 0..LIMIT + REFUSED {
        sessions.push(Session::open(router).await);
    }
    sessions
}

fn assert_shed(response: &Response<Body>) {
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "1");
}

/// Starts as many calls as may run at once.
async fn fill(
    sessions: &[Session<'_>],
    events: &mut mpsc::UnboundedReceiver<&'static str>,
) -> Vec<Response<Body>> {
    let mut running = Vec::new();
    for session in &sessions[..LIMIT] {
        running.push(session.call("wait").await);
    }
    assert_started(events, LIMIT).await;
    running
}

async fn assert_started(events: &mut mpsc::UnboundedReceiver<&'static str>, calls: usize) {
    for _ in 0..calls {
        assert_eq!(events.recv().await, Some("started"));
    }
    assert!(events.try_recv().is_err());
}

/// Ends the calls that run, and forgets that they did.
async fn release(tools: &Tools, events: &mut mpsc::UnboundedReceiver<&'static str>) {
    for _ in 0..LIMIT {
        tools.release();
        assert_eq!(events.recv().await, Some("ended"));
    }
}

#[tokio::test]
async fn the_edge_refuses_calls_of_2026_beyond_the_limit_and_serves_all_afterwards() {
    let (tools, mut events) = Tools::new();
    let router = shed::around(bare(&tools), LIMIT);
    for _ in 0..2 {
        let call = || {
            let router = router.clone();
            tokio::spawn(async move { send(&router, modern("wait")).await })
        };
        let running: Vec<_> = (0..LIMIT).map(|_| call()).collect();
        assert_started(&mut events, LIMIT).await;
        for refused in join_all((0..REFUSED).map(|_| call())).await {
            assert_shed(&refused.unwrap());
        }
        assert_started(&mut events, 0).await;
        release(&tools, &mut events).await;
        for served in join_all(running).await {
            let result = json_of(served.unwrap()).await;
            assert_eq!(result["result"]["isError"], false, "{result}");
        }
    }
}

#[tokio::test]
async fn the_edge_refuses_calls_in_sessions_beyond_the_limit_and_serves_all_afterwards() {
    let (tools, mut events) = Tools::new();
    let router = shed::around(bare(&tools), LIMIT);
    let sessions = sessions(&router).await;
    for _ in 0..2 {
        let running = fill(&sessions, &mut events).await;
        for session in &sessions[LIMIT..] {
            assert_shed(&session.call("wait").await);
        }
        assert_started(&mut events, 0).await;
        release(&tools, &mut events).await;
        for mut served in running {
            let result = next_message(&mut served).await.unwrap();
            assert_eq!(result["result"]["isError"], false, "{result}");
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_gives_its_place_at_the_edge_back() {
    let (tools, mut events) = Tools::new();
    let router = shed::around(bare(&tools), 1);
    let session = Session::open(&router).await;
    let running = session.call("wait").await;
    assert_started(&mut events, 1).await;
    assert_shed(&session.call("text").await);
    drop(running);
    assert_eq!(session.call("text").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_stream_of_a_session_takes_no_place_at_the_edge() {
    let (tools, _events) = Tools::new();
    let router: Router = shed::around(bare(&tools), 1);
    let session = Session::open(&router).await;
    let get = request(Method::GET)
        .header("mcp-session-id", session.id())
        .header("mcp-protocol-version", "2025-11-25");
    let stream = send(&router, get.body(Body::empty()).unwrap()).await;
    assert_eq!(stream.status(), StatusCode::OK);
    assert_eq!(session.call("text").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_stack_refuses_calls_beyond_the_limit_and_serves_all_afterwards() {
    let (tools, mut events) = Tools::new();
    let limit = ConcurrencyLimitLayer::new("calls", LIMIT).unwrap();
    let router = layered(&tools, limit.key([]));
    let sessions = sessions(&router).await;
    for _ in 0..2 {
        let running = fill(&sessions, &mut events).await;
        for session in &sessions[LIMIT..] {
            let legacy = next_message(&mut session.call("wait").await).await.unwrap();
            let modern = json_of(send(&router, modern("wait")).await).await;
            for refused in [legacy, modern] {
                assert_eq!(refused["error"]["code"], 429, "{refused}");
                let message = refused["error"]["message"].as_str().unwrap();
                assert!(message.contains("try again later"), "{message}");
            }
        }
        assert_started(&mut events, 0).await;
        release(&tools, &mut events).await;
        for mut served in running {
            let result = next_message(&mut served).await.unwrap();
            assert_eq!(result["result"]["isError"], false, "{result}");
        }
    }
}
