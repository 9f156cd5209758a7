//! Budgets in a real Redis do what every store must.
#![cfg(feature = "rate-limit")]
#![allow(clippy::unwrap_used)]

#[path = "../../mcp-layers-rate-limit/tests/suite/mod.rs"]
mod suite;
mod support;

use std::{sync::Arc, time::Duration};

use mcp_layers_redis::{Away, RedisConnection, RedisRateLimitStore};
use suite::Bench;
use support::RedisServer;

struct Redis<'a> {
    server: &'a RedisServer,
    store: Arc<RedisRateLimitStore>,
}

/// The server's clock cannot be moved, but what it stored can: everything was written earlier.
const SHIFT: &str = "
    for _, key in ipairs(redis.call('KEYS', '*')) do
      local full, at, rest = redis.call('GET', key):match('^(%d+) (%d+) (.*)$')
      full, at = math.max(full - ARGV[1], 0), math.max(at - ARGV[1], 0)
      redis.call('SET', key, string.format('%.0f %.0f ', full, at) .. rest)
    end
    return 'OK'";

impl Bench for Redis<'_> {
    type Store = RedisRateLimitStore;

    fn store(&self) -> Arc<Self::Store> {
        Arc::clone(&self.store)
    }

    async fn advance(&self, by: Duration) {
        let micros = by.as_micros().to_string();
        let answer = self.server.command(&["EVAL", SHIFT, "0", &micros]);
        assert_eq!(answer.lines().last(), Some("OK"));
    }

    const SLACK: Duration = Duration::from_secs(300);
}

async fn run(server: &RedisServer) {
    suite::run(async || {
        server.command(&["FLUSHALL"]);
        let connection = RedisConnection::new(&server.address())
            .unwrap()
            .max_wait(Duration::from_secs(20));
        let store = Arc::new(RedisRateLimitStore::new(connection, Away::Closed));
        Redis { server, store }
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
