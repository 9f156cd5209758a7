//! One budget of two servers that have a Redis in common. A copy of this folder does without this test.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::unwrap_used)]

#[path = "../../../crates/mcp-layers-redis/tests/support/mod.rs"]
mod redis;
mod support;

use support::{Server, passes, settings};

#[tokio::test]
async fn two_servers_share_one_budget_also_after_a_reload() {
    let Some(redis) = redis::RedisServer::start() else {
        return;
    };
    let url = redis.address();
    let with_limit = |limit: &str| settings().replace("10/s burst 20", limit);
    let variables = [
        ("REDIS_URL", &*url),
        ("MCP_LAYERS_SERVER__REDIS", "env:REDIS_URL"),
    ];
    let settings = with_limit("5/day");
    let mut servers = [
        Server::start_with(&settings, &variables).await,
        Server::start_with(&settings, &variables).await,
    ];
    let clients = [
        servers[0].client("key-of-ada").await,
        servers[1].client("key-of-ada").await,
    ];
    assert_eq!(passes(&clients[0], 3).await, 3);
    assert_eq!(passes(&clients[1], 3).await, 2);

    for server in &mut servers {
        server.reload(&with_limit("5/day burst 8")).await;
        server.logged("settings reloaded").await;
    }
    assert_eq!(passes(&clients[0], 2).await, 2);
    assert_eq!(passes(&clients[1], 2).await, 1);
}
