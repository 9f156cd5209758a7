//! A time limit for each MCP operation: a maximum, and an idle time that progress extends.
//!
//! `tower::timeout` gives every request one limit and fails with an error that is no MCP response.
//! [`TimeoutLayer`] knows methods, tools, subscriptions and progress, answers 504, and tells layers
//! and services further in when the answer stops being of use. It does not repeat anything and
//! keeps no state.
//!
//! # Example
//!
//! ```
//! use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpResponse};
//! use mcp_layers_timeout::{Limits, TimeoutLayer};
//! use serde_json::json;
//! use std::{convert::Infallible, time::Duration};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let timeout = TimeoutLayer::new(Duration::from_secs(30))
//!     .tool("dig", Limits::maximum(Duration::from_millis(10)));
//! let service = ServiceBuilder::new().layer(timeout).service_fn(|_: JsonRpcRequest| {
//!     std::future::pending::<Result<JsonRpcResponse, Infallible>>()
//! });
//!
//! let request = JsonRpcRequest::call_tool(1, "dig", json!({}));
//! let response = service.oneshot(request).await.unwrap();
//! assert_eq!(response.outcome().code(), Some(504));
//! # }
//! ```
//!
//! # Rules
//!
//! 1. A request ends at its maximum, whatever progress it reports (2026-07-28, basic/patterns,
//!    "Timeouts"). With an idle time it ends also when it reported no progress for that long.
//! 2. A deadline that is in the request's [`CallContext`](mcp_layers_core::CallContext) already
//!    holds too. The maximum becomes the deadline of what is further in.
//! 3. The inner future is dropped, and the answer is 504 (reason `timed_out`), or 408 (reason
//!    `deadline_exceeded`) when the deadline was not this layer's. Either has
//!    [`Event::TimedOut`](mcp_layers_core::Event::TimedOut) in its trail. On the calling side,
//!    dropping the future sends `notifications/cancelled` to the upstream.
//! 4. `subscriptions/listen`, `tasks/result` and notifications never have a limit. `initialize`,
//!    `server/discover`, `ping` and methods that the protocol does not know have one when
//!    [`TimeoutLayer::method`] names them.
//! 5. Progress counts where this layer can hear of it, by
//!    [`Progress::report`](mcp_layers_core::Progress::report): see `mcp-layers-rmcp`. It is
//!    watched for when the caller sent a progress token, or when a layer or client further out
//!    watches already.
//! 6. Errors of the inner service pass unchanged. A request that waits for readiness has not begun.
//!
//! # Ordering
//!
//! Inside retry and circuit breaker: each attempt has its own time, and a timeout is a failure for
//! both. Inside `CancelLayer`. A second one further out limits all attempts together; so does
//! `deadline` of the retry layer.
//!
//! # Cost
//!
//! A reading of the clock and a clone of an `Arc`; two table searches when methods or tools have
//! limits of their own. The timer is registered when the inner service does not answer at once. A
//! request that is watched for progress costs one allocation.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod future;
mod layer;
mod limits;
mod service;

pub use future::ResponseFuture;
pub use layer::TimeoutLayer;
pub use limits::Limits;
pub use service::Timeout;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
