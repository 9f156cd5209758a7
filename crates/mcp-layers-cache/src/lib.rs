//! Response caching for MCP servers.
//!
//! [`CacheLayer`] caches results in memory for as long as the protocol's hints allow
//! (2026-07-28, server/utilities/caching), and the results of tools, prompts and completions that
//! the operator declares. A tool that is not declared runs each time. The layer spawns no tasks.
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
//! # async fn main() -> Result<(), mcp_layers_core::ConfigError> {
//! let minute = Freshness::new(Duration::from_secs(60));
//! let layer = CacheLayer::new().tool("search", minute.public())?;
//! let handle = layer.handle();
//! let service = ServiceBuilder::new()
//!     .layer(layer)
//!     .service_fn(|request: JsonRpcRequest| async move {
//!         RUNS.fetch_add(1, SeqCst);
//!         let result = json!({ "content": [{ "type": "text", "text": "found" }] });
//!         Ok::<_, Infallible>(JsonRpcResponse::success(&request, result))
//!     });
//!
//! // The order of arguments does not matter.
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
//! # Ok(())
//! # }
//! ```
//!
//! # Rules
//!
//! 1. By default, results of `server/discover`, the four lists and `resources/read` are cached by
//!    `ttlMs` and `cacheScope`. An absent, negative or zero `ttlMs` means stale at once. No time to
//!    live exceeds [`CacheLayer::max_time_to_live`]. The operator's settings
//!    ([`CacheLayer::override_for`], [`CacheLayer::resource`]) take precedence over hints.
//! 2. A tool is cached when it is declared ([`CacheLayer::tool`]), or when its annotations are
//!    trusted and say read-only *and* idempotent ([`CacheLayer::trust_hints`]). Prompts and
//!    completions are declared by name.
//! 3. Only complete results are stored: no error, no `isError`, no elicitation, no task. A request
//!    that continues an earlier one bypasses the cache.
//! 4. Requests share a result when method, protocol version, client capabilities, params and `_meta`
//!    are equal as JSON values. Of `_meta`, only trace context, progress token, log level and client
//!    info are left out ([`CacheLayer::vary_by_meta`] overrides this). Keys are compared byte by
//!    byte.
//! 5. A result that is not public is private: only callers of the same [`AuthorizationContext`] are
//!    served with it, and without a context it is not stored. A list that an inner layer has filtered
//!    is always private.
//! 6. A hit lowers `ttlMs` by its age and changes nothing else. It has a trail of its own.
//! 7. One request at a time runs for one key (single-flight). It becomes the leader when its future
//!    is first polled; the others wait, at most [`CacheLayer::max_wait`]. If the leader is dropped or
//!    panics, one waiter takes over. A result that cannot be stored is not shared, and the next
//!    requests for that target do not wait. A request with a progress token waits for no other.
//! 8. An invalidated result ([`CacheHandle`]) is not served, nor stored by a request that was running
//!    at that time. Notifications invalidate what they announce ([`CacheHandle::observe`]). Error
//!    -32602 for a cursor that the server has handed out drops all pages of that list; for any other
//!    cursor it drops the private pages of the caller alone.
//! 9. Within [`CacheLayer::stale_while_revalidate`] other requests get the stale result while one
//!    runs; within [`CacheLayer::stale_if_error`] all do when the inner service fails. Failures are
//!    errors that are not the caller's, and the inner service's own error.
//! 10. All entries together stay within [`CacheLayer::max_capacity`] and [`CacheLayer::max_entries`];
//!     moka decides which go first (TinyLFU).
//! 11. A second level ([`CacheLayer::store`]) that is slow, unreachable or corrupt is a miss.
//!
//! # Ordering
//!
//! Inside authorization: private results are told apart by the principal that it sets, and no caller
//! may be served a result that an inner policy would refuse. Outside retry, so that the final result
//! is cached. Without a principal, private results are not stored.
//!
//! # Cost
//!
//! A hit costs the canonical bytes of the params, one lookup in moka (two for private results of
//! methods with hints), and a copy of the response, made outside of every lock. A request that is not
//! cacheable costs a lookup of its name. A miss copies the key and the response. A second level
//! serialises on a miss.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod context;
mod cursors;
mod entry;
mod freshness;
mod future;
mod generations;
mod groups;
mod handle;
mod key;
mod layer;
mod memory;
mod miss;
mod pending;
mod report;
mod rules;
mod scopes;
mod service;
mod settings;
mod single_flight;
mod state;
mod stats;
mod store;

pub use context::AuthorizationContext;
pub use freshness::Freshness;
pub use future::ResponseFuture;
pub use handle::CacheHandle;
pub use layer::CacheLayer;
pub use report::META_KEY;
pub use service::Cache;
pub use stats::{Eviction, NotStored, Stats, StoreEvent};
pub use store::{
    CacheStore, Group, Lookup, StoreEpoch, StoreError, StoreFuture, StoreKey, StoredEntry,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
