//! Graceful shutdown of MCP servers: a [`tower`](https://docs.rs/tower) layer that refuses new
//! requests, waits for those in flight, ends subscriptions, and reports readiness.
//!
//! A server that gets SIGTERM during a rolling update should lose no answer. The graceful shutdown of an
//! HTTP server waits for connections, and those of MCP stay open as long as the client likes.
//! [`DrainLayer`] waits for requests instead. It closes no connection and handles no signal: that is the
//! application's part.
//!
//! # Example
//!
//! ```
//! use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpResponse};
//! use mcp_layers_drain::DrainLayer;
//! use serde_json::json;
//! use std::{convert::Infallible, time::Duration};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let drain = DrainLayer::new();
//! let handle = drain.handle();
//! let service = ServiceBuilder::new().layer(drain).service_fn(|request: JsonRpcRequest| async move {
//!     tokio::time::sleep(Duration::from_millis(20)).await;
//!     Ok::<_, Infallible>(JsonRpcResponse::success(&request, json!({})))
//! });
//! assert!(handle.is_ready());
//!
//! // After SIGTERM: the call in flight is answered, and a new one is refused.
//! let in_flight = service.clone().oneshot(JsonRpcRequest::call_tool(1, "report", json!({})));
//! let in_flight = tokio::spawn(in_flight);
//! tokio::task::yield_now().await;
//! let drained = handle.drain(Duration::from_secs(25)).await;
//! assert_eq!((drained.cut, drained.left), (0, 0));
//! assert!(in_flight.await.unwrap().unwrap().into_error().is_err(), "it has a result");
//!
//! let refused = service.oneshot(JsonRpcRequest::call_tool(2, "report", json!({}))).await.unwrap();
//! let error = refused.into_error().unwrap();
//! assert_eq!(&*error.message, "Server is shutting down: try again in 1 s");
//! assert!(!handle.is_ready());
//! # }
//! ```
//!
//! # Rules
//!
//! 1. From [`DrainHandle::drain`] on, new requests are refused with 503, the reason `draining` and
//!    `retryAfterMs` ([`DrainLayer::retry_after`]). `ping` passes. `initialize` and `server/discover` are
//!    refused too: a session that begins now would not last.
//! 2. Requests in flight go on. Those that are not answered at the end of the drain's limit are dropped
//!    and answered with 503. For a tool call the message and `data.outcome` say that the outcome is
//!    unknown: the tool may have done its work or a part of it.
//! 3. Subscriptions end at once: `subscriptions/listen` with the result by which a server ends one
//!    (2026-07-28, basic/utilities/subscriptions), and `tasks/result` (2025-11-25) with the refusal of
//!    rule 1: the task goes on, and the client asks again.
//! 4. A drain cannot be taken back, and a second one joins the first; the earlier limit holds.
//! 5. [`DrainHandle::is_ready`] is false from the drain on, and after [`DrainHandle::set_ready`] with
//!    `false`, which refuses nothing.
//! 6. The trail has a custom event of the layer `drain`: `refused`, `ended` (rule 3) or `cut`.
//! 7. A handler that blocks its thread cannot be dropped. The drain waits one more second for it, and
//!    counts it as [`Drained::left`].
//!
//! # Shutting down
//!
//! A load balancer learns late that a server is not ready: it asks every few seconds. So, on SIGTERM:
//!
//! 1. `handle.set_ready(false)`, and go on serving for as long as the balancer needs (the period of its
//!    probe times its failure threshold). A `preStop` hook in Kubernetes does the same.
//! 2. `handle.drain(limit).await`. The two together must be shorter than the grace period of the platform
//!    (Kubernetes: 30 seconds by default).
//! 3. Begin the graceful shutdown of the HTTP server (axum: `with_graceful_shutdown`): it writes the last
//!    answers, which are made but not yet sent.
//! 4. A second later, end the streams that clients hold open (rmcp: cancel the `cancellation_token` of
//!    `StreamableHttpServerConfig`). Cancelled at once, it would drop the last answers of sessions.
//! 5. Close the audit log.
//!
//! # Ordering
//!
//! Inside timing, events, audit and the error mask, which see the refusals; outside authorization and
//! everything else. Answers of the inner layers, refusals included, count as in flight until they are
//! made.
//!
//! # Cost
//!
//! Two counts and three clones of an `Arc` for each request; one registration for a request that is not
//! answered at once.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod future;
mod handle;
mod layer;
mod service;
mod state;

pub use future::ResponseFuture;
pub use handle::{DrainHandle, DrainStats, Drained};
pub use layer::DrainLayer;
pub use service::Drain;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
