//! Metrics for MCP servers and clients: duration histograms by OpenTelemetry's conventions for MCP,
//! for Prometheus and OpenTelemetry.
//!
//! [`TimingLayer`] is a [`tower`](https://docs.rs/tower) layer. It records one duration for each
//! request, with the method, the tool and the outcome, to the `metrics` facade (and so to
//! Prometheus), to OpenTelemetry, or to a [`Recorder`] of your own. It changes no request and no
//! response, creates no spans and writes no logs. `TimingHttpLayer` (feature `http`) counts the HTTP
//! requests that are refused before they reach the MCP server.
//!
//! | metric | unit | source |
//! |---|---|---|
//! | `mcp.server.operation.duration`, `mcp.client.operation.duration` | s | the conventions |
//! | `mcp.server.subscription.duration`, `mcp.client.subscription.duration` | s | this crate |
//! | `mcp.server.active_requests`, `mcp.client.active_requests` | requests | this crate |
//! | `mcp_layers.http.refused` | requests | this crate |
//!
//! # Example
//!
//! ```
//! use mcp_layers_core::{Catalog, CatalogLayer, JsonRpcRequest, JsonRpcResponse};
//! use mcp_layers_timing::{BUCKETS, Metric, TimingLayer};
//! use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
//! use serde_json::json;
//! use std::convert::Infallible;
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let name = Metric::ServerOperationDuration.prometheus_name();
//! let exporter = PrometheusBuilder::new()
//!     .set_buckets_for_metric(Matcher::Full(name.to_owned()), &BUCKETS)?
//!     .install_recorder()?;
//!
//! let service = ServiceBuilder::new()
//!     .layer(CatalogLayer::new(Catalog::new().with_tools(["echo"])))
//!     .layer(TimingLayer::server())
//!     .service_fn(|request: JsonRpcRequest| async move {
//!         let result = json!({ "content": [], "isError": true });
//!         Ok::<_, Infallible>(JsonRpcResponse::success(&request, result))
//!     });
//! service.oneshot(JsonRpcRequest::call_tool(1, "echo", json!({}))).await?;
//!
//! let text = exporter.render();
//! let count = text.lines().find(|line| line.starts_with(&format!("{name}_count"))).unwrap();
//! assert!(count.ends_with(" 1"));
//! for label in [
//!     r#"mcp_method_name="tools/call""#,
//!     r#"gen_ai_tool_name="echo""#,
//!     r#"error_type="tool_error""#,
//! ] {
//!     assert!(count.contains(label), "{label} in {count}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Rules
//!
//! 1. Each request is recorded once, when it ends: answered, failed, cancelled, dropped or panicked.
//!    The duration begins with `call`; waiting for readiness is not included.
//! 2. `error.type` marks a failed request. It is `_OTHER` for an error of the inner service and for a
//!    panic, `tool_error` for a result with `isError: true`, `cancelled` for a dropped future and for
//!    code 499, `timeout` for code 504, and otherwise the code of the protocol error.
//! 3. On a server, the codes -32700, -32600, -32601, -32602 and -32002 are caller errors and have no
//!    `error.type`. On a client, every code is an error.
//! 4. `rpc.response.status_code` is present whenever the response has a code.
//! 5. Callers choose the names they send, so a name alone makes no series. A method that the protocol
//!    does not have is `_OTHER`. A tool or prompt is `_OTHER` unless the stack's
//!    [`Catalog`](mcp_layers_core::Catalog) knows it. Names of more than 128 bytes, names with
//!    quotes, backslashes or control characters, and names beyond [`TimingLayer::max_names`] are
//!    `_OTHER` too.
//! 6. The server chooses its error codes. Those of the protocol and of these layers are recorded as
//!    they are, and the first 32 others.
//! 7. Versions of the protocol and of HTTP that are not well known are `_OTHER`.
//! 8. All series together are bounded ([`TimingLayer::max_series`]).
//! 9. Task handles and input requests are successes. `mcp_layers.result_type` (`task` or
//!    `input_required`) tells them from finished work; the duration ends with the answer.
//! 10. The long-lived `subscriptions/listen` and `tasks/result` are recorded to the subscription
//!     histogram only.
//! 11. The gauge counts the requests in flight by method.
//!
//! Attributes, where they apply: `mcp.method.name`, `error.type`, `rpc.response.status_code`,
//! `gen_ai.operation.name` (`execute_tool`), `gen_ai.tool.name`, `gen_ai.prompt.name`,
//! `mcp.protocol.version`, `network.transport`, `network.protocol.name`,
//! `network.protocol.version`, `mcp_layers.result_type`. In Prometheus each dot is `_`.
//!
//! # Ordering
//!
//! Outside retry, so that an error is not recorded when a retry succeeded. Outside rate limit, cache
//! and authorization, so that their answers are recorded. Inside `CatalogLayer` and tracing. With
//! `CatchPanicLayer` and `CatchErrorLayer` inside, panics and service errors have a code.
//!
//! # Cost
//!
//! Two readings of the clock, one measurement, the gauge twice, clones of two `Arc`s, and four look-ups
//! behind read locks. A call of a known tool allocates nothing. A series is opened by the first request
//! that needs it.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod attributes;
mod handle;
mod labels;
mod layer;
mod metric;
mod outcome;
mod recorder;
#[cfg(feature = "http")]
mod refused;
mod series;
mod service;
mod settings;
mod state;

pub use handle::{TimingHandle, TimingStats};
pub use layer::TimingLayer;
pub use metric::{BUCKETS, Metric, SUBSCRIPTION_BUCKETS};
#[cfg(feature = "opentelemetry")]
#[cfg_attr(docsrs, doc(cfg(feature = "opentelemetry")))]
pub use recorder::OpenTelemetryRecorder;
pub use recorder::{
    Attribute, MetricsRecorder, RecordActive, RecordCount, RecordDuration, Recorder,
};
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use refused::{HttpResponseFuture, TimingHttp, TimingHttpLayer};
pub use service::{ResponseFuture, Timing};

#[cfg(all(doctest, feature = "metrics", feature = "opentelemetry"))]
#[doc = include_str!("../README.md")]
struct Readme;
