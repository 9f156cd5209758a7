//! The second level of the cache, on a Redis server of our own.
#![cfg(feature = "cache")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

#[path = "../../mcp-layers-cache/tests/suite/mod.rs"]
mod suite;

use std::{sync::Mutex, time::Duration};

use mcp_layers_cache::{CacheLayer, StoreEvent};
use mcp_layers_core::{
    Event, JsonRpcRequest, JsonRpcResponse, McpResponse, response::CacheScope, trail::CacheEvent,
};
use mcp_layers_redis::{RedisCacheStore, RedisConnection};
use mcp_layers_test::{MockService, requests, results};
use serde_json::json;
use support::RedisServer;
use tower::{Layer, ServiceExt};

/// Nodes with a connection of their own each; every pair has keys of its own.
struct Shared<'a> {
    server: &'a RedisServer,
    stores: Mutex<Vec<RedisCacheStore>>,
}

impl<'a> Shared<'a> {
    fn on(server: &'a RedisServer) -> Self {
        Self {
            server,
            stores: Mutex::default(),
        }
    }

    fn store(&self, prefix: &str) -> RedisCacheStore {
        let connection = RedisConnection::new(&self.server.address()).unwrap();
        let connection = connection
            .key_prefix(prefix)
            .max_wait(Duration::from_millis(500));
        let store = RedisCacheStore::new(connection);
        self.stores.lock().unwrap().push(store.clone());
        store
    }
}

impl suite::Nodes for Shared<'_> {
    fn two(&self, layer: CacheLayer) -> [CacheLayer; 2] {
        let prefix = format!("pair{}", self.stores.lock().unwrap().len());
        let store = || self.store(&prefix);
        [layer.clone().store(store()), layer.store(store())]
    }

    async fn settle(&self) {
        let stores = self.stores.lock().unwrap().clone();
        let busy = || {
            let states = stores.iter().map(RedisCacheStore::state);
            states
                .into_iter()
                .any(|state| state.putting + state.pending > 0)
        };
        while busy() {
            tokio::task::yield_now().await;
        }
    }
}

fn mock() -> MockService {
    MockService::answering(|request: &JsonRpcRequest| {
        results::fresh_for(results::of(request), 60_000, CacheScope::Public)
    })
}

async fn ask(layer: &CacheLayer, mock: &MockService) -> JsonRpcResponse {
    let service = layer.layer(mock.clone());
    service.oneshot(requests::list_tools(1)).await.unwrap()
}

fn event(response: &JsonRpcResponse) -> CacheEvent {
    let mut events = response.trail().events();
    let event = events.find_map(|event| match event {
        Event::Cache(event) => Some(*event),
        _ => None,
    });
    event.unwrap()
}

