//! Many clones, one thread, and a runtime that ends in the middle.
//!
//! The only state that threads share in this stack is the catalog behind a standard `RwLock`; there
//! are no atomics of its own whose orderings a model checker could explore.
#![allow(clippy::unwrap_used)]

use std::{
    convert::Infallible,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::{Context, Poll},
    thread,
    time::Duration,
};

use futures::future::{Ready, ready};
use mcp_layers_core::{
    Catalog, CatalogLayer, JsonRpcRequest, JsonRpcResponse, McpResponse, McpService,
};
use mcp_layers_util::{CancelLayer, CatchErrorLayer, CatchPanicLayer, short_lived};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use tower::{Service, ServiceBuilder, ServiceExt, limit::ConcurrencyLimitLayer};

fn request() -> JsonRpcRequest {
    JsonRpcRequest::call_tool(1, "a", json!({}))
}

/// Every layer of the crate around a service.
fn stack<S>(
    inner: S,
) -> impl McpService<JsonRpcRequest, Error = Infallible, Future: Send> + Clone + Send
where
    S: Service<JsonRpcRequest, Response = JsonRpcResponse, Error = Infallible, Future: Send>
        + Clone
        + Send,
{
    ServiceBuilder::new()
        .layer(CancelLayer::new())
        .layer(CatchErrorLayer::new())
        .layer(CatchPanicLayer::new())
        .layer(CatalogLayer::new(Catalog::new()))
        .layer(short_lived(ConcurrencyLimitLayer::new(4)))
        .service(inner)
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Counts how many of it there are.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(live: &Arc<AtomicUsize>) -> Self {
        live.fetch_add(1, SeqCst);
        Self(live.clone())
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        Self::new(&self.0)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

impl Service<JsonRpcRequest> for Counted {
    type Response = JsonRpcResponse;
    type Error = Infallible;
    type Future = Ready<Result<JsonRpcResponse, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: JsonRpcRequest) -> Self::Future {
        ready(Ok(JsonRpcResponse::success(&request, json!({}))))
    }
}

#[test]
fn ten_thousand_clones_leave_nothing_behind() {
    let live = Arc::new(AtomicUsize::new(0));
    let service = stack(Counted::new(&live));
    let at_rest = live.load(SeqCst);
    current_thread().block_on(async {
        let mut clones = Vec::new();
        for _ in 0..10_000 {
            let clone = service.clone();
            let response = clone.clone().oneshot(request()).await.unwrap();
            assert_eq!(response.outcome().code(), None);
            clones.push(clone);
        }
        assert_eq!(live.load(SeqCst), at_rest * 10_001);
        drop(clones);
    });
    assert_eq!(live.load(SeqCst), at_rest);
    drop(service);
    assert_eq!(live.load(SeqCst), 0);
}

#[test]
fn a_runtime_that_ends_in_mid_call_lets_go_of_everything() {
    let (done, finished) = mpsc::channel();
    thread::spawn(move || {
        let live = Arc::new(AtomicUsize::new(0));
        let held = Counted::new(&live);
        let service = stack(tower::service_fn(move |_: JsonRpcRequest| {
            let held = held.clone();
            async move {
                let _held = held;
                pending().await
            }
        }));
        let runtime = current_thread();
        runtime.block_on(async {
            // Four run and four wait for a permit.
            for _ in 0..8 {
                tokio::spawn(service.clone().oneshot(request()));
            }
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
        });
        let busy = live.load(SeqCst);
        drop(runtime);
        let idle = live.load(SeqCst);
        drop(service);
        done.send((busy > idle, live.load(SeqCst))).unwrap();
    });
    let minute = Duration::from_secs(60);
    assert_eq!(finished.recv_timeout(minute), Ok((true, 0)));
}

#[test]
fn one_thread_serves_calls_that_wait_for_each_other() {
    let service = stack(tower::service_fn(|request: JsonRpcRequest| async move {
        tokio::task::yield_now().await;
        Ok::<_, Infallible>(JsonRpcResponse::success(&request, json!({})))
    }));
    current_thread().block_on(async {
        let calls = (0..100).map(|_| tokio::spawn(service.clone().oneshot(request())));
        for call in calls.collect::<Vec<_>>() {
            assert_eq!(call.await.unwrap().unwrap().outcome().code(), None);
        }
    });
}
