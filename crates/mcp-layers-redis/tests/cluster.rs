//! Budgets in a Redis Cluster: found from any node, followed when they move, and bounded in time when
//! their node is away.
#![cfg(all(feature = "cluster", feature = "rate-limit"))]
#![allow(clippy::unwrap_used)]

#[path = "support/budgets.rs"]
mod budgets;
#[path = "support/cluster.rs"]
mod cluster;
#[path = "support/on_servers.rs"]
mod on_servers;
#[path = "../../mcp-layers-rate-limit/tests/suite/mod.rs"]
mod suite;
mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use budgets::{Handle, Limiter, code};
use cluster::Cluster;
use mcp_layers_redis::{OnUnavailable, RedisConnection, RedisRateLimitStore};
use on_servers::OnServers;
use support::eventually;

const TAG: &str = "{mcp:rate-limit}";
const MAX_WAIT: Duration = Duration::from_millis(200);
/// Shorter than an attempt to connect to a node that hangs.
const UNHINDERED: Duration = Duration::from_millis(900);
const LONG: Duration = Duration::from_secs(20);

fn limiter(connection: RedisConnection, burst: u32, rules: &[&'static str]) -> (Limiter, Handle) {
    budgets::limiter(connection, OnUnavailable::FailClosed, burst, rules)
}

/// The number of calls that pass until one is refused for its budget.
async fn spend(layer: &Limiter) -> u32 {
    let mut admitted = 0;
    loop {
        match code(layer).await {
            None => admitted += 1,
            code => {
                assert_eq!(code, Some(429));
                return admitted;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_rules_of_stores() {
    let Some(cluster) = Cluster::start().await else {
        return;
    };
    // From a node that does not have the keys.
    let first = (cluster.home(TAG) + 1) % 3;
    suite::run(async || {
        cluster.flush();
        let connection = cluster.connection(first).max_wait(LONG);
        let store = Arc::new(RedisRateLimitStore::new(
            connection,
            OnUnavailable::FailClosed,
        ));
        OnServers {
            servers: &cluster.nodes,
            store,
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_connections_share_one_budget() {
    let Some(cluster) = Cluster::start().await else {
        return;
    };
    let limiter = |first| limiter(cluster.connection(first).max_wait(LONG), 50, &["all"]);
    let ((one, _), (two, _)) = (limiter(0), limiter(1));
    let calls = (0..100).map(async |number| code(if number % 2 == 0 { &one } else { &two }).await);
    let codes = futures::future::join_all(calls).await;
    assert_eq!(codes.iter().filter(|code| code.is_none()).count(), 50);
    assert!(codes.iter().flatten().all(|code| *code == 429));
}

#[tokio::test]
async fn prefixes_are_on_different_nodes_and_found_from_any() {
    let Some(cluster) = Cluster::start().await else {
        return;
    };
    for home in 0..3 {
        let prefix = cluster.prefix_on(home, "rate-limit", "shop");
        for first in 0..3 {
            let connection = cluster.connection(first).key_prefix(&*prefix);
            let (layer, handle) = limiter(connection.max_wait(LONG), 3, &["all"]);
            assert_eq!(code(&layer).await, None, "from {first} to {home}");
            let state = handle.stats().store;
            assert!(!state.is_unavailable && state.fallback_decisions == 0);
        }
        let connection = cluster.connection(home).key_prefix(&*prefix);
        let (layer, _) = limiter(connection.max_wait(LONG), 3, &["all"]);
        assert_eq!(code(&layer).await, Some(429));
        assert_eq!(cluster.keys(home).len(), 1);
    }
    assert_eq!(cluster.sizes(), [1, 1, 1]);
}

#[tokio::test]
async fn a_node_that_is_not_there_is_passed_over() {
    let Some(cluster) = Cluster::start().await else {
        return;
    };
    let addresses = ["redis://127.0.0.1:1".to_owned(), cluster.address(0)];
    let connection = RedisConnection::cluster(addresses).unwrap().max_wait(LONG);
    connection.ping().await.unwrap();
    let (layer, _) = limiter(connection, 3, &["all"]);
    assert_eq!(spend(&layer).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_moves_while_calls_go_on_keeps_its_budget_and_answers() {
    const BURST: u32 = 600;
    let Some(cluster) = Cluster::start().await else {
        return;
    };
    let (slot, from) = (cluster.slot(TAG), cluster.home(TAG));
    let to = (from + 1) % 3;
    let (layer, handle) = limiter(cluster.connection(from).max_wait(LONG), BURST, &["all"]);
    let (admitted, stop) = (
        Arc::new(AtomicU32::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (layer, admitted, stop) = (layer.clone(), admitted.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.load(SeqCst) && admitted.load(SeqCst) < BURST {
                    match code(&layer).await {
                        None => admitted.fetch_add(1, SeqCst),
                        code => panic!("{code:?}"),
                    };
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            })
        })
        .collect();
    let go_on = async || {
        let before = admitted.load(SeqCst);
        eventually(async || admitted.load(SeqCst) >= before + 30).await;
    };
    go_on().await;
    cluster.begin_to_move(slot, from, to);
    go_on().await;
    for key in cluster.keys(from) {
        cluster.move_key(&key, from, to);
    }
    // The former node sends each call on, and the new one has never heard of the script.
    go_on().await;
    cluster.give(slot, to, &[to]);
    go_on().await;
    cluster.give(slot, to, &[from, (to + 1) % 3]);
    go_on().await;
    stop.store(true, SeqCst);
    for caller in callers {
        caller.await.unwrap();
    }
    let admitted = admitted.load(SeqCst);
    assert!(admitted < BURST, "the calls were over before the move");
    assert_eq!(admitted + spend(&layer).await, BURST);
    assert_eq!(handle.stats().store.fallback_decisions, 0);
    assert_eq!((cluster.keys(from).len(), cluster.keys(to).len()), (0, 1));
    // And back, at once.
    let keys = cluster.keys(to);
    cluster.begin_to_move(slot, to, from);
    cluster.move_key(&keys[0], to, from);
    cluster.give(slot, from, &[from, to, (to + 1) % 3]);
    assert_eq!(code(&layer).await, Some(429));
    assert_eq!(handle.stats().store.fallback_decisions, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_on_two_nodes_while_a_slot_moves_are_waited_for() {
    let Some(cluster) = Cluster::start().await else {
        return;
    };
    let (slot, from) = (cluster.slot(TAG), cluster.home(TAG));
    let to = (from + 1) % 3;
    let rules = ["one", "two"];
    let (layer, handle) = limiter(cluster.connection(to).max_wait(LONG), 5, &rules);
    assert_eq!(code(&layer).await, None);
    let keys = cluster.keys(from);
    assert_eq!(keys.len(), 2);
    cluster.begin_to_move(slot, from, to);
    cluster.move_key(&keys[0], from, to);
    let waiting = tokio::spawn({
        let layer = layer.clone();
        async move { code(&layer).await }
    });
    // With a bound that is shorter than the move, the store decides.
    let (hasty, hasty_handle) = limiter(cluster.connection(to).max_wait(MAX_WAIT), 5, &rules);
    let start = Instant::now();
    assert_eq!(code(&hasty).await, Some(503));
    assert!(start.elapsed() >= MAX_WAIT && start.elapsed() < LONG);
    assert_eq!(hasty_handle.stats().store.fallback_decisions, 1);
    assert!(!waiting.is_finished());
    cluster.move_key(&keys[1], from, to);
    cluster.give(slot, to, &[to, from, (to + 1) % 3]);
    assert_eq!(waiting.await.unwrap(), None);
    assert_eq!(handle.stats().store.fallback_decisions, 0);
    assert_eq!(spend(&layer).await, 3);
}

#[tokio::test]
async fn a_node_that_is_killed_is_away_within_the_bound_and_heals() {
    let Some(mut cluster) = Cluster::start().await else {
        return;
    };
    let home = cluster.home(TAG);
    let (layer, handle) = limiter(
        cluster.connection((home + 1) % 3).max_wait(MAX_WAIT),
        5,
        &["all"],
    );
    eventually(async || code(&layer).await.is_none()).await;
    // Keys of another node, by the same connections to the same nodes.
    let prefix = cluster.prefix_on((home + 1) % 3, "rate-limit", "shop");
    let connection = cluster.connection(home).max_wait(UNHINDERED);
    let (beside, beside_handle) = limiter(connection.key_prefix(&*prefix), 1_000, &["all"]);
    eventually(async || code(&beside).await.is_none()).await;
    let before = beside_handle.stats().store.fallback_decisions;

    cluster.nodes[home].kill();
    let start = Instant::now();
    assert_eq!(code(&layer).await, Some(503));
    assert!(
        start.elapsed() < MAX_WAIT + LONG / 20,
        "{:?}",
        start.elapsed()
    );
    eventually(async || {
        let start = Instant::now();
        code(&layer).await == Some(503) && start.elapsed() < MAX_WAIT
    })
    .await;
    let state = handle.stats().store;
    assert!(state.is_unavailable && state.fallback_decisions >= 2);
    for _ in 0..20 {
        assert_eq!(code(&beside).await, None);
    }
    assert_eq!(beside_handle.stats().store.fallback_decisions, before);

    cluster.nodes[home].restart();
    eventually(async || code(&layer).await.is_none()).await;
    assert!(!handle.stats().store.is_unavailable);
    eventually(async || code(&layer).await == Some(429)).await;
}

#[tokio::test]
async fn a_node_that_hangs_costs_the_bound_and_only_its_own_keys() {
    let Some(cluster) = Cluster::start().await else {
        return;
    };
    let home = cluster.home(TAG);
    let connection = cluster.connection((home + 1) % 3).max_wait(MAX_WAIT);
    let prefix = cluster.prefix_on((home + 2) % 3, "rate-limit", "shop");
    let (layer, _) = limiter(connection.clone(), 5, &["all"]);
    // The very same connection.
    let connection = connection.key_prefix(&*prefix).max_wait(UNHINDERED);
    let (beside, beside_handle) = limiter(connection, 1_000, &["all"]);
    eventually(async || code(&layer).await.is_none()).await;
    eventually(async || code(&beside).await.is_none()).await;
    let before = beside_handle.stats().store.fallback_decisions;
    cluster.nodes[home].pause();
    let start = Instant::now();
    assert_eq!(code(&layer).await, Some(503));
    assert!(start.elapsed() >= MAX_WAIT);
    for _ in 0..20 {
        let (hanging, other) = tokio::join!(code(&layer), code(&beside));
        assert_eq!((hanging, other), (Some(503), None));
    }
    eventually(async || {
        let start = Instant::now();
        code(&layer).await == Some(503) && start.elapsed() < MAX_WAIT
    })
    .await;
    assert_eq!(beside_handle.stats().store.fallback_decisions, before);
    // A process that starts now has the keys of the other nodes.
    let cold = cluster.connection((home + 1) % 3);
    let cold = cold.key_prefix(&*prefix).max_wait(UNHINDERED);
    let (beside_of_cold, _) = limiter(cold, 1_000, &["all"]);
    eventually(async || code(&beside_of_cold).await.is_none()).await;
    cluster.nodes[home].go_on();
    eventually(async || code(&layer).await != Some(503)).await;
}

#[tokio::test]
async fn a_node_that_takes_over_is_found() {
    let Some(mut cluster) = Cluster::start().await else {
        return;
    };
    let (slot, home) = (cluster.slot(TAG), cluster.home(TAG));
    let (heir, third) = ((home + 1) % 3, (home + 2) % 3);
    let (layer, handle) = limiter(cluster.connection(third).max_wait(MAX_WAIT), 5, &["all"]);
    eventually(async || code(&layer).await.is_none()).await;
    cluster.nodes[home].kill();
    eventually(async || code(&layer).await == Some(503)).await;
    cluster.give(slot, heir, &[heir, third]);
    // A node that took over with nothing: a full budget.
    eventually(async || code(&layer).await.is_none()).await;
    assert!(!handle.stats().store.is_unavailable);
    assert_eq!(cluster.keys(heir).len(), 1);
}

#[test]
fn what_is_no_cluster_is_an_error_that_repeats_no_password() {
    let none: [&str; 0] = [];
    let error = RedisConnection::cluster(none).unwrap_err().to_string();
    assert!(error.contains("no address"), "{error}");
    for (address, expected) in [
        ("redis://:sesame@127.0.0.1/1", "database"),
        ("unix:///sesame", "path"),
        ("sesame", "not an address"),
    ] {
        let nodes = ["redis://127.0.0.1", address];
        let error = RedisConnection::cluster(nodes).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("sesame"), "{error}");
    }
    let nodes = ["redis://:sesame@127.0.0.1/0", "redis://:sesame@127.0.0.1/"];
    let connection = RedisConnection::cluster(nodes).unwrap();
    assert!(!format!("{connection:?}").contains("sesame"));
}
