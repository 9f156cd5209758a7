//! Redis is killed, restarted, paused, made read-only, and forgets its scripts.
#![cfg(feature = "rate-limit")]
#![allow(clippy::unwrap_used)]

#[path = "support/budgets.rs"]
mod budgets;
mod support;

use std::time::{Duration, Instant};

use budgets::{Handle, Limiter, code, hourly, send};
use mcp_layers_core::McpResponse;
use mcp_layers_rate_limit::{MemoryStore, RateLimitLayer, Rule};
use mcp_layers_redis::{OnUnavailable, RedisConnection, RedisRateLimitStore};
use support::{RedisServer, eventually};

const BURST: u32 = 5;
const MAX_WAIT: Duration = Duration::from_millis(200);

fn limiter(server: &RedisServer, away: OnUnavailable) -> (Limiter, Handle) {
    let connection = RedisConnection::new(&server.address()).unwrap();
    budgets::limiter(connection.max_wait(MAX_WAIT), away, BURST, &["all"])
}

/// Returns true if the store decided a call without the server.
async fn is_away(layer: &Limiter) -> bool {
    send(layer)
        .await
        .trail()
        .events()
        .any(|event| format!("{event:?}").contains("store_unavailable"))
}

#[tokio::test]
async fn closed_refuses_with_503_while_redis_is_killed_and_heals() {
    let Some(mut server) = RedisServer::start() else {
        return;
    };
    let (layer, handle) = limiter(&server, OnUnavailable::FailClosed);
    eventually(async || code(&layer).await.is_none()).await;
    server.kill();
    eventually(async || code(&layer).await == Some(503)).await;
    let before = handle.stats().store.fallback_decisions;
    assert!(before > 0);
    assert!(is_away(&layer).await);
    assert!(handle.stats().store.is_unavailable);
    assert_eq!(handle.stats().store.fallback_decisions, before + 1);
    server.restart();
    // A new server knows neither budgets nor the script.
    eventually(async || code(&layer).await.is_none()).await;
    assert!(!handle.stats().store.is_unavailable);
    let rest = async || code(&layer).await == Some(429);
    eventually(rest).await;
}

#[tokio::test]
async fn open_lets_calls_pass_and_counts_them() {
    let Some(mut server) = RedisServer::start() else {
        return;
    };
    let (layer, handle) = limiter(&server, OnUnavailable::FailOpen);
    eventually(async || !is_away(&layer).await).await;
    server.kill();
    for _ in 0..BURST * 3 {
        eventually(async || code(&layer).await.is_none()).await;
    }
    assert!(handle.stats().store.fallback_decisions >= u64::from(BURST));
}

#[tokio::test]
async fn local_goes_by_budgets_of_its_own() {
    let Some(mut server) = RedisServer::start() else {
        return;
    };
    let (layer, handle) = limiter(&server, OnUnavailable::Local(MemoryStore::new()));
    eventually(async || !is_away(&layer).await).await;
    server.kill();
    eventually(async || is_away(&layer).await).await;
    let mut admitted = 1;
    for _ in 0..BURST * 3 {
        match code(&layer).await {
            None => admitted += 1,
            code => assert_eq!(code, Some(429)),
        }
    }
    assert_eq!(admitted, BURST);
    // The handle speaks to both: four of ten come free.
    handle.set_quota("all", hourly(BURST + 4)).unwrap();
    let mut admitted = 0;
    for _ in 0..BURST * 3 {
        admitted += u32::from(code(&layer).await.is_none());
    }
    assert_eq!(admitted, 4);
    server.restart();
    eventually(async || !is_away(&layer).await).await;
}

#[tokio::test]
async fn a_paused_redis_costs_the_bound_once_and_then_nothing() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let (layer, handle) = limiter(&server, OnUnavailable::FailClosed);
    eventually(async || code(&layer).await.is_none()).await;
    server.pause();
    let start = Instant::now();
    assert_eq!(code(&layer).await, Some(503));
    assert!(start.elapsed() >= MAX_WAIT);
    eventually(async || {
        let start = Instant::now();
        code(&layer).await == Some(503) && start.elapsed() < MAX_WAIT
    })
    .await;
    server.go_on();
    eventually(async || code(&layer).await != Some(503)).await;
    assert!(!handle.stats().store.is_unavailable);
}

#[tokio::test]
async fn a_read_only_redis_is_as_good_as_away() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let (layer, handle) = limiter(&server, OnUnavailable::FailClosed);
    eventually(async || code(&layer).await.is_none()).await;
    server.make_read_only();
    assert_eq!(code(&layer).await, Some(503));
    assert_eq!(handle.stats().store.fallback_decisions, 1);
    server.make_writable();
    eventually(async || code(&layer).await.is_none()).await;
}

