//! Middleware for MCP (Model Context Protocol) servers and clients: tower layers for authentication,
//! authorization, rate limiting, caching, retry, circuit breakers, timeouts, audit logs and metrics.
//!
//! They wrap rmcp servers and the calls of rmcp clients, tower-mcp routers and hand-made servers. This
//! crate re-exports the crates of the family, each behind a feature; it has no code of its own, and no
//! feature is on by default.
//!
//! | module | feature | contents |
//! |---|---|---|
//! | the root | | the vocabulary of `mcp-layers-core` |
//! | [`util`] | | error and panic catching, cancellation, selectors, the principal of a stdio server |
//! | `rmcp` | `rmcp`, `rmcp-http`, `rmcp-axum`, `rmcp-client` | layers around rmcp servers, and the calls of rmcp clients |
//! | `tower_mcp` | `tower-mcp`, `tower-mcp-2026-07-28` | layers around tower-mcp routers |
//! | `wire` | `wire`, `wire-http`, `wire-axum` | layers in front of any server, in any language, on standard input and output or over HTTP |
//! | `authenticate` | `authenticate`, `authenticate-jwt`, `authenticate-jwt-aws-lc`, `authenticate-remote` | authentication over HTTP: OAuth bearer tokens, JWTs, introspection, API keys |
//! | `authorize` | `authorize`, `authorize-http` | authorization: which tools, resources and prompts a principal may see and use |
//! | `timing` | `timing`, `timing-http`, `timing-opentelemetry` | metrics for Prometheus and OpenTelemetry |
//! | `trace` | `trace`, `trace-http`, `trace-tracing` | OpenTelemetry spans, with trace context in `_meta` |
//! | `events` | `events`, `events-opentelemetry` | counters and `tracing` events of the decisions of layers |
//! | `audit` | `audit`, `audit-http` | an audit log: who called which tool, with which outcome |
//! | `error_mask` | `error-mask` | hides internal errors behind an id |
//! | `rate_limit` | `rate-limit`, `rate-limit-wait`, `rate-limit-http`, `rate-limit-axum` | rate limits per principal, tool, tenant or IP address; a concurrency limit |
//! | `cache` | `cache` | response caching |
//! | `retry` | `retry` | retries of requests that are safe to repeat, within a budget |
//! | `circuit_breaker` | `circuit-breaker` | a circuit breaker for each tool, method or upstream |
//! | `config` | `config`, `config-schema` | settings from files and environment variables, and their reload |
//! | `drain` | `drain` | graceful shutdown: no answer is lost; readiness |
//! | `timeout` | `timeout` | timeouts: a maximum and an idle time, per method and tool |
//! | `redis` | `cache-redis`, `rate-limit-redis`; with them `redis-cluster`, `redis-tls` | rate limits and cached results in Redis or Valkey |
//! | `audit_log` | `audit-log` | a durable, tamper-evident log file for records of any kind |
//! | `redact` | `redact` | redaction of secrets in texts, JSON and URIs |
//!
//! `full` is all of them except `tower-mcp-2026-07-28`, which changes what is served, and
//! `authenticate-jwt-aws-lc`.
//!
//! # Example
//!
//! The recommended stack around an rmcp server whose only tool takes too long:
//!
#![cfg_attr(
    all(
        feature = "audit",
        feature = "authorize",
        feature = "cache",
        feature = "circuit-breaker",
        feature = "error-mask",
        feature = "events",
        feature = "rate-limit",
        feature = "retry",
        feature = "rmcp",
        feature = "timeout",
        feature = "timing"
    ),
    doc = "```"
)]
#![cfg_attr(
    not(all(
        feature = "audit",
        feature = "authorize",
        feature = "cache",
        feature = "circuit-breaker",
        feature = "error-mask",
        feature = "events",
        feature = "rate-limit",
        feature = "retry",
        feature = "rmcp",
        feature = "timeout",
        feature = "timing"
    )),
    doc = "```text"
)]
//! use mcp_layers::audit::{AuditLayer, TracingSink};
//! use mcp_layers::authorize::{Access, AuthorizeLayer, Rules};
//! use mcp_layers::rate_limit::{Quota, RateLimitLayer, Rule};
//! use mcp_layers::rmcp::{Layered, RmcpLayers};
//! use mcp_layers::util::{CancelLayer, CatchErrorLayer, CatchPanicLayer, LocalPrincipalLayer};
//! use mcp_layers::{Authentication, BoxError, Principal, timing};
//! use mcp_layers::{cache::CacheLayer, circuit_breaker::CircuitBreakerLayer, error_mask::ErrorMaskLayer};
//! use mcp_layers::{events::EventsLayer, retry::RetryLayer, timeout::TimeoutLayer, timing::TimingLayer};
//! use metrics_exporter_prometheus::PrometheusBuilder;
//! use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt, model::*, service::*};
//! use std::{num::NonZeroU32, time::Duration};
//! use tower::ServiceBuilder;
//!
//! const TEN: NonZeroU32 = NonZeroU32::new(10).unwrap();
//! const THREE: NonZeroU32 = NonZeroU32::new(3).unwrap();
//!
//! fn layers(audit: AuditLayer, authorize: AuthorizeLayer) -> Result<impl RmcpLayers, BoxError> {
//!     let limits = RateLimitLayer::new([Rule::new("per-tool", Quota::per_second(TEN))])?;
//!     Ok(ServiceBuilder::new()
//!         .layer(TimingLayer::server())
//!         .layer(EventsLayer::new())
//!         .layer(audit)
//!         .layer(ErrorMaskLayer::new())
//!         .layer(CatchErrorLayer::new())
//!         .layer(CatchPanicLayer::new())
//!         .layer(CancelLayer::new())
//!         .layer(authorize)
//!         .layer(limits)
//!         .layer(CacheLayer::new())
//!         .layer(RetryLayer::new(THREE))
//!         .layer(CircuitBreakerLayer::new())
//!         .layer(TimeoutLayer::new(Duration::from_millis(10))))
//! }
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
//! # async fn main() -> Result<(), BoxError> {
//! let metrics = PrometheusBuilder::new().set_buckets(&timing::BUCKETS)?.install_recorder()?;
//! let owner = Principal::new("owner", Authentication::Local).with_scopes(["tools"]);
//! let rules = Rules::builder().otherwise(Access::scopes(["tools"])).build()?;
//! let audit = AuditLayer::new(TracingSink::new())?;
//! let layers = ServiceBuilder::new()
//!     .layer(LocalPrincipalLayer::new(owner))
//!     .layer(layers(audit, AuthorizeLayer::new(rules))?);
//!
//! let (client_end, server_end) = tokio::io::duplex(4096);
//! let server = tokio::spawn(Slow.layered(layers).serve(server_end));
//! let client = ().serve(client_end).await?;
//! let _server = server.await??;
//!
//! let error = client.call_tool(CallToolRequestParams::new("dig")).await.unwrap_err();
//! assert!(error.to_string().contains("Request timed out after 10 ms"));
//!
//! let page = metrics.render();
//! let timed_out = |line: &str| {
//!     line.starts_with("mcp_server_operation_duration_seconds_count")
//!         && line.contains("error_type=\"timeout\"")
//!         && line.ends_with(" 1")
//! };
//! assert!(page.lines().any(timed_out), "{page}");
//! # Ok(())
//! # }
//! ```
//!
//! # Ordering
//!
//! From the outermost to the innermost, as above: timing, events, audit, error mask,
//! [`CatchErrorLayer`](util::CatchErrorLayer), [`CatchPanicLayer`](util::CatchPanicLayer),
//! [`CancelLayer`](util::CancelLayer), authorization, rate limit, cache, retry, circuit breaker,
//! timeout, the handler. `TraceLayer`, where spans are wanted, goes outside timing. A
//! [`LocalPrincipalLayer`](util::LocalPrincipalLayer) goes around all of them, and authentication
//! around the HTTP transport.
//!
//! # Cost
//!
//! This crate adds nothing to the cost of the layers. An empty stack adds 1.8 % to the
//! instructions of an rmcp call in memory; `docs/overhead.md` has the cost of each layer, measured.
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
#[cfg(feature = "config")]
pub use mcp_layers_config as config;
pub use mcp_layers_core::*;
#[cfg(feature = "drain")]
pub use mcp_layers_drain as drain;
#[cfg(feature = "error-mask")]
pub use mcp_layers_error_mask as error_mask;
#[cfg(any(feature = "events", feature = "events-opentelemetry"))]
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
#[cfg(feature = "trace")]
pub use mcp_layers_trace as trace;
pub use mcp_layers_util as util;
#[cfg(any(feature = "wire", feature = "wire-http"))]
pub use mcp_layers_wire as wire;

#[cfg(all(doctest, feature = "full"))]
mod readmes {
    #[doc = include_str!("../README.md")]
    struct Facade;

    #[doc = include_str!("../../../README.md")]
    struct Workspace;

    #[doc = include_str!("../../mcp-layers-rmcp/docs/http-edge.md")]
    struct HttpEdge;

    #[doc = include_str!("../docs/monitoring.md")]
    struct Monitoring;
}
