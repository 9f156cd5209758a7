//! OpenTelemetry tracing for MCP servers and clients: spans by the semantic conventions for MCP, with trace
//! context in `_meta`.
//!
//! [`TraceLayer`] is a [`tower`](https://docs.rs/tower) layer. It makes one span for each request, joins it
//! to the caller's trace, and describes how the request ended: the outcome, the error, and the decisions of
//! inner layers. It changes no response, records no metrics (see `mcp-layers-timing`) and writes no logs.
//!
//! # Example
//!
//! ```
//! use mcp_layers_core::{Catalog, CatalogLayer, JsonRpcRequest, JsonRpcResponse};
//! use mcp_layers_trace::{TraceLayer, current_ids};
//! use opentelemetry::trace::{Status, TracerProvider};
//! use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
//! use serde_json::json;
//! use std::convert::Infallible;
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let exporter = InMemorySpanExporter::default();
//! let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
//!
//! let service = ServiceBuilder::new()
//!     .layer(CatalogLayer::new(Catalog::new().with_tools(["echo"])))
//!     .layer(TraceLayer::server().tracer(provider.tracer("my-server")))
//!     .service_fn(|request: JsonRpcRequest| async move {
//!         assert!(current_ids().is_some());
//!         let result = json!({ "content": [], "isError": true });
//!         Ok::<_, Infallible>(JsonRpcResponse::success(&request, result))
//!     });
//! let caller = json!({ "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" });
//! let request = JsonRpcRequest::new(1, "tools/call")
//!     .with_params(json!({ "name": "echo", "_meta": caller }));
//! service.oneshot(request).await?;
//!
//! let span = exporter.get_finished_spans()?.remove(0);
//! assert_eq!(span.name, "tools/call echo");
//! assert_eq!(span.parent_span_id.to_string(), "b7ad6b7169203331");
//! assert!(matches!(span.status, Status::Error { .. }));
//! let error_type = opentelemetry::KeyValue::new("error.type", "tool_error");
//! assert!(span.attributes.contains(&error_type));
//! # Ok(())
//! # }
//! ```
//!
//! # Rules
//!
//! 1. Each request is one span of the kind SERVER or CLIENT. It ends when the call ends: answered, failed,
//!    dropped or panicked. The span of a long-lived request (`subscriptions/listen`, `tasks/result`) is
//!    one for its opening: it ends at the acknowledgement, if the adapter or the handler reports one
//!    through [`Progress`](mcp_layers_core::progress::Progress), as `mcp-layers-rmcp` does on servers
//!    ([`TraceLayer::long_spans`]).
//! 2. The name is `{method} {tool or prompt}`, otherwise `{method}`. A tool or prompt that the stack's
//!    [`Catalog`](mcp_layers_core::Catalog) does not know is left out, and is `_OTHER` as an attribute:
//!    callers choose the names they send. The span is renamed at its end when the call taught the catalog
//!    the name. Unknown methods and versions are `_OTHER`.
//! 3. The status is ERROR exactly when there is an `error.type`, otherwise UNSET. The description is the
//!    message that the peer receives, at most 1,024 bytes, with credentials redacted; none for a tool
//!    error.
//! 4. `error.type` is `_OTHER` for an error of the inner service and for a panic, `tool_error` for a result
//!    with `isError: true`, `cancelled` for a dropped future and for code 499, `timeout` for code 504, and
//!    otherwise the code. On a server, -32700, -32600, -32601, -32602 and -32002 are errors of the caller
//!    and have none. It equals that of `mcp-layers-timing`
//!    ([`CallOutcome::error_type`](mcp_layers_util::conventions::CallOutcome::error_type)), which shows
//!    `_OTHER` from the 33rd code on that neither the protocol nor a layer defines.
//! 5. On a server, the span in `_meta` (`traceparent`, `tracestate`, of W3C Trace Context) is the parent,
//!    and the ambient span becomes a link. Without a span in `_meta` the ambient one is the parent. An
//!    invalid `traceparent` is ignored. [`TraceLayer::parent`] and [`TraceLayer::parent_fn`] change this:
//!    with [`Parent::Meta`], a caller chooses the trace id, and whether the trace is sampled.
//! 6. On a client, the ambient span is the parent. Its own context goes into `_meta`, unless the caller put
//!    one there.
//! 7. The ambient span is that of the request's [`AmbientContext`], otherwise OpenTelemetry's current one.
//!    While the inner service runs, the span of the call is current: [`current_ids`] returns its ids.
//! 8. The subject of a principal, arguments, results, request states and session ids are never exported,
//!    apart from what an option allows. There are no span events.
//!
//! | attribute | where |
//! |---|---|
//! | `mcp.method.name`, `jsonrpc.request.id` | always, as far as the request has them |
//! | `gen_ai.operation.name` (`execute_tool`), `gen_ai.tool.name` | `tools/call` |
//! | `gen_ai.prompt.name` | `prompts/get`, completion of a prompt |
//! | `mcp.resource.uri`, without user, query and fragment | `resources/read`, `subscribe`, `unsubscribe` |
//! | `mcp.protocol.version`, `network.transport`, `network.protocol.name`, `network.protocol.version` | where they are known |
//! | `rpc.response.status_code` | the response has a code |
//! | `error.type` | the call failed |
//! | `mcp_layers.result_type` | `task`, `input_required` |
//! | `mcp_layers.cache`, `.retries`, `.limited_by`, `.denied_by`, `.circuit` | decisions of inner layers, from the trail |
//! | `client.address`, `client.port` | [`TraceLayer::client_address`] |
//! | `server.address`, `server.port` | [`TraceLayer::server_address`] |
//! | `mcp.session.id` | [`TraceLayer::session_id`], before 2026-07-28 |
//! | `user.hash` | [`TraceLayer::principal_digest`] |
//! | `gen_ai.tool.call.arguments`, `gen_ai.tool.call.result`, `gen_ai.prompt.variable.*` | [`TraceLayer::capture`] |
//!
//! # Ordering
//!
//! The outermost layer, next to timing: inside `CatalogLayer` alone, and outside all layers whose decisions
//! and answers a span is to show. It is no part of the recommended stack, because it needs an exporter.
//! `AmbientSpanLayer` (feature `http`) goes directly around the MCP service at the HTTP edge.
//!
//! # Cost
//!
//! A span with these attributes, two readings of the clock, two look-ups in the catalog, and a clone of a
//! context for each poll. In a trace that is not sampled the attributes are made too, because the sampler
//! reads them, unless [`TraceLayer::skip_unsampled`] is set.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod ambient;
#[cfg(feature = "http")]
mod ambient_layer;
mod attributes;
mod backend;
mod baggage;
mod call_span;
mod capture;
mod decisions;
mod digest;
mod future;
mod layer;
mod parent;
mod service;
mod settings;
mod state;
mod summary;
mod trace_context;

pub use ambient::{AmbientContext, current_ids};
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use ambient_layer::{AmbientSpan, AmbientSpanLayer};
#[cfg(feature = "tracing")]
#[cfg_attr(docsrs, doc(cfg(feature = "tracing")))]
pub use backend::Tracing;
pub use backend::{Backend, OpenTelemetry};
pub use capture::Capture;
pub use digest::DigestKey;
pub use future::ResponseFuture;
pub use layer::TraceLayer;
pub use service::Trace;
pub use settings::{Parent, SessionId};
pub use summary::{Attributes, CallEnd, RequestSummary};

#[cfg(all(doctest, feature = "http", feature = "tracing"))]
#[doc = include_str!("../README.md")]
struct Readme;
