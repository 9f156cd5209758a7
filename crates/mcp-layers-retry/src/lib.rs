//! Try again, only what is safe: repeats failed MCP requests within a budget.
//!
//! [`RetryLayer`] knows which MCP requests may be sent twice. `tools/call` is none of them unless
//! the operator says so; of a call that failed and may have run, the caller is told that its outcome
//! is unknown. It does not hide a service that is down: see `mcp-layers-circuit-breaker`.
//!
//! # Example
//!
//! ```
//! use mcp_layers_core::{McpError, McpResponse};
//! use mcp_layers_retry::{Backoff, RetryLayer};
//! use mcp_layers_test::{Answer, MockService, requests};
//! use std::{num::NonZeroU32, time::Duration};
//! use tower::{Layer, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let retry = RetryLayer::new(NonZeroU32::new(3).unwrap())
//!     .backoff(Backoff { base: Duration::from_millis(1), max: Duration::from_secs(1) })
//!     .repeatable_tools(["search"]);
//! let mock = MockService::new();
//! let service = retry.layer(mock.clone());
//!
//! // Safe: the second attempt succeeds.
//! mock.push(Answer::error(McpError::internal()));
//! let search = requests::call_tool(1, "search", serde_json::json!({}));
//! let response = service.clone().oneshot(search).await.unwrap();
//! assert_eq!(response.outcome().code(), None);
//! assert_eq!(mock.calls(), 2);
//!
//! // Not safe: it runs once, and the caller learns that nobody knows what became of it.
//! mock.push(Answer::error(McpError::internal()));
//! let pay = requests::call_tool(2, "pay", serde_json::json!({}));
//! let error = service.oneshot(pay).await.unwrap().into_error().unwrap();
//! assert_eq!(error.data.unwrap()["outcome"], "unknown");
//! assert_eq!(mock.calls(), 3);
//! # }
//! ```
//!
//! # Rules
//!
//! 1. Repeated are lists, reads, `prompts/get`, `completion/complete`, `server/discover`,
//!    `tasks/get`, `skills/list` and `skills/get`, and `tools/call` of tools that the operator names
//!    ([`RetryLayer::repeatable_tools`]) or that say `readOnlyHint` or `idempotentHint` to a table
//!    that the operator trusts ([`RetryLayer::trust_hints`]). All else is sent once: the other
//!    methods of the protocol, unknown ones, and requests that go on with an earlier one
//!    (`inputResponses`, `requestState`).
//! 2. A failure is what the classifier says ([`ByCode`](mcp_layers_core::ByCode): -32603, 503, 504,
//!    codes of the application), a refusal with 429, an error of the inner service, and an attempt
//!    that takes too long. Never: results (with `isError`, `input_required` and tasks too), the
//!    caller's errors, 408 and 499.
//! 3. Attempts count the first. There is none when the wait would pass the deadline (this layer's,
//!    or one in the request's context), when the caller cancelled, when the request has reported
//!    progress (which must increase), when a circuit further in is open, or when the budget is
//!    spent. The trail says why: [`Event::GaveUp`](mcp_layers_core::Event::GaveUp) with `attempts`,
//!    `deadline`, `cancelled`, `progress`, `circuit_open` or `budget`.
//! 4. The wait is exponential with full jitter ([`Backoff`]). A hint of the answer (`retryAfterMs`,
//!    `retry_after_ms` in milliseconds, `retryAfter`, `retry_after` in seconds) is waited for before
//!    that, up to [`RetryLayer::max_retry_after`].
//! 5. Retries are paid from a [`Budget`]: a share of the requests, and a floor.
//! 6. Only the outermost retry layer repeats: it marks the request
//!    ([`CallContext::is_repeated`](mcp_layers_core::CallContext::is_repeated)), and those further in
//!    pass it on.
//! 7. A `tools/call` that is not repeated and ends with -32603, 408, 503 or 504, or with an error of
//!    the inner service, may have run. Its error says so: `data.outcome` is `unknown`, and the
//!    message has a sentence on it; code and all other data stay. An error of the inner service
//!    becomes -32603 with these words; its own are in nobody's trail unless `CatchErrorLayer` stands
//!    further in. Refusals (429, an open circuit, load that was shed) did not run.
//! 8. Other errors of the inner service are passed on as they are, after the last attempt.
//! 9. Every further attempt is made on an instance that was made ready for it. On the calling side
//!    each has a JSON-RPC id of its own, which rmcp gives when it sends it.
//!
//! # Ordering
//!
//! Inside the cache, timing and the error mask, which see the final answer; outside the circuit
//! breaker and the timeout, which see every attempt. A mask outside that replaces the data of -32603
//! also takes `outcome` away: the trail still has `GaveUp` with `unsafe`.
//!
//! # Cost
//!
//! A request that may be repeated is cloned once, and pays into the budget with one atomic addition.
//! The inner service is cloned when something fails. There is no clock reading without a time limit,
//! and no allocation until something fails, unless the caller asked for progress (one).
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backoff;
mod budget;
mod clock;
mod decide;
mod future;
mod handle;
mod hint;
mod layer;
mod policy;
mod service;
mod unknown;
mod watch;

pub use backoff::Backoff;
pub use budget::Budget;
pub use clock::TokioClock;
pub use future::ResponseFuture;
pub use handle::{RetryCounts, RetryHandle};
pub use layer::RetryLayer;
pub use service::Retry;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
