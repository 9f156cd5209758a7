//! Rate limiting for MCP servers and clients: per principal, tool, tenant, client address, or any
//! key of your own.
//!
//! [`RateLimitLayer`] is a tower layer that applies a table of [`Rule`]s, each with a [`Quota`] of
//! [governor](https://docs.rs/governor), and refuses calls over a limit with an answer that tells
//! the caller when to try again. Budgets are in the memory of the process, or in a
//! [`RateLimitStore`] that several processes share (Redis: `mcp-layers-redis`). Two related layers:
//! [`ConcurrencyLimitLayer`] limits the calls in flight, and `AddressLimitLayer` (feature `http`)
//! limits HTTP requests per client IP address, before authentication.
//!
//! The layer does not queue calls unless told to wait (feature `wait`), does not shed load by how
//! busy the server is, and keeps no budgets across a restart unless its store does.
//!
//! # Example
//!
//! ```
//! use mcp_layers_core::{Catalog, CatalogLayer, JsonRpcRequest, JsonRpcResponse, McpResponse};
//! use mcp_layers_rate_limit::{KeyComponent, Quota, RateLimitLayer, Rule};
//! use serde_json::json;
//! use std::{convert::Infallible, num::NonZeroU32};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let n = |number| NonZeroU32::new(number).unwrap();
//! let limits = RateLimitLayer::new([
//!     // For each principal and tool: ten calls a second, five at once.
//!     Rule::new("per-tool", Quota::per_second(n(10)).allow_burst(n(5))),
//!     // For each tenant, all exports together: two an hour.
//!     Rule::new("exports", Quota::per_hour(n(2)))
//!         .key([KeyComponent::Tenant])
//!         .tools(["export_*"]),
//! ])?;
//!
//! let service = ServiceBuilder::new()
//!     .layer(CatalogLayer::new(Catalog::new().with_tools(["export_all"])))
//!     .layer(&limits)
//!     .service_fn(|request: JsonRpcRequest| async move {
//!         let result = json!({ "content": [] });
//!         Ok::<_, Infallible>(JsonRpcResponse::success(&request, result))
//!     });
//! let export = || JsonRpcRequest::call_tool(1, "export_all", json!({}));
//! for _ in 0..2 {
//!     let response = service.clone().oneshot(export()).await?;
//!     assert_eq!(response.outcome().code(), None);
//! }
//! let error = service.oneshot(export()).await?.into_error().unwrap();
//! assert_eq!(error.code, 429);
//! let data = error.data.unwrap();
//! assert_eq!((&data["reason"], &data["rule"]), (&json!("rate_limited"), &json!("exports")));
//! assert!(data["retryAfterMs"].as_u64().unwrap() > 1_790_000);
//! # Ok(())
//! # }
//! ```
//!
//! # Rules
//!
//! 1. A rule applies to `tools/call`, `prompts/get`, `resources/read` and `completion/complete`,
//!    unless [`Rule::methods`] or [`Rule::tools`] say otherwise. The lifecycle, `ping`, long-lived
//!    requests, cancellation and notifications are never limited.
//! 2. A call passes when every rule that applies lets it pass. Otherwise no rule is charged.
//! 3. Callers without a verified principal share the anonymous budget. Claimed names
//!    do not count.
//! 4. Tools that the [`Catalog`](mcp_layers_core::Catalog) does not know share one budget for each
//!    principal, because callers invent their names. Tools that a rule names exactly are known.
//!    Without a [`CatalogLayer`](mcp_layers_core::CatalogLayer) in the stack, no other tool is known;
//!    the rmcp adapter adds one.
//! 5. A refusal is error 429, "Too many requests: try again in 83 ms (limit per-tool)", with
//!    `reason` `rate_limited`, `retryAfterMs` and the `rule` that has to wait longest; never a key.
//!    The wait is exact if no other call comes. With [`RateLimitLayer::as_tool_error`], a tool result
//!    with `isError: true` carries the same message. Neither counts as a failure: core's classifier
//!    calls 429 neutral.
//! 6. A rule that could never limit a call, or never let one pass, is a
//!    [`ConfigError`](mcp_layers_core::ConfigError) when the layer is built.
//! 7. The table of budgets is bounded, and so is the share of one caller: see [`MemoryStore`].
//! 8. Each attempt and each round of a request is a call ([`Rule::free_continuations`]).
//! 9. Time is monotonic; in Redis, it is that of the Redis server.
//! 10. The response's trail reports the decision: `Limited`, `Waited`, and `store_unavailable` if
//!     the fallback of a store decided.
//!
//! # Ordering
//!
//! Inside authentication and `CatalogLayer`: without a principal all callers share one budget.
//! Outside the cache, so that hits cost budget, and outside retry, so that attempts do not.
//! `AddressLimitLayer` wraps the transport, outside authentication, which costs work.
//!
//! # Cost
//!
//! For each call one lock; for each rule that applies one allocation (its key), one hash and one
//! decision of governor. The number of rules for single tools does not matter. A key takes up to 150
//! bytes, so that the default store takes up to 15 MB. The figures are in `rate-limit.md` of the
//! `mcp-layers` crate.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
#[cfg(feature = "http")]
mod address_limit;
mod bucket;
mod call;
mod concurrency_limit;
mod future;
mod held;
mod key_component;
mod layer;
mod memory_store;
mod methods;
mod rule;
mod rules;
mod service;
mod settings;
mod state;
mod store;
mod table;

pub use address::ClientAddress;
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use address_limit::{
    AddressLimit, AddressLimitHandle, AddressLimitLayer, AddressLimitStats, forwarded_address,
};
pub use call::Call;
pub use concurrency_limit::{
    ConcurrencyLimit, ConcurrencyLimitFuture, ConcurrencyLimitHandle, ConcurrencyLimitLayer,
    ConcurrencyLimitStats,
};
pub use future::ResponseFuture;
pub use governor::Quota;
pub use key_component::KeyComponent;
pub use layer::RateLimitLayer;
pub use memory_store::MemoryStore;
pub use rule::Rule;
pub use rules::RuleStats;
pub use service::RateLimit;
pub use state::{RateLimitHandle, RateLimitStats};
pub use store::{Acquire, Cost, Decision, RateLimitStore, StoreStats, Verdict};

#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../README.md")]
struct Readme;
