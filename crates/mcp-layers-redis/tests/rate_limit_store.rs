//! Budgets in a real Redis do what every store must.
#![cfg(feature = "rate-limit")]
#![allow(clippy::unwrap_used)]

#[path = "support/on_servers.rs"]
mod on_servers;
#[path = "../../mcp-layers-rate-limit/tests/suite/mod.rs"]
mod suite;
mod support;

use std::{sync::Arc, time::Duration};

use mcp_layers_redis::{OnUnavailable, RedisConnection, RedisRateLimitStore};
use on_servers::OnServers;
use support::RedisServer;

async fn run(server: &RedisServer) {
    suite::run(async || {
        server.command(&["FLUSHALL"]);
        let connection = RedisConnection::new(&server.address())
            .unwrap()
            .max_wait(Duration::from_secs(20));
        let store = Arc::new(RedisRateLimitStore::new(
            connection,
            OnUnavailable::FailClosed,
        ));
        OnServers {
            servers: std::slice::from_ref(server),
            store,
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_rules_of_stores() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    run(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_keys_of_a_call_are_in_one_slot_of_a_cluster() {
    let Some(server) = RedisServer::start_with(&[
        "--cluster-enabled",
        "yes",
        "--cluster-config-file",
        &format!("mcp-layers-test-{}.conf", std::process::id()),
    ]) else {
        return;
    };
    assert_eq!(
        server.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]),
        "+OK"
    );
    support::eventually(async || {
        server
            .command(&["CLUSTER", "INFO"])
            .contains("cluster_state:ok")
    })
    .await;
    run(&server).await;
    let file = format!("mcp-layers-test-{}.conf", std::process::id());
    let _ = std::fs::remove_file(std::env::temp_dir().join(file));
}
