//! `everything --with rate-limit`: a limit of one process, and one budget of two processes that have
//! a Redis in common.
#![allow(clippy::expect_used, clippy::unwrap_used)]

#[path = "../crates/mcp-layers-redis/tests/support/mod.rs"]
mod redis;
mod support;

use redis::RedisServer;
use rmcp::transport::StreamableHttpClientTransport;
use serde_json::json;
use support::{
    Server,
    client::{Client, connect, lifecycles, stdio, try_call},
};

/// The number of these calls that pass; the others are refused with 429.
async fn passes(client: &Client, calls: usize) -> usize {
    let mut passed = 0;
    for _ in 0..calls {
        match try_call(client, "echo", json!({ "text": "hi" })).await {
            Ok(_) => passed += 1,
            Err(code) => assert_eq!(code, 429),
        }
    }
    passed
}

#[tokio::test]
async fn one_process_limits_by_itself() {
    for lifecycle in lifecycles() {
        let flags = ["--with", "rate-limit", "--rate", "1", "--burst", "3"];
        let (client, _) = connect(stdio(&flags), lifecycle).await;
        // A machine that is slow gives back one or two meanwhile.
        let passed = passes(&client, 20).await;
        assert!((3..10).contains(&passed), "{passed}");
        // What does no work is not limited, and nor is another tool.
        for _ in 0..20 {
            client.list_all_tools().await.unwrap();
        }
        assert!(
            try_call(&client, "add", json!({ "a": 1, "b": 2 }))
                .await
                .is_ok()
        );
    }
}

#[tokio::test]
async fn the_stack_without_a_choice_has_no_limit() {
    let [lifecycle, _] = lifecycles();
    let (client, _) = connect(stdio(&[]), lifecycle).await;
    assert_eq!(passes(&client, 50).await, 50);
}

#[tokio::test]
async fn two_processes_share_one_budget_through_redis() {
    let Some(redis) = RedisServer::start() else {
        return;
    };
    let address = redis.address();
    let flags = [
        "--with",
        "rate-limit",
        "--rate",
        "1",
        "--burst",
        "40",
        "--redis",
        &address,
    ];
    let servers = [Server::start(&flags).await, Server::start(&flags).await];
    let [_, lifecycle] = lifecycles();
    let mut clients = Vec::new();
    for server in &servers {
        let transport = StreamableHttpClientTransport::from_uri(server.url());
        clients.push(connect(transport, lifecycle.clone()).await.0);
    }
    // Each alone would let forty pass.
    let start = std::time::Instant::now();
    let (one, other) = (passes(&clients[0], 30).await, passes(&clients[1], 60).await);
    let given_back = usize::try_from(start.elapsed().as_secs()).unwrap() + 1;
    assert_eq!(one, 30);
    assert!(
        (10..=10 + given_back).contains(&other),
        "{other} in {:?}",
        start.elapsed()
    );
    let keys = redis.command(&["DBSIZE"]);
    assert_eq!(keys, ":1");
}
