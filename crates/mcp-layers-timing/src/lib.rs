//! How long each MCP operation took, as the histograms of OpenTelemetry's conventions for MCP.
//!
//! [`TimingLayer`] records one duration for every request, with what the request was and how it
//! ended, to the `metrics` facade (and so to Prometheus), to OpenTelemetry, or to a [`Recorder`]
//! of your own. It changes no request and no response, makes no spans and writes no logs.
//!
//! | metric | unit | from |
//! |---|---|---|
//! | `mcp.server.operation.duration`, `mcp.client.operation.duration` | s | the conventions |
//! | `mcp.server.subscription.duration`, `mcp.client.subscription.duration` | s | this crate |
//! | `mcp.server.active_requests`, `mcp.client.active_requests` | requests | this crate |
//!
//! # Example
//!
//! ```
//! use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse};
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
//!     .layer(TimingLayer::server().known_tools(["echo"]))
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
//! 1. A request is recorded once, when it ends: answered, failed, cancelled, dropped or panicked.
//!    The time runs from `call`; what a caller waits for readiness is not in it.
//! 2. `error.type` says that a request failed. A transport error (the `S::Error` of the inner
//!    service) and a panic are `_OTHER`; a result with `isError` is `tool_error`; a dropped future
//!    and code 499 are `cancelled`; code 504 is `timeout`; any other error of the protocol is its
//!    code.
//! 3. On a server, the codes -32700, -32600, -32601, -32602 and -32002 are the caller's errors: no
//!    `error.type`. On a client, every code is an error.
//! 4. `rpc.response.status_code` is there whenever the response has a code.
//! 5. The caller names methods, tools and prompts, so that a name alone makes no series. A method
//!    that the protocol does not have is `_OTHER`. A tool or prompt is `_OTHER` until the operator
//!    declares it ([`TimingLayer::known_tools`], [`TimingLayer::known_prompts`]), a list answer
//!    has it, or a call of it ends without an error. Names of more than 128 bytes, with quotes,
//!    backslashes or control characters, or beyond [`TimingLayer::max_names`] stay `_OTHER`.
//! 6. The server names codes: those of the protocol and of our layers are told, and 32 others.
//! 7. Versions of the protocol and of HTTP are told when they are known ones, else `_OTHER`.
//! 8. All series together are bounded ([`TimingLayer::max_series`]).
//! 9. The handle of a task and a question back (`input_required`) are successes, told from
//!    finished work by `mcp_layers.result_type`: `task` or `input_required`. Their duration is
//!    that of the answer, not of the work.
//! 10. `subscriptions/listen` and `tasks/result` last as long as their caller likes. They are
//!     recorded to the subscription histogram alone.
//! 11. The gauge counts each request in flight by its method, and counts it out however it ends.
//!
//! Attributes, where they apply: `mcp.method.name`, `error.type`, `rpc.response.status_code`,
//! `gen_ai.operation.name` (`execute_tool`), `gen_ai.tool.name`, `gen_ai.prompt.name`,
//! `mcp.protocol.version`, `network.transport`, `network.protocol.name`,
//! `network.protocol.version`, `mcp_layers.result_type`. Prometheus has `_` for each dot.
//!
//! # Ordering
//!
//! Outside retry, so that an error that was retried with success is none; outside everything that
//! answers by itself (limits, cache, authorization), so that these answers are timed too; inside
//! trace. `CatchPanicLayer` and `CatchErrorLayer` further in turn panics and errors into
//! responses, which have a code.
//!
//! # Cost
//!
//! Two readings of the clock, one measurement, the gauge up and down, a clone of an `Arc`, and
//! three searches in tables that are read without a lock. A call of a name that is known allocates
//! nothing; of a name that is not, one copy of it. Names in an answer to `tools/list` or
//! `prompts/list` are looked up one by one. A series is opened by the first call that needs it;
//! the tables, about 160 KiB by default, are allocated with the layer.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod attribute;
mod end;
mod future;
mod layer;
mod metric;
mod names;
mod recorder;
mod series;
mod service;
mod table;

pub use future::ResponseFuture;
pub use layer::TimingLayer;
pub use metric::{BUCKETS, Metric, SUBSCRIPTION_BUCKETS};
#[cfg(feature = "opentelemetry")]
#[cfg_attr(docsrs, doc(cfg(feature = "opentelemetry")))]
pub use recorder::OpenTelemetryRecorder;
pub use recorder::{Attribute, MetricsRecorder, RecordActive, RecordDuration, Recorder};
pub use service::Timing;

#[cfg(all(doctest, feature = "metrics", feature = "opentelemetry"))]
#[doc = include_str!("../README.md")]
struct Readme;
