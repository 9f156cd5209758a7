//! One request for each key at a time.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use mcp_layers_cache::{
    CacheLayer, CacheStore, Freshness, Group, Lookup, StoreEpoch, StoreError, StoreFuture,
    StoreKey, StoredEntry,
};
use mcp_layers_core::{
    JsonRpcRequest, McpError, McpResponse, response::CacheScope, trail::CacheEvent,
};
use mcp_layers_test::{Answer, Gate, MockService, Task, requests, results};
use serde_json::json;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimitLayer};

fn slow_list(gate: &Gate, scope: CacheScope) -> Answer {
    Answer::result(results::fresh_for(results::tools(["a"]), 60_000, scope)).behind(gate)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_with_a_cancelled_and_a_panicking_leader_are_one_that_succeeds() {
    for scope in [CacheScope::Public, CacheScope::Private] {
        let gate = Gate::closed();
        let mock = MockService::new();
        mock.push(Answer::never());
        mock.push(Answer::panic("the leader panics").behind(&gate));
        mock.push(slow_list(&gate, scope));
        let layer = CacheLayer::new();
        let service = layer.layer(mock.clone());

        let ask = |service: &mcp_layers_cache::Cache<_>| {
            tokio::spawn(service.clone().oneshot(by("ada", list())))
        };
        let leader = ask(&service);
        until(|| mock.calls() == 1).await;
        let others: Vec<_> = (0..1_000).map(|_| ask(&service)).collect();
        until(|| mock.requests().len() == 1 && layer.handle().stats().misses == 1).await;
        leader.abort();
        assert!(leader.await.unwrap_err().is_cancelled());
        // Its successor is there, and panics; the one after that brings the answer.
        until(|| mock.calls() == 2).await;
        gate.open();
        let (mut answered, mut panicked) = (0, 0);
        for other in others {
            match other.await {
                Ok(answer) => {
                    assert_eq!(answer.unwrap().outcome().code(), None);
                    answered += 1;
                }
                Err(error) => {
                    assert!(error.is_panic());
                    panicked += 1;
                }
            }
        }
        assert_eq!((answered, panicked), (999, 1), "{scope:?}");
        assert_eq!(mock.calls(), 3, "{scope:?}");
        assert_eq!(mock.in_flight(), 0);
    }
}

async fn until(done: impl Fn() -> bool) {
    while !done() {
        tokio::task::yield_now().await;
    }
}

/// A store that is empty, and does something when the first entry is put.
#[derive(Clone, Default)]
struct Hooked(Arc<Mutex<Option<Hook>>>);

type Hook = Box<dyn FnOnce() + Send>;

impl CacheStore for Hooked {
    fn get(&self, key: StoreKey) -> StoreFuture<Result<Lookup, StoreError>> {
        let epoch = StoreEpoch::new(vec![0; key.groups().len()]);
        Box::pin(std::future::ready(Ok(Lookup::new(None, epoch))))
    }

    fn put(&self, _: StoreKey, _: StoreEpoch, _: StoredEntry) {
        let hook = self.0.lock().unwrap().take();
        if let Some(hook) = hook {
            hook();
        }
    }

    fn invalidate(&self, _: &Group) {}
}

#[tokio::test]
async fn a_request_that_comes_while_a_result_is_stored_does_not_run_again() {
    for scope in [CacheScope::Public, CacheScope::Private] {
        let mock = MockService::new();
        let gate = Gate::closed();
        mock.push(slow_list(&gate, scope));
        let store = Hooked::default();
        let service = CacheLayer::new().store(store.clone()).layer(mock.clone());
        let mut leader = Task::new(service.clone().call(by("ada", list())));
        assert!(leader.poll().is_pending());
        let late = Arc::new(Mutex::new(Task::new(
            service.clone().call(by("ada", list())),
        )));
        // When it is polled, the entry is in memory, and the leader has not published it yet.
        let (comes, first) = (Arc::clone(&late), Arc::new(Mutex::new(None)));
        let polled = Arc::clone(&first);
        *store.0.lock().unwrap() = Some(Box::new(move || {
            *polled.lock().unwrap() = Some(comes.lock().unwrap().poll());
        }));
        gate.open();
        assert!(leader.poll().is_ready());
        let answer = match first.lock().unwrap().take().unwrap() {
            std::task::Poll::Pending => late.lock().unwrap().poll(),
            ready @ std::task::Poll::Ready(_) => ready,
        };
        let std::task::Poll::Ready(Ok(answer)) = answer else {
            panic!("no answer");
        };
        let shared = |event| matches!(event, CacheEvent::Coalesced | CacheEvent::Hit { .. });
        assert!(event(&answer).is_some_and(shared), "{scope:?}");
        assert_eq!(mock.calls(), 1, "{scope:?}");
    }
}

#[tokio::test]
async fn a_request_that_is_never_polled_makes_nobody_wait() {
    let mock = counting(CacheScope::Public);
    let mut service = CacheLayer::new().layer(mock.clone());
    let forgotten = service.call(list());
    assert_eq!(run_of(&service, list()).await, "1");
    // Polled after all, it finds the entry.
    assert_eq!(run(&forgotten.await.unwrap()), "1");
    assert_eq!(mock.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_stuck_leader_is_bounded_and_later_requests_do_not_wait_for_it() {
    let mock = counting(CacheScope::Public);
    mock.push(Answer::never());
    let layer = CacheLayer::new().max_wait(Duration::from_secs(5));
    let mut service = layer.layer(mock.clone());
    let mut stuck = Task::new(service.call(list()));
    assert!(stuck.poll().is_pending());
    let start = tokio::time::Instant::now();
    mock.push(Answer::error(McpError::internal()));
    let failed = service.clone().oneshot(list()).await.unwrap();
    assert_eq!(failed.outcome().code(), Some(-32603));
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    assert_eq!(layer.handle().stats().wait_timeouts, 1);
    // Nothing is stored, and the next one does not wait for the stuck leader.
    assert_eq!(run_of(&service, list()).await, "1");
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    // Now the entry is there.
    assert_eq!(run_of(&service, list()).await, "1");
    drop(stuck);
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_bounded_also_when_the_request_that_should_take_over_is_never_polled() {
    let mock = counting(CacheScope::Public);
    mock.push(Answer::never());
    let mut service = CacheLayer::new().layer(mock.clone());
    let [mut leader, mut next, mut last] = [(); 3].map(|()| Task::new(service.call(list())));
    for task in [&mut leader, &mut next, &mut last] {
        assert!(task.poll().is_pending());
    }
    drop(leader);
    tokio::time::advance(CacheLayer::DEFAULT_MAX_WAIT).await;
    let std::task::Poll::Ready(Ok(answer)) = last.poll() else {
        panic!("it still waits");
    };
    assert_eq!(run(&answer), "1");
    drop(next);
}

#[tokio::test]
async fn waiters_are_woken_and_not_polled() {
    let mock = MockService::new();
    let gate = Gate::closed();
    mock.push(slow_list(&gate, CacheScope::Public));
    let mut service = CacheLayer::new().layer(mock.clone());
    let mut leader = Task::new(service.call(list()));
    let mut waiters: Vec<_> = (2..5)
        .map(|id| Task::new(service.call(requests::list_tools(id))))
        .collect();
    assert!(leader.poll().is_pending());
    for waiter in &mut waiters {
        assert!(waiter.poll().is_pending());
        assert!(!waiter.is_woken());
    }
    gate.open();
    assert!(waiters.iter().all(|waiter| !waiter.is_woken()));
    assert!(leader.poll().is_ready());
    for (waiter, id) in waiters.iter_mut().zip(2..) {
        assert!(waiter.is_woken());
        let std::task::Poll::Ready(Ok(answer)) = waiter.poll() else {
            panic!("no answer");
        };
        assert_eq!(event(&answer), Some(CacheEvent::Coalesced));
        assert_eq!(answer.id(), mcp_layers_core::request::RequestId::Number(id));
    }
    assert_eq!(mock.calls(), 1);
}

#[tokio::test]
async fn a_dropped_leader_leaves_the_lead_to_one_waiter_and_then_to_the_next() {
    let mock = MockService::answering(|_: &JsonRpcRequest| Answer::never());
    let mut service = CacheLayer::new().layer(mock.clone());
    let mut calls: Vec<_> = (0..4).map(|_| Task::new(service.call(list()))).collect();
    for call in &mut calls {
        assert!(call.poll().is_pending());
    }
    for left in (1..4).rev() {
        drop(calls.remove(0));
        let woken = calls.iter().filter(|call| call.is_woken()).count();
        assert_eq!(woken, 1, "with {left} left");
        if left == 3 {
            drop(calls.remove(0));
            assert!(calls[0].is_woken());
            assert_eq!(mock.calls(), 1);
        }
        assert!(calls[0].poll().is_pending());
        if calls.len() == 1 {
            break;
        }
    }
    drop(calls);
    assert_eq!(mock.in_flight(), 0);
    // Nothing is left behind.
    mock.push(Answer::plausible());
    assert_eq!(ask(&service, list()).await.outcome().code(), None);
}

#[tokio::test]
async fn a_private_result_goes_only_to_waiters_of_the_same_context() {
    let mock = counting(CacheScope::Private);
    let gate = Gate::closed();
    let secret = json!({ "tools": [], "count": "ada's" });
    mock.push(
        Answer::result(results::fresh_for(secret, 60_000, CacheScope::Private)).behind(&gate),
    );
    let mut service = CacheLayer::new().layer(mock.clone());
    let mut leader = Task::new(service.call(by("ada", list())));
    let mut ada = Task::new(service.call(by("ada", list())));
    let mut bobs: Vec<_> = (0..3)
        .map(|_| Task::new(service.call(by("bob", list()))))
        .collect();
    let mut nobody = Task::new(service.call(list()));
    assert!(leader.poll().is_pending() && ada.poll().is_pending() && nobody.poll().is_pending());
    for bob in &mut bobs {
        assert!(bob.poll().is_pending());
    }
    gate.open();
    let answer = |poll: std::task::Poll<Result<_, _>>| match poll {
        std::task::Poll::Ready(Ok(response)) => run(&response),
        _ => panic!("no answer"),
    };
    assert_eq!(answer(leader.poll()), "ada's");
    assert_eq!(answer(ada.poll()), "ada's");
    // Those of one other context ask together; nobody asks alone.
    assert_eq!(answer(bobs[0].poll()), "1");
    assert_eq!(answer(bobs[1].poll()), "1");
    assert_eq!(answer(bobs[2].poll()), "1");
    assert_eq!(answer(nobody.poll()), "2");
    assert_eq!(mock.calls(), 3);
    // By now it is known that these answers are private: nobody waits for another's.
    mock.push(Answer::never());
    let mut eve = Task::new(service.call(by("eve", list())));
    assert!(eve.poll().is_pending());
    assert_eq!(run_of(&service, by("mallory", list())).await, "3");
}

#[tokio::test]
async fn a_result_that_cannot_be_shared_sends_every_waiter_on() {
    let mock = MockService::new();
    for answer in [
        Answer::error(McpError::internal()),
        Answer::tool_error("no"),
        Answer::fail("gone"),
        Answer::result(results::task_created()),
    ] {
        let gate = Gate::closed();
        mock.push(answer.behind(&gate));
        let layer = CacheLayer::new()
            .tool("echo", Freshness::new(MINUTE).public())
            .unwrap();
        let mut service = layer.layer(mock.clone());
        let before = mock.calls();
        let mut leader = Task::new(service.call(call(json!({}))));
        let mut waiters: Vec<_> = (0..3)
            .map(|_| Task::new(service.call(call(json!({})))))
            .collect();
        assert!(leader.poll().is_pending());
        for waiter in &mut waiters {
            assert!(waiter.poll().is_pending());
        }
        gate.open();
        assert!(leader.poll().is_ready());
        for waiter in &mut waiters {
            assert!(waiter.poll().is_ready());
        }
        assert_eq!(mock.calls(), before + 4);
    }
}

#[tokio::test]
async fn a_request_with_a_progress_token_waits_for_no_other() {
    let mock = counting(CacheScope::Public);
    mock.push(Answer::never());
    let mut service = CacheLayer::new().layer(mock.clone());
    let with_progress = || list().with_params(json!({ "_meta": { "progressToken": 7 } }));
    let mut leader = Task::new(service.call(list()));
    assert!(leader.poll().is_pending());
    // It asks by itself, what it brings is stored, and it is served from memory.
    assert_eq!(run_of(&service, with_progress()).await, "1");
    assert_eq!(run_of(&service, with_progress()).await, "1");
    assert_eq!(run_of(&service, list()).await, "1");
    assert_eq!(mock.calls(), 2);
    // Nor does any other wait for it.
    mock.push(Answer::never());
    let uri = |request: JsonRpcRequest| {
        let mut params = request.params().clone();
        params["_meta"] = json!({ "progressToken": 8 });
        request.with_params(params)
    };
    let mut slow = Task::new(service.call(uri(read("file:///a"))));
    assert!(slow.poll().is_pending());
    assert_eq!(run_of(&service, read("file:///a")).await, "2");
}

#[tokio::test]
async fn requests_do_not_wait_for_results_that_were_not_stored_the_last_time() {
    let mock = MockService::new();
    let mut service = CacheLayer::new().layer(mock.clone());
    ask(&service, by("ada", list())).await;
    mock.push(Answer::never());
    let mut slow = Task::new(service.call(by("ada", list())));
    assert!(slow.poll().is_pending());
    ask(&service, by("ada", list())).await;
    assert_eq!(mock.calls(), 3);
}

#[tokio::test]
async fn hits_and_waiters_hold_no_permit_of_the_inner_service() {
    let mock = MockService::new();
    let gate = Gate::closed();
    mock.push(slow_list(&gate, CacheScope::Public));
    let service = CacheLayer::new().layer(ConcurrencyLimitLayer::new(2).layer(mock.clone()));
    let mut leading = service.clone();
    let mut leader = Task::new(std::future::poll_fn(|cx| leading.poll_ready(cx)));
    assert!(leader.poll().is_ready());
    drop(leader);
    let mut leader = Task::new(leading.call(list()));
    assert!(leader.poll().is_pending());
    // One permit is left, and a hundred waiters come and go with it.
    let mut waiters = Vec::new();
    for _ in 0..100 {
        let mut service = service.clone();
        let ready = Task::new(std::future::poll_fn(|cx| service.poll_ready(cx))).poll();
        assert!(ready.is_ready());
        let mut waiter = Task::new(service.call(list()));
        assert!(waiter.poll().is_pending());
        waiters.push((waiter, service));
    }
    gate.open();
    assert!(leader.poll().is_ready());
    for (waiter, service) in &mut waiters {
        assert!(waiter.poll().is_ready());
        // A hit, too, gives back what was reserved for it.
        assert!(
            Task::new(std::future::poll_fn(|cx| service.poll_ready(cx)))
                .poll()
                .is_ready()
        );
        assert!(Task::new(service.call(list())).poll().is_ready());
    }
    assert_eq!(mock.calls(), 1);
}
