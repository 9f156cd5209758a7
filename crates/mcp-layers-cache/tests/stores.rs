//! The memory of a process does what every store does; one that fails is a miss.
#![allow(clippy::unwrap_used)]

mod common;
mod suite;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use common::*;
use mcp_layers_cache::{
    CacheLayer, CacheStore, Group, Lookup, StoreEpoch, StoreError, StoreEvent, StoreFuture,
    StoreKey, StoredEntry,
};
use mcp_layers_core::{McpResponse, response::CacheScope, trail::CacheEvent};
use mcp_layers_test::{Gate, Task};
use tower::{Layer, Service};

struct Memory;

impl suite::Nodes for Memory {
    fn two(&self, layer: CacheLayer) -> [CacheLayer; 2] {
        [layer.clone(), layer]
    }

    async fn settle(&self) {}
}

#[tokio::test]
async fn memory_behaves_as_every_store_does() {
    suite::check(&Memory).await;
}

type Says = fn() -> Result<Lookup, StoreError>;

/// A store that does as it is told.
#[derive(Clone, Default)]
struct Told {
    entries: Arc<Mutex<HashMap<Vec<u8>, StoredEntry>>>,
    counts: Arc<Mutex<HashMap<Group, u64>>>,
    says: Arc<Mutex<Option<Says>>>,
    gate: Option<Gate>,
}

impl Told {
    fn say(&self, says: Says) {
        *self.says.lock().unwrap() = Some(says);
    }
}

impl CacheStore for Told {
    fn get(&self, key: StoreKey) -> StoreFuture<Result<Lookup, StoreError>> {
        let this = self.clone();
        Box::pin(async move {
            if let Some(gate) = &this.gate {
                gate.passed().await;
            }
            if let Some(says) = *this.says.lock().unwrap() {
                return says();
            }
            let counts = this.counts.lock().unwrap();
            let count = |group| counts.get(group).copied().unwrap_or(0);
            let epoch = StoreEpoch::new(key.groups().iter().map(count).collect());
            let entry = this.entries.lock().unwrap().get(key.bytes()).cloned();
            Ok(Lookup::new(entry, epoch))
        })
    }

    fn put(&self, key: StoreKey, _: StoreEpoch, entry: StoredEntry) {
        self.entries
            .lock()
            .unwrap()
            .insert(key.bytes().to_vec(), entry);
    }

    fn invalidate(&self, group: &Group) {
        *self
            .counts
            .lock()
            .unwrap()
            .entry(group.clone())
            .or_default() += 1;
        self.entries.lock().unwrap().clear();
    }
}

#[tokio::test]
async fn the_second_level_is_looked_up_once_for_all_waiters_and_entries_age() {
    let told = Told::default();
    let mock = counting(CacheScope::Public);
    let layer = || CacheLayer::new().store(told.clone());
    ask_first(&layer(), &mock).await;
    let stored = told
        .entries
        .lock()
        .unwrap()
        .values()
        .next()
        .unwrap()
        .clone();
    for entry in told.entries.lock().unwrap().values_mut() {
        *entry = stored.clone().aged(Duration::from_secs(20));
    }
    let other = layer();
    let service = other.layer(mock.clone());
    let hit = ask_system(&service, list()).await;
    let Some(CacheEvent::Hit { age }) = event(&hit) else {
        panic!("{hit:?}");
    };
    assert!(age >= Duration::from_secs(20));
    assert!(hit.cache_hint().ttl_ms.unwrap() <= 40_000);
    // From memory now.
    ask_system(&service, list()).await;
    let stats = other.handle().stats();
    assert_eq!((stats.hits, stats.store(StoreEvent::Hit)), (2, 1));
    assert_eq!(mock.calls(), 1);
}

async fn ask_first(layer: &CacheLayer, mock: &mcp_layers_test::MockService) {
    ask_system(&layer.layer(mock.clone()), list()).await;
}

async fn ask_system(
    service: &mcp_layers_cache::Cache<mcp_layers_test::MockService>,
    request: mcp_layers_core::JsonRpcRequest,
) -> mcp_layers_core::JsonRpcResponse {
    ask(service, request).await
}

#[tokio::test]
async fn a_store_that_fails_or_holds_garbage_is_a_miss_that_is_counted() {
    fn of(json: &[u8], scope: CacheScope, age: u64) -> Result<Lookup, StoreError> {
        let entry = StoredEntry::new(json.to_vec(), scope, Duration::from_secs(60));
        let entry = entry.aged(Duration::from_secs(age));
        Ok(Lookup::new(Some(entry), StoreEpoch::default()))
    }
    let cases: [(Says, StoreEvent); 7] = [
        (
            || Err(StoreError::unreachable(None)),
            StoreEvent::Unreachable,
        ),
        (|| Err(StoreError::garbage()), StoreEvent::Garbage),
        (|| of(b"{", CacheScope::Public, 0), StoreEvent::Garbage),
        (
            || of(b"\xff\x00", CacheScope::Public, 0),
            StoreEvent::Garbage,
        ),
        // What is private stands nowhere but under a private key.
        (|| of(b"{}", CacheScope::Private, 0), StoreEvent::Garbage),
        (|| of(b"{}", CacheScope::Public, 60), StoreEvent::Garbage),
        (
            || of(&[b' '; 2 << 20], CacheScope::Public, 0),
            StoreEvent::Garbage,
        ),
    ];
    for (says, expected) in cases {
        let told = Told::default();
        told.say(says);
        let mock = counting(CacheScope::Public);
        let layer = CacheLayer::new().store(told);
        let service = layer.layer(mock.clone());
        let answer = ask(&service, list()).await;
        assert_eq!(event(&answer), Some(CacheEvent::Miss));
        assert_eq!(layer.handle().stats().store(expected), 1, "{expected:?}");
        assert_eq!(mock.calls(), 1);
        // Memory goes on without it.
        assert_eq!(run_of(&service, list()).await, "1");
    }
}

#[tokio::test]
async fn requests_wait_for_the_store_together_and_a_dropped_leader_hands_over() {
    let gate = Gate::closed();
    let told = Told {
        gate: Some(gate.clone()),
        ..Told::default()
    };
    let mock = counting(CacheScope::Public);
    let mut service = CacheLayer::new().store(told).layer(mock.clone());
    let mut leader = Task::new(service.call(list()));
    let mut waiters: Vec<_> = (0..3).map(|_| Task::new(service.call(list()))).collect();
    assert!(leader.poll().is_pending());
    for waiter in &mut waiters {
        assert!(waiter.poll().is_pending());
    }
    drop(leader);
    assert!(waiters[0].is_woken() && !waiters[1].is_woken());
    assert!(waiters[0].poll().is_pending());
    gate.open();
    assert!(waiters[0].is_woken());
    for waiter in &mut waiters {
        assert!(waiter.poll().is_ready());
    }
    assert_eq!(mock.calls(), 1);
}