fn entries(server: &RedisServer) -> (redis::Connection, Vec<Vec<u8>>) {
    let client = redis::Client::open(server.address()).unwrap();
    let mut connection = client.get_connection().unwrap();
    let keys = redis::cmd("KEYS")
        .arg("*:cache}:e:*")
        .query(&mut connection);
    (connection, keys.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_does_what_every_store_does() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    suite::check(&Shared::on(&server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_expires_by_the_servers_clock_and_its_age_is_known() {
    use suite::Nodes;
    let Some(server) = RedisServer::start() else {
        return;
    };
    let nodes = Shared::on(&server);
    let mock = mock();
    let [one, two] = nodes.two(CacheLayer::new());
    ask(&one, &mock).await;
    nodes.settle().await;
    let (mut connection, keys) = entries(&server);
    assert_eq!(keys.len(), 1);
    let left: i64 = redis::cmd("PTTL")
        .arg(&keys[0])
        .query(&mut connection)
        .unwrap();
    assert!((50_000..=60_000).contains(&left), "{left}");
    let _: i64 = redis::cmd("PEXPIRE")
        .arg(&keys[0])
        .arg(30_000)
        .query(&mut connection)
        .unwrap();
    let hit = ask(&two, &mock).await;
    let CacheEvent::Hit { age } = event(&hit) else {
        panic!("{hit:?}");
    };
    assert!((30..40).contains(&age.as_secs()), "{age:?}");
    assert!(hit.cache_hint().ttl_ms.unwrap() <= 30_000);
    assert_eq!(mock.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_and_another_entry_under_the_key_are_misses() {
    use suite::Nodes;
    let Some(server) = RedisServer::start() else {
        return;
    };
    let nodes = Shared::on(&server);
    let mock = mock();
    let [one, _] = nodes.two(CacheLayer::new());
    ask(&one, &mock).await;
    nodes.settle().await;
    let (mut connection, keys) = entries(&server);
    let good: Vec<u8> = redis::cmd("GET")
        .arg(&keys[0])
        .query(&mut connection)
        .unwrap();
    let mut of_another_key = good.clone();
    let at = good
        .windows(10)
        .position(|part| part == b"tools/list")
        .unwrap();
    of_another_key[at] = b'T';
    let mut other_version = good.clone();
    other_version[0] = 2;
    let mut broken_json = good.clone();
    broken_json.pop();
    let records = [
        (b"garbage".to_vec(), StoreEvent::Garbage),
        (Vec::new(), StoreEvent::Garbage),
        (good[..good.len() / 2].to_vec(), StoreEvent::Garbage),
        (other_version, StoreEvent::Garbage),
        (broken_json, StoreEvent::Garbage),
        (
            vec![1; RedisCacheStore::MAX_ENTRY_BYTES + 1],
            StoreEvent::Garbage,
        ),
        (of_another_key, StoreEvent::Miss),
        (good, StoreEvent::Hit),
    ];
    for (number, (record, expected)) in records.into_iter().enumerate() {
        let set = redis::cmd("SET")
            .arg(&keys[0])
            .arg(record)
            .arg("PX")
            .arg(60_000)
            .to_owned();
        let _: redis::Value = set.query(&mut connection).unwrap();
        let layer = CacheLayer::new().store(nodes.store("pair0"));
        ask(&layer, &mock).await;
        assert_eq!(layer.handle().stats().store(expected), 1, "case {number}");
        nodes.settle().await;
    }
    let _: redis::Value = redis::cmd("DEL")
        .arg(&keys[0])
        .query(&mut connection)
        .unwrap();
    let _: i64 = redis::cmd("LPUSH")
        .arg(&keys[0])
        .arg(1)
        .query(&mut connection)
        .unwrap();
    let layer = CacheLayer::new().store(nodes.store("pair0"));
    assert_eq!(event(&ask(&layer, &mock).await), CacheEvent::Miss);
    assert_eq!(layer.handle().stats().store(StoreEvent::Unreachable), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_down_or_hangs_is_a_miss_within_the_bound_and_heals() {
    use suite::Nodes;
    let Some(mut server) = RedisServer::start() else {
        return;
    };
    let mock = mock();
    let connection = RedisConnection::new(&server.address()).unwrap();
    let store = RedisCacheStore::new(connection.max_wait(Duration::from_millis(50)));
    let fresh = || CacheLayer::new().store(store.clone());
    ask(&fresh(), &mock).await;

    server.pause();
    let layer = fresh();
    assert_eq!(event(&ask(&layer, &mock).await), CacheEvent::Miss);
    assert_eq!(layer.handle().stats().store(StoreEvent::Unreachable), 1);
    server.kill();
    let layer = fresh();
    assert_eq!(event(&ask(&layer, &mock).await), CacheEvent::Miss);
    assert_eq!(layer.handle().stats().store(StoreEvent::Unreachable), 1);
    // What the server was not told keeps the store from finding anything.
    layer.handle().invalidate_all();
    assert_eq!(store.state().pending, 1);

    server.restart();
    let patience = std::time::Instant::now();
    loop {
        ask(&fresh(), &mock).await;
        if event(&ask(&fresh(), &mock).await) != CacheEvent::Miss {
            break;
        }
        assert!(
            patience.elapsed() < Duration::from_secs(30),
            "it does not heal"
        );
        tokio::task::yield_now().await;
    }
    assert_eq!(store.state().pending, 0);
    Shared::on(&server).settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_count_that_the_server_forgot_brings_no_old_entry_back() {
    use suite::Nodes;
    let Some(server) = RedisServer::start() else {
        return;
    };
    let nodes = Shared::on(&server);
    let mock = mock();
    let [one, two] = nodes.two(CacheLayer::new());
    ask(&one, &mock).await;
    nodes.settle().await;
    one.handle().invalidate_all();
    nodes.settle().await;
    let (mut connection, keys) = entries(&server);
    assert_eq!(keys.len(), 1, "the old entry is there");
    let groups: Vec<Vec<u8>> = redis::cmd("KEYS")
        .arg("*:cache}:g:*")
        .query(&mut connection)
        .unwrap();
    let _: i64 = redis::cmd("DEL")
        .arg(groups)
        .query(&mut connection)
        .unwrap();
    assert_eq!(event(&ask(&two, &mock).await), CacheEvent::Miss);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_secret_is_in_a_name_on_the_server() {
    use suite::Nodes;
    let Some(server) = RedisServer::start() else {
        return;
    };
    let nodes = Shared::on(&server);
    let [one, _] = nodes.two(CacheLayer::new());
    let request = requests::read_resource(1, "file:///hunter2");
    one.layer(mock()).oneshot(request).await.unwrap();
    nodes.settle().await;
    let (mut connection, _) = entries(&server);
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    assert!(
        keys.len() >= 4 && !json!(keys).to_string().contains("hunter2"),
        "{keys:?}"
    );
}
