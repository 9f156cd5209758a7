//! Tower layers that every MCP stack needs: errors, panics, cancellation, selectors.
//!
//! - [`CatchErrorLayer`] turns errors of plain tower layers (`timeout`, `load_shed`) into responses.
//! - [`CatchPanicLayer`] answers a request whose handler panicked, and keeps the server running.
//! - [`CancelLayer`] ends the work of a request that its caller cancelled.
//! - [`short_lived`], [`for_methods`], [`only_tool`] and [`for_tools`] apply any tower layer to some
//!   requests only.
//! - [`LocalPrincipalLayer`] names the caller of a stdio server, for rules and limits by principal.
//! - [`conventions`] has what metrics and traces share of OpenTelemetry's semantic conventions.
//!
//! Each works over every [`McpRequest`](mcp_layers_core::McpRequest): an rmcp server through
//! `mcp-layers-rmcp`, a tower-mcp router through `mcp-layers-tower-mcp`, or a hand-made server.
//!
//! # Example
//!
//! ```
//! use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpResponse};
//! use mcp_layers_util::{CatchErrorLayer, CatchPanicLayer, only_tool, short_lived};
//! use std::{convert::Infallible, time::Duration};
//! use tower::{ServiceBuilder, ServiceExt, limit::ConcurrencyLimitLayer, timeout::TimeoutLayer};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let service = ServiceBuilder::new()
//!     .layer(CatchErrorLayer::new())
//!     .layer(CatchPanicLayer::new())
//!     .layer(short_lived(TimeoutLayer::new(Duration::from_secs(30))))
//!     .layer(only_tool("report", ConcurrencyLimitLayer::new(2)))
//!     .service_fn(|request: JsonRpcRequest| async move {
//!         tokio::time::sleep(Duration::from_secs(60)).await;
//!         Ok::<_, Infallible>(JsonRpcResponse::success(&request, serde_json::json!({})))
//!     });
//!
//! let request = JsonRpcRequest::call_tool(1, "report", serde_json::json!({"year": 2026}));
//! let response = service.oneshot(request).await.unwrap();
//! assert_eq!(response.outcome().code(), Some(504));
//! # }
//! ```
//!
//! # Ordering
//!
//! [`CancelLayer`] belongs outside every layer that may delay a request. [`CatchErrorLayer`]
//! belongs outside every plain tower layer, and [`CatchPanicLayer`] directly inside it. Around a
//! service whose errors are repeated by `RetryLayer`, a [`CatchErrorLayer`] inside retry keeps the
//! trails of failed attempts. Both belong inside the error mask and the audit, which record their
//! responses.
//!
//! # Cost
//!
//! None of these layers allocates for a request that is neither cancelled, failed nor panicked.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod cancel;
mod catch_error;
mod catch_panic;
pub mod conventions;
mod local_principal;
mod select;

pub use cancel::{Cancel, CancelFuture, CancelLayer};
pub use catch_error::{CatchError, CatchErrorFuture, CatchErrorLayer, MapError, NoMapping};
pub use catch_panic::{CatchPanic, CatchPanicFuture, CatchPanicLayer};
pub use local_principal::{LocalPrincipal, LocalPrincipalLayer};
pub use select::{
    Select, SelectFuture, SelectLayer, for_methods, for_tools, only_tool, short_lived,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
