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
//! let is_tool_error = |have: &opentelemetry::KeyValue| {
//!     have.key.as_str() == "error.type" && have.value.as_str() == "tool_error"
//! };
//! assert!(span.attributes.iter().any(is_tool_error));
//! # Ok(())
//! # }
//! ```
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
mod extra_attributes;
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
pub use extra_attributes::Attributes;
pub use future::ResponseFuture;
pub use layer::TraceLayer;
pub use service::Trace;
pub use settings::{Parent, SessionId};
pub use summary::{CallEnd, RequestSummary};
