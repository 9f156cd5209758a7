//! MCP-aware tower layers: what tower-http is to HTTP, for the Model Context Protocol.
//!
//! This crate re-exports the crates of the family, each behind a feature; it has no code of its
//! own.
//!
//! | module | feature | what it does |
//! |---|---|---|
//! | [`core`] | | the vocabulary; catch errors and panics, cancel, select |
//! | `rmcp` | `rmcp`, `rmcp-http`, `rmcp-client` | around rmcp servers, and the calls of rmcp clients |
//! | `tower_mcp` | `tower-mcp`, `tower-mcp-2026-07-28` | around tower-mcp routers |
//! | `audit` | `audit` | who did what, with which outcome, durable and tamper-evident |
//! | `timing` | `timing`, `timing-opentelemetry` | how long each operation took |
//!
//! `full` is all of them but `tower-mcp-2026-07-28`, which changes what tower-mcp serves.
//!
//! No feature is on by default.
//!
//! # Example
//!
//! With the features `rmcp` and `timing`: a server that gives up on slow calls, survives panics,
//! and counts both.
//!
#![cfg_attr(all(feature = "rmcp", feature = "timing"), doc = "```")]
#![cfg_attr(not(all(feature = "rmcp", feature = "timing")), doc = "```text")]
//! use mcp_layers::core::{CatchErrorLayer, CatchPanicLayer, short_lived};
//! use mcp_layers::{rmcp::Layered, timing};
//! use metrics_exporter_prometheus::PrometheusBuilder;
//! use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt, model::*, service::*};
//! use std::time::Duration;
//! use tower::{ServiceBuilder, timeout::TimeoutLayer};
//!
//! struct Slow;
//!
//! impl ServerHandler for Slow {
//!     async fn call_tool(
//!         &self,
//!         _: CallToolRequestParams,
//!         _: RequestContext<RoleServer>,
//!     ) -> Result<CallToolResponse, ErrorData> {
//!         std::future::pending().await
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let metrics = PrometheusBuilder::new()
//!     .set_buckets(&timing::BUCKETS)
//!     .unwrap()
//!     .install_recorder()
//!     .unwrap();
//!
//! let layers = ServiceBuilder::new()
//!     .layer(timing::TimingLayer::server())
//!     .layer(CatchErrorLayer::new())
//!     .layer(CatchPanicLayer::new())
//!     .layer(short_lived(TimeoutLayer::new(Duration::from_millis(10))));
//!
//! let (client_end, server_end) = tokio::io::duplex(4096);
//! let server = Slow.layered(layers);
//! tokio::spawn(async move { server.serve(server_end).await.unwrap().waiting().await });
//! let client = ().serve(client_end).await.unwrap();
//!
//! let error = client.call_tool(CallToolRequestParams::new("dig")).await.unwrap_err();
//! assert!(error.to_string().contains("Request timed out"));
//!
//! let page = metrics.render();
//! let timed_out = |line: &str| {
//!     line.starts_with("mcp_server_operation_duration_seconds_count")
//!         && line.contains("error_type=\"timeout\"")
//!         && line.ends_with(" 1")
//! };
//! assert!(page.lines().any(timed_out), "{page}");
//! # }
//! ```
//!
//! # Ordering
//!
//! From the outermost to the innermost: timing, [`CatchErrorLayer`](core::CatchErrorLayer),
//! [`CatchPanicLayer`](core::CatchPanicLayer), [`CancelLayer`](core::CancelLayer), timeouts, the
//! handler. Timing stands outside, so that it counts what the layers inside answer.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "audit")]
pub use mcp_layers_audit as audit;
pub use mcp_layers_core as core;
#[cfg(any(feature = "rmcp", feature = "rmcp-client"))]
pub use mcp_layers_rmcp as rmcp;
#[cfg(any(feature = "timing", feature = "timing-opentelemetry"))]
pub use mcp_layers_timing as timing;
#[cfg(feature = "tower-mcp")]
pub use mcp_layers_tower_mcp as tower_mcp;

#[cfg(all(doctest, feature = "rmcp", feature = "timing"))]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(all(doctest, feature = "rmcp", feature = "timing"))]
#[doc = include_str!("../../../README.md")]
struct WorkspaceReadme;
