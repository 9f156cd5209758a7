//! Rate limits for MCP: at most this often, per principal, tool, or what you like.
//!
//! [`RateLimitLayer`] goes by a table of rules, each with its quota, and refuses what exceeds one with
//! an answer that says when to come back. Budgets are in the memory of the process, or in a
//! [`RateLimitStore`] that several processes share (`mcp-layers-redis`). Two relatives:
//! [`BulkheadLayer`] limits how many calls run at once, and `AddressLimitLayer` (feature `http`)
//! limits HTTP requests by address, before anybody is authenticated.
//!
//! It does not queue, unless told to wait (feature `wait`), does not shed load by how busy the server
//! is, and keeps no budgets across a restart, unless a store does.
//!
//! # Example
//!
//! ```
//! use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpResponse};
//! use mcp_layers_rate_limit::{Part, Quota, RateLimitLayer, Rule};
//! use serde_json::json;
//! use std::{convert::Infallible, num::NonZeroU32};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let n = |number| NonZeroU32::new(number).unwrap();
//! let limits = RateLimitLayer::new([
//!     // Each principal and tool: ten a second, five at once.
//!     Rule::new("per-tool", Quota::per_second(n(10)).burst(n(5))),
//!     // All of a tenant's exports together: two an hour.
//!     Rule::new("exports", Quota::per_hour(n(2))).key([Part::Tenant]).tools(["export_*"]),
//! ])?;
//!
//! let service = ServiceBuilder::new()
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
//! 1. A rule concerns `tools/call`, `prompts/get`, `resources/read` and `completion/complete`, unless
//!    it says otherwise. The lifecycle, `ping`, long-lived requests, cancellation and notifications
//!    are never limited, whatever it says.
//! 2. A call passes when every rule that concerns it lets it pass. When one does not, none is charged.
//! 3. Who nobody has verified shares the anonymous bucket, whatever name is claimed.
//! 4. Who is refused reads 429 with `reason` `rate_limited`, `retryAfterMs` and the rule that it has
//!    to wait for longest; never a key. The wait is exact, if nobody else comes. With
//!    [`RateLimitLayer::as_tool_error`] it is a result with `isError: true`, which a model reads.
//!    As a failure counts neither: the core's classifier calls 429 neutral.
//! 5. A rule that could never limit, or never let a call pass, is an error when it is built.
//! 6. The table of keys is bounded, and a key is forgotten only when its budget is full: see
//!    [`MemoryStore`].
//! 7. Each attempt and each round of a request is a request ([`Rule::free_continuations`]).
//! 8. The time is that of a monotonic clock; in Redis, that of the server.
//! 9. What was decided is in the response's trail: `Limited`, `Waited`, and `store_away` when a store
//!    could not tell.
//!
//! # Ordering
//!
//! Inside whatever says who is calling, for without a principal all share one bucket. Outside the
//! cache, so that hits cost budget; outside retry, so that attempts do not. `AddressLimitLayer` stands
//! at the transport, before authentication, which costs work.
//!
//! # Cost
//!
//! One reading of the clock, one keyed hash, one lock that is held for some twenty instructions for
//! each rule that applies. Nothing is allocated for a call that passes, when at most four rules apply
//! and their keys have at most 128 bytes together. The number of rules for single tools does not
//! matter, nor does that of keys but for the caches of the machine. A million keys take
//! 52 MB. The figures are in `rate-limit.md` of the `mcp-layers` crate.
//!
//! # Why not governor underneath
//!
//! The arithmetic is that of `governor`, the generic cell rate algorithm, and so is the vocabulary.
//! Its limiters charge when they are asked, so that the second rule's refusal could not give back what
//! the first has taken; they cannot change a quota and keep what was spent; and their tables of keys
//! have no bound, but for a sweep that stops the world.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
mod bulkhead;
mod call;
mod future;
mod gcra;
mod handle;
#[cfg(feature = "http")]
mod http;
mod key_bytes;
mod layer;
mod memory;
mod part;
mod quota;
mod refusal;
mod rule;
mod rules;
mod service;
mod store;
mod sync;
mod timer;

pub use address::ClientAddress;
pub use bulkhead::{Bulkhead, BulkheadFuture, BulkheadLayer};
pub use call::Call;
pub use future::ResponseFuture;
pub use handle::{RateLimitHandle, RateLimitState, RuleState};
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use http::{AddressLimit, AddressLimitLayer, forwarded_address};
pub use layer::RateLimitLayer;
pub use memory::MemoryStore;
pub use part::{Custom, Part};
pub use quota::Quota;
pub use rule::Rule;
pub use service::RateLimit;
pub use store::{
    Acquire, Charge, Charges, Decision, KeyWriter, RateLimitStore, StoreState, Verdict,
};

#[cfg(all(doctest, feature = "http"))]
#[doc = include_str!("../README.md")]
struct Readme;
