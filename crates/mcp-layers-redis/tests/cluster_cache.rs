//! The second level of the cache, in a Redis Cluster.
#![cfg(all(feature = "cache", feature = "cluster"))]
#![allow(clippy::unwrap_used)]

#[path = "support/cluster.rs"]
mod cluster;
#[path = "../../mcp-layers-cache/tests/suite/mod.rs"]
mod suite;
mod support;

use std::{sync::Mutex, time::Duration};

use cluster::Cluster;
use mcp_layers_cache::{CacheLayer, StoreEvent};
use mcp_layers_core::{JsonRpcRequest, response::CacheScope};
use mcp_layers_redis::RedisCacheStore;
use mcp_layers_test::{MockService, requests, results};
use support::eventually;
use tower::{Layer, ServiceExt};

/// Nodes that begin at different servers of the cluster; every pair has keys of its own, one pair
/// after the other on another server.
struct Shared<'a> {
    cluster: &'a Cluster,
    stores: Mutex<Vec<RedisCacheStore>>,
}

impl<'a> Shared<'a> {
    fn on(cluster: &'a Cluster) -> Self {
        Self {
            cluster,
            stores: Mutex::default(),
        }
    }

    fn store(&self, first: usize, prefix: &str) -> RedisCacheStore {
        let connection = self.cluster.connection(first).key_prefix(prefix);
        let store = RedisCacheStore::new(connection.max_wait(Duration::from_secs(5)));
        self.stores.lock().unwrap().push(store.clone());
        store
    }
}

impl suite::Nodes for Shared<'_> {
    fn two(&self, layer: CacheLayer) -> [CacheLayer; 2] {
        let number = self.stores.lock().unwrap().len() / 2;
        let named = self
            .cluster
            .prefix_on(number % 3, "cache", &format!("pair{number}"));
        let stores = [self.store(0, &named), self.store(1, &named)];
        stores.map(|store| layer.clone().store(store))
    }

    async fn settle(&self) {
        let stores = self.stores.lock().unwrap().clone();
        let busy = |store: &RedisCacheStore| store.state().putting + store.state().pending > 0;
        while stores.iter().any(busy) {
            tokio::task::yield_now().await;
        }
    }
}

fn mock() -> MockService {
    MockService::answering(|request: &JsonRpcRequest| {
        results::fresh_for(results::of(request), 60_000, CacheScope::Public)
    })
}

/// Returns true if a layer with an empty memory learns this of the store.
async fn asked(store: &RedisCacheStore, event: StoreEvent) -> bool {
    let layer = CacheLayer::new().store(store.clone());
    let service = layer.layer(mock());
    service.oneshot(requests::list_tools(1)).await.unwrap();
    layer.handle().stats().store(event) == 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_does_what_every_store_does() {
    let Some(cluster) = Cluster::start().await else {
        return;
    };
    suite::check(&Shared::on(&cluster)).await;
    // The pairs were spread.
    let sizes = cluster.sizes();
    assert!(sizes.iter().all(|size| *size > 0), "{sizes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_are_found_where_their_slot_has_moved() {
    use suite::Nodes;
    let Some(cluster) = Cluster::start().await else {
        return;
    };
    let shared = Shared::on(&cluster);
    let tag = "{moving:cache}";
    let (slot, from) = (cluster.slot(tag), cluster.home(tag));
    let to = (from + 1) % 3;
    let store = shared.store(from, "moving");
    assert!(asked(&store, StoreEvent::Miss).await);
    shared.settle().await;
    assert!(asked(&store, StoreEvent::Hit).await);
    cluster.begin_to_move(slot, from, to);
    for key in cluster.keys(from) {
        cluster.move_key(&key, from, to);
    }
    // All keys are there, so that the node they move to can answer already.
    assert!(asked(&store, StoreEvent::Hit).await);
    cluster.give(slot, to, &[to, from, (to + 1) % 3]);
    assert!(asked(&store, StoreEvent::Hit).await);
    assert_eq!(cluster.keys(from).len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_is_a_miss_and_is_told_when_it_is_back() {
    use suite::Nodes;
    let Some(mut cluster) = Cluster::start().await else {
        return;
    };
    let home = cluster.home("{mcp:cache}");
    let connection = cluster.connection((home + 1) % 3);
    let store = RedisCacheStore::new(connection.max_wait(Duration::from_millis(200)));
    eventually(async || asked(&store, StoreEvent::Hit).await).await;
    cluster.nodes[home].kill();
    assert!(asked(&store, StoreEvent::Unreachable).await);
    let layer = CacheLayer::new().store(store.clone());
    layer.handle().invalidate_all();
    assert_eq!(store.state().pending, 1);
    cluster.nodes[home].restart();
    eventually(async || asked(&store, StoreEvent::Hit).await).await;
    assert_eq!(store.state().pending, 0);
    Shared::on(&cluster).settle().await;
}
