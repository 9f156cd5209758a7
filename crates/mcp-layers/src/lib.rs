//! MCP-aware tower layers: what tower-http is to HTTP, for the Model Context Protocol.
//!
//! This crate re-exports the crates of the family, each behind a feature; it has no code of its
//! own.
//!
//! | module | feature | what it does |
//! |---|---|---|
//! | the root | | the vocabulary of `mcp-layers-core` |
//! | [`util`] | | error and panic catching, cancellation, selectors, the principal of a stdio server |
//! | `rmcp` | `rmcp`, `rmcp-http`, `rmcp-client` | around rmcp servers, and the calls of rmcp clients |
//! | `tower_mcp` | `tower-mcp`, `tower-mcp-2026-07-28` | around tower-mcp routers |
//! | `timing` | `timing`, `timing-http`, `timing-opentelemetry` | metrics of durations and outcomes |
//! | `audit` | `audit`, `audit-http` | who did what, with which outcome, durable and tamper-evident |
//! | `audit_log` | `audit-log` | a tamper-evident log file for lines of any kind |
//! | `error_mask` | `error-mask` | callers learn nothing of the inside |
//! | `events` | `events` | counters and `tracing` events of the decisions of layers |
//! | `redact` | `redact` | redacts secrets in texts, JSON and URIs |
//! | `authenticate` | `authenticate`, `authenticate-jwt`, `authenticate-jwt-aws-lc`, `authenticate-remote` | authentication over HTTP: JWTs, opaque tokens, API keys |
//! | `authorize` | `authorize`, `authorize-http` | which tools, resources and prompts a principal may see and use |
//! | `rate_limit` | `rate-limit`, `rate-limit-wait`, `rate-limit-http`, `rate-limit-axum` | rate limits per principal, tool or client address; a concurrency limit |
//! | `cache` | `cache` | answers again without asking again |
//! | `retry` | `retry` | try again, only what is safe, within a budget |
//! | `circuit_breaker` | `circuit-breaker` | stop asking what fails |
//! | `timeout` | `timeout` | a time limit for each operation, which progress extends or not |
//! | `redis` | `cache-redis`, `rate-limit-redis`; with them `redis-cluster`, `redis-tls` | the state of layers in Redis or Valkey, shared by several processes |
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
//! use mcp_layers::util::{CatchErrorLayer, CatchPanicLayer, short_lived};
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
//! From the outermost to the innermost: timing, events, audit, error mask, [`CatchErrorLayer`](util::CatchErrorLayer),
//! [`CatchPanicLayer`](util::CatchPanicLayer), [`CancelLayer`](util::CancelLayer), authorization, rate
//! limit, cache, retry, circuit breaker, timeout, the handler. Timing stands outside, so that it counts
//! what the layers inside answer.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "audit")]
pub use mcp_layers_audit as audit;
#[cfg(feature = "audit-log")]
#[cfg_attr(docsrs, doc(cfg(feature = "audit-log")))]
pub use mcp_layers_audit_log as audit_log;
#[cfg(feature = "authenticate")]
pub use mcp_layers_authenticate as authenticate;
#[cfg(feature = "authorize")]
pub use mcp_layers_authorize as authorize;
#[cfg(feature = "cache")]
pub use mcp_layers_cache as cache;
#[cfg(feature = "circuit-breaker")]
pub use mcp_layers_circuit_breaker as circuit_breaker;
pub use mcp_layers_core::*;
#[cfg(feature = "error-mask")]
pub use mcp_layers_error_mask as error_mask;
#[cfg(feature = "events")]
pub use mcp_layers_events as events;
#[cfg(feature = "rate-limit")]
pub use mcp_layers_rate_limit as rate_limit;
#[cfg(feature = "redact")]
pub use mcp_layers_redact as redact;
#[cfg(any(feature = "cache-redis", feature = "rate-limit-redis"))]
pub use mcp_layers_redis as redis;
#[cfg(feature = "retry")]
pub use mcp_layers_retry as retry;
#[cfg(any(feature = "rmcp", feature = "rmcp-client"))]
pub use mcp_layers_rmcp as rmcp;
#[cfg(feature = "timeout")]
pub use mcp_layers_timeout as timeout;
#[cfg(any(feature = "timing", feature = "timing-opentelemetry"))]
pub use mcp_layers_timing as timing;
#[cfg(feature = "tower-mcp")]
pub use mcp_layers_tower_mcp as tower_mcp;
pub use mcp_layers_util as util;

#[cfg(all(doctest, feature = "rmcp", feature = "timing"))]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(all(doctest, feature = "rmcp", feature = "timing"))]
#[doc = include_str!("../../../README.md")]
struct WorkspaceReadme;
