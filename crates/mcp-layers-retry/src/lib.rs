//! Retries for MCP requests: a [`tower`](https://docs.rs/tower) layer that repeats failed requests, if
//! that is safe, within a retry budget.
//!
//! [`RetryLayer`] knows which MCP requests may be sent twice. `tools/call` is repeated only if the
//! operator declares the tool repeatable. Of another call that failed and may have taken effect, the
//! caller learns that the outcome is unknown. For a service that is down, see
//! `mcp-layers-circuit-breaker`.
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
//! # async fn main() -> Result<(), mcp_layers_core::ConfigError> {
//! let retry = RetryLayer::new(NonZeroU32::new(3).unwrap())
//!     .backoff(Backoff { base: Duration::from_millis(1), max: Duration::from_secs(1) })
//!     .repeatable_tools(["search"])?;
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
//! // Not safe: it runs once, and the caller learns that the outcome is unknown.
//! mock.push(Answer::error(McpError::internal()));
//! let pay = requests::call_tool(2, "pay", serde_json::json!({}));
//! let error = service.oneshot(pay).await.unwrap().into_error().unwrap();
//! assert_eq!(error.data.unwrap()["outcome"], "unknown");
//! assert_eq!(mock.calls(), 3);
//! # Ok(())
//! # }
//! ```
//!
//! # Rules
//!
//! 1. Repeatable are lists, reads, `prompts/get`, `completion/complete`, `server/discover`,
//!    `tasks/get`, `skills/list` and `skills/get`, and `tools/call` of tools that the operator
//!    declares ([`RetryLayer::repeatable_tools`]) or whose trusted annotations have `readOnlyHint` or
//!    `idempotentHint` ([`RetryLayer::trust_hints`]). Everything else is sent once: other methods,
//!    unknown ones, and continuations (`inputResponses`, `requestState`).
//! 2. The classifier decides which outcomes are failures, errors of the inner service included. By
//!    default ([`ByCode`](mcp_layers_core::ByCode)) these are -32603, 503, 504 and codes of the
//!    application. A refusal with 429 and an attempt that takes too long are failures too. Never
//!    repeated are results (also `input_required` and tasks), caller errors (401 and 403 among them),
//!    408 and 499. [`RetryLayer::repeat_tool_errors`] makes an exception for `isError: true`.
//! 3. The number of attempts includes the first. No attempt follows when the wait would end after the
//!    deadline (this layer's, or one in the request's context), when the caller cancelled, when the
//!    request has reported progress (which must increase), when an inner circuit is open, or when the
//!    budget is spent. The trail has the reason:
//!    [`Event::GaveUp`](mcp_layers_core::Event::GaveUp).
//! 4. The wait is exponential with full jitter ([`Backoff`]). If the answer asks for a wait
//!    (`retryAfterMs`, `retry_after_ms` in milliseconds, `retryAfter`, `retry_after` in seconds), the
//!    jitter is added to it. An answer that asks for more than [`RetryLayer::max_retry_after`] is
//!    returned at once, unchanged: no attempt is made before the time that the server asked for.
//! 5. Retries are paid from a [`Budget`]: a percentage of requests plus a minimum per second. Each
//!    principal has an account of its own, so that one caller whose calls fail does not use up the
//!    retries of another. All callers together have four times the minimum.
//! 6. Only the outermost of several retry layers repeats a request. It marks the request
//!    ([`CallContext::is_repeated`](mcp_layers_core::CallContext::is_repeated)) and numbers the
//!    attempts ([`CallContext::attempt`](mcp_layers_core::CallContext::attempt)).
//! 7. A `tools/call` that is not repeatable and ends with -32603, 408, 503 or 504, or with an error of
//!    the inner service, may have taken effect. Its error says so: `data.outcome` is `unknown`, and the
//!    message has a sentence about it. Code and all other data stay. An error of the inner service
//!    becomes -32603. The trail has
//!    [`Event::OutcomeUnknown`](mcp_layers_core::Event::OutcomeUnknown), so that an error mask keeps
//!    the sentence. Refusals (429, an open circuit, load that was shed) did not run.
//! 8. Other errors of the inner service are passed on unchanged after the last attempt. An error has no
//!    trail: the events of all its attempts are lost, unless errors are caught inside this layer.
//! 9. Every further attempt is made on an instance that was made ready for it. On the calling side
//!    rmcp gives each attempt a JSON-RPC id of its own.
//!
//! # Ordering
//!
//! Inside cache, timing and the error mask, which see the final answer. Outside circuit breaker and
//! timeout, which see every attempt. Where the inner service fails with errors, as the client of an
//! upstream does, and attempts are to be recorded, `CatchErrorLayer` of `mcp-layers-util` is directly
//! inside this layer: each attempt then ends with a response, and the final one has the events of all.
//! The classifier sees -32603 in place of a failed transport; for
//! [`ClassifyOutages`](mcp_layers_core::ClassifyOutages), map such errors to 503.
//!
//! # Cost
//!
//! A repeatable request and the inner service are cloned once, and the account of its principal is
//! looked up and locked once. Without a time limit the clock is not read. Nothing is allocated until
//! an attempt fails, unless the caller asked for progress (one allocation), or is new to the budget.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backoff;
mod budget;
mod future;
mod handle;
mod layer;
mod next_attempt;
mod retry_after;
mod retry_state;
mod safety;
mod service;
mod settings;
mod state;
mod time_limit;
mod unknown_outcome;

pub use backoff::Backoff;
pub use budget::Budget;
pub use future::ResponseFuture;
pub use handle::RetryHandle;
pub use layer::RetryLayer;
pub use service::Retry;
pub use state::RetryStats;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
