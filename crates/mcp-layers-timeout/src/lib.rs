//! Timeouts for MCP requests: a [`tower`](https://docs.rs/tower) layer with a maximum, and an idle
//! time that progress extends, per method and tool.
//!
//! `tower::timeout` gives every request the same limit, and fails with an error that is no MCP
//! response. [`TimeoutLayer`] knows methods, tools, subscriptions, progress and elicitation, answers
//! 504, and passes the deadline to inner layers. It does not repeat requests.
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
//! # async fn main() -> Result<(), mcp_layers_core::ConfigError> {
//! let timeout = TimeoutLayer::new(Duration::from_secs(30))
//!     .tool("dig", Limits::maximum(Duration::from_millis(10)))?;
//! let service = ServiceBuilder::new().layer(timeout).service_fn(|_: JsonRpcRequest| {
//!     std::future::pending::<Result<JsonRpcResponse, Infallible>>()
//! });
//!
//! let request = JsonRpcRequest::call_tool(1, "dig", json!({}));
//! let error = service.oneshot(request).await.unwrap().into_error().unwrap();
//! assert_eq!((error.code, &*error.message), (504, "Request timed out after 10 ms"));
//! # Ok(())
//! # }
//! ```
//!
//! # Rules
//!
//! 1. A request ends at its maximum, with or without progress (2026-07-28, basic/patterns,
//!    "Timeouts"). With an idle time, it also ends when it reports no progress for that long.
//! 2. Time spent waiting for the client (a person who answers an elicitation, sampling, roots) does
//!    not count towards maximum, idle time and deadline. It has a maximum of its own,
//!    [`TimeoutLayer::input_wait`]. The layer sees such waits where code that asks the client reports
//!    them to [`InputWait`](mcp_layers_core::progress::InputWait), as `mcp_layers_rmcp::ask` does; that function
//!    also withdraws an open question (`notifications/cancelled`) when the request ends.
//! 3. A deadline that is already in the request's [`CallContext`](mcp_layers_core::CallContext) holds
//!    too. The maximum becomes the deadline of inner layers.
//! 4. A request that reaches a limit is dropped and answered with 504 (reason `timed_out`), or with
//!    408 (reason `deadline_exceeded`) if the deadline was not this layer's, or with a tool result
//!    ([`TimeoutLayer::as_tool_error`]). The trail has
//!    [`Event::TimedOut`](mcp_layers_core::Event::TimedOut). On the calling side, dropping the future
//!    sends `notifications/cancelled` to the upstream.
//! 5. `subscriptions/listen`, `tasks/result` and notifications never have a limit. `initialize`,
//!    `server/discover`, `ping` and unknown methods have one if [`TimeoutLayer::method`] names them.
//! 6. Progress counts where it is reported to [`Progress`](mcp_layers_core::progress::Progress), see
//!    `mcp-layers-rmcp`. It is watched if the caller sent a progress token, or if an outer layer or
//!    client watches already.
//! 7. Errors of the inner service pass unchanged. Waiting for readiness is not part of a request.
//! 8. A handler that blocks its thread cannot be timed out: the timer runs on the same task, and is
//!    polled again only when the handler returns. Blocking work, such as
//!    `std::process::Command::output`, belongs in `tokio::task::spawn_blocking`.
//!
//! # Ordering
//!
//! Inside retry and circuit breaker: each attempt has its own time, and a timeout is a failure for
//! both. Inside `CancelLayer`. A second timeout outside retry limits all attempts together, as
//! `RetryLayer::deadline` does.
//!
//! # Cost
//!
//! A reading of the clock, clones of two `Arc`s, a look-up for each kind of limit that is set, and one
//! allocation for requests up to 2025-11-25, whose handlers may ask the client. The timer is
//! registered when the inner service does not answer at once. A request that is watched for progress
//! costs another allocation.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod future;
mod handle;
mod layer;
mod service;
mod settings;
mod timer;

pub use future::ResponseFuture;
pub use handle::{TimeoutHandle, TimeoutStats};
pub use layer::TimeoutLayer;
pub use service::Timeout;
pub use settings::Limits;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
