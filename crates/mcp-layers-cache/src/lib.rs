//! Answers to MCP requests, given again without asking again, and never to the wrong person.
//!
//! [`CacheLayer`] keeps what the protocol calls cacheable for as long as the result's own hint says
//! (2026-07-28, server/utilities/caching), and the results of tools, prompts and completions that
//! the operator declares. It guesses nothing: a tool that nobody declared runs each time. It has no
//! tasks and no timers of its own, and needs no runtime.
//!
//! # Example
//!
//! ```
//! use mcp_layers_cache::{CacheLayer, Freshness};
//! use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpRequest, Method};
//! use serde_json::json;
//! use std::{convert::Infallible, sync::atomic::{AtomicU64, Ordering::SeqCst}, time::Duration};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! static RUNS: AtomicU64 = AtomicU64::new(0);
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let layer = CacheLayer::new().tool("search", Freshness::new(Duration::from_secs(60)).public());
//! let handle = layer.handle();
//! let service = ServiceBuilder::new()
//!     .layer(layer)
//!     .service_fn(|request: JsonRpcRequest| async move {
//!         RUNS.fetch_add(1, SeqCst);
//!         let result = json!({ "content": [{ "type": "text", "text": "found" }] });
//!         Ok::<_, Infallible>(JsonRpcResponse::success(&request, result))
//!     });
//!
//! // The order of arguments does not matter, their values do.
//! for (arguments, runs) in [
//!     (json!({ "q": "troy", "page": 1 }), 1),
//!     (json!({ "page": 1, "q": "troy" }), 1),
//!     (json!({ "page": 2, "q": "troy" }), 2),
//! ] {
//!     let request = JsonRpcRequest::call_tool(1, "search", arguments);
//!     service.clone().oneshot(request).await.unwrap();
//!     assert_eq!(RUNS.load(SeqCst), runs);
//! }
//!
//! handle.invalidate_target(Method::CallTool, "search");
//! let request = JsonRpcRequest::call_tool(1, "search", json!({ "q": "troy", "page": 1 }));
//! service.oneshot(request).await.unwrap();
//! assert_eq!(RUNS.load(SeqCst), 3);
//! # }
//! ```
//!
//! # Rules
//!
//! 1. By default, answers to `server/discover`, the four lists and `resources/read` are kept, by
//!    `ttlMs` and `cacheScope`. An absent, negative or zero `ttlMs` is stale at once; none counts
//!    for longer than [`CacheLayer::max_time_to_live`]. The operator's word
//!    ([`CacheLayer::override_for`], [`CacheLayer::resource`]) goes before the hints.
//! 2. A tool is cached when it is declared ([`CacheLayer::tool`]), or when a table that the operator
//!    trusts has it as read-only *and* idempotent ([`CacheLayer::trust_hints`]). Prompts and
//!    completions are declared by name.
//! 3. Only complete results are kept: no error, no `isError`, no question back, no task. A request
//!    that goes on with an earlier one is neither answered from memory nor kept.
//! 4. An answer fits another request when method, protocol version, the client's capabilities and
//!    all params but `_meta` are equal, as JSON values are. Keys are compared byte by byte.
//! 5. What is not marked public is private: for callers of the same [`AuthorizationContext`] alone.
//!    Where no context is known, it is not kept. A list that a layer further in has filtered is
//!    private whatever it says.
//! 6. A hit lowers `ttlMs` by its age and changes nothing else. It has a trail of its own.
//! 7. One request at a time asks for one key. The others wait; they are woken by its answer, or one
//!    of them takes over when it is dropped or panics. What may not be kept is not shared either:
//!    everyone asks then, and the next time nobody waits for such an answer. A request with a
//!    progress token waits for no other.
//! 8. What is invalidated ([`CacheHandle`]) is not served from then on, nor kept when it was under
//!    way. `notifications/*` say what to forget ([`CacheHandle::observe`]). Error -32602 to a
//!    request with a cursor drops all pages of the list.
//! 9. Within [`CacheLayer::stale_while_revalidate`] others are served what is stale while one caller
//!    asks; within [`CacheLayer::stale_if_error`], everyone when the inner service fails. Failures
//!    are the errors that are not the caller's, and the inner service's own error.
//! 10. All entries together stay within [`CacheLayer::max_bytes`] and [`CacheLayer::max_entries`];
//!     which go first is moka's choice (TinyLFU).
//! 11. A second level ([`CacheLayer::store`]) that is slow, away or full of garbage is a miss.
//!
//! # Ordering
//!
//! Inside authorization: what is private is told apart by the principal that it sets, and nobody
//! may be served what a policy further in would refuse. Outside retry, so that the answer that is
//! kept is the final one. Without a principal inside it, private answers are not kept.
//!
//! # Cost
//!
//! A hit: the canonical bytes of the params in a buffer of the thread, one lookup in moka (two where
//! the answer is private and its method is not known to be), and a copy of the response, made
//! outside of every lock. A request of which nobody declared anything: a lookup of its name. A miss
//! copies the key and the response. A second level serialises on a miss.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod context;
mod entry;
mod epoch;
mod fill;
mod flight;
mod future;
mod handle;
mod key;
mod layer;
mod memo;
mod rule;
mod service;
mod state;
mod stats;
mod store;
mod table;

/// What `flight` is made of. Its test puts shuttle's in the place of these.
mod sync {
    pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
}

pub use context::AuthorizationContext;
pub use fill::META_KEY;
pub use future::ResponseFuture;
pub use handle::CacheHandle;
pub use layer::CacheLayer;
pub use rule::Freshness;
pub use service::Cache;
pub use stats::{Bypass, Eviction, NotStored, Stats, StoreEvent};
pub use store::{
    CacheStore, Group, Lookup, StoreEpoch, StoreError, StoreFuture, StoreKey, StoredEntry,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