#[tokio::test]
async fn a_full_memory_is_as_good_as_away() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let (layer, _) = limiter(&server, OnUnavailable::FailClosed);
    eventually(async || code(&layer).await.is_none()).await;
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(code(&layer).await, Some(503));
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(code(&layer).await, None);
}

#[tokio::test]
async fn a_script_that_was_flushed_is_loaded_again() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let (layer, handle) = limiter(&server, OnUnavailable::FailClosed);
    eventually(async || code(&layer).await.is_none()).await;
    let before = handle.stats().store.fallback_decisions;
    assert_eq!(server.command(&["SCRIPT", "FLUSH"]), "+OK");
    assert_eq!(code(&layer).await, None);
    assert_eq!(handle.stats().store.fallback_decisions, before);
}

#[tokio::test]
async fn a_restarted_process_finds_its_budgets_as_it_left_them() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let (layer, _) = limiter(&server, OnUnavailable::FailClosed);
    eventually(async || code(&layer).await == Some(429)).await;
    drop(layer);
    let (again, _) = limiter(&server, OnUnavailable::FailClosed);
    eventually(async || code(&again).await != Some(503)).await;
    assert_eq!(code(&again).await, Some(429));
}

#[tokio::test]
async fn the_time_is_the_servers() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let (layer, _) = limiter(&server, OnUnavailable::FailClosed);
    eventually(async || code(&layer).await == Some(429)).await;
    // What the server wrote, by its own clock.
    let key = server.command(&["KEYS", "*"]);
    let key = key.lines().last().unwrap().to_owned();
    let value = server.command(&["GET", &key]);
    let written: u64 = value
        .lines()
        .last()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let time = server.command(&["TIME"]);
    let seconds: u64 = time.lines().nth(2).unwrap().parse().unwrap();
    assert!(written / 1_000_000 <= seconds && written / 1_000_000 + 60 > seconds);
    // A clock that was set back by a day: nobody waits for longer than a whole budget takes.
    let ahead = u128::from(written) + 86_400_000_000;
    server.command(&["SET", &key, &format!("{ahead} {ahead} 3600000000 {BURST}")]);
    let wait = send(&layer)
        .await
        .into_error()
        .unwrap()
        .retry_after()
        .unwrap();
    assert!(wait <= Duration::from_secs(3_600), "{wait:?}");
}

#[tokio::test]
async fn keys_name_no_caller_and_expire_with_their_budget() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let connection = RedisConnection::new(&server.address())
        .unwrap()
        .key_prefix("shop");
    let rule = Rule::new("tools", hourly(BURST));
    let store = RedisRateLimitStore::new(connection, OnUnavailable::FailClosed);
    let layer = RateLimitLayer::with_store([rule], store).unwrap();
    eventually(async || code(&layer).await.is_none()).await;
    let key = server.command(&["KEYS", "*"]);
    let key = key.lines().last().unwrap();
    assert!(key.starts_with("{shop:rate-limit}:tools:"), "{key}");
    assert!(!key.contains("dig"));
    let left: i64 = server.command(&["PTTL", key])[1..].parse().unwrap();
    assert!((1..=3_600_002).contains(&left), "{left}");
}

#[tokio::test]
async fn all_rules_of_a_call_cost_one_command_and_calls_are_pipelined() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let connection = RedisConnection::new(&server.address())
        .unwrap()
        .max_wait(Duration::from_secs(10));
    let rules = (0..4).map(|rule| Rule::new(format!("r{rule}"), hourly(1_000)).key([]));
    let store = RedisRateLimitStore::new(connection, OnUnavailable::FailClosed);
    let layer = RateLimitLayer::with_store(rules, store).unwrap();
    eventually(async || code(&layer).await.is_none()).await;

    let processed = |name: &str| -> u64 {
        let stats = server.command(&["INFO", "all"]);
        let line = stats
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or("x:calls=0");
        let calls = line.split(['=', ',']).nth(1).unwrap();
        calls.parse().unwrap()
    };
    let connections = |server: &RedisServer| -> u64 {
        let stats = server.command(&["INFO", "stats"]);
        let line = stats
            .lines()
            .find(|line| line.starts_with("total_connections_received:"));
        line.unwrap()
            .split(':')
            .nth(1)
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    };
    let (before, connected) = (processed("cmdstat_evalsha:"), connections(&server));
    let calls = (0..100).map(|_| code(&layer));
    let calls: Vec<_> = futures::future::join_all(calls).await;
    assert!(calls.iter().all(Option::is_none));
    assert_eq!(processed("cmdstat_evalsha:") - before, 100);
    // All on the one connection: the others are this test's own questions.
    assert_eq!(connections(&server) - connected, 2);
}
