//! Prometheus counters and `tracing` events for the decisions of MCP layers: rate limited, denied,
//! cache hit, retry, circuit opened.
//!
//! [`EventsLayer`] is a [`tower`](https://docs.rs/tower) layer. Each layer of the family leaves its
//! decisions in the [`Trail`](mcp_layers_core::Trail) of a response. This layer reads the trail of
//! every response, increments the counter `mcp_layers_events_total` of the `metrics` facade (feature
//! `metrics`, on by default) or `mcp_layers.events` of OpenTelemetry (feature `opentelemetry`), and
//! emits a `tracing` event with the target `mcp_layers::events`. It changes no response and measures no
//! durations: see `mcp-layers-timing` for those. [`Gauges`] exports what handles of layers read, such as
//! the states of circuits, through the same recorder.
//!
//! # Example
//!
//! ```
//! use mcp_layers_core::{
//!     Event, JsonRpcRequest, JsonRpcResponse, McpError, McpRequest, McpResponse, Refusal,
//! };
//! use mcp_layers_events::EventsLayer;
//! use metrics_exporter_prometheus::PrometheusBuilder;
//! use std::{convert::Infallible, time::Duration};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # #[cfg(feature = "metrics")] {
//! let exporter = PrometheusBuilder::new().install_recorder()?;
//!
//! // The inner service refuses as a rate limit does.
//! let service = ServiceBuilder::new().layer(EventsLayer::new()).service_fn(
//!     |request: JsonRpcRequest| async move {
//!         let retry_after = Duration::from_millis(83);
//!         let event = Event::Limited { rule: "per-tool".into(), retry_after };
//!         let error = McpError::rate_limited(retry_after);
//!         Ok::<_, Infallible>(Refusal::new().answer(&request, error, event))
//!     },
//! );
//! service.oneshot(JsonRpcRequest::new(1, "tools/call")).await?;
//!
//! let page = exporter.render();
//! assert!(page.contains(r#"mcp_layers_events_total{event="limited",rule="per-tool"} 1"#));
//! # }
//! # Ok(())
//! # }
//! ```
//!
//! # Rules
//!
//! 1. Each event of a response's trail is counted once and logged once. A failed attempt that was
//!    repeated leaves its events in the trail of the final response. If the last attempt ends with a service
//!    error, there is no response: the events of all attempts are lost, unless `CatchErrorLayer` is inside
//!    retry.
//! 2. A call without a response has no trail: a dropped future, a service error or a panic. With
//!    `CatchErrorLayer` and `CatchPanicLayer` inside, errors and panics are answered and have an event.
//! 3. Labels are `event` and at most one of `rule`, `circuit`, `reason` and `layer`:
//!
//! | `event` | further label | level |
//! |---|---|---|
//! | `denied`, `limited` | `rule` | info |
//! | `waited` | `rule` | debug |
//! | `filtered`, `attempt`, `cancelled` | | debug |
//! | `retry`: an attempt after the first | | info |
//! | `gave_up` | `reason` | info |
//! | `cache_hit`, `cache_stale`, `cache_miss`, `cache_coalesced` | | debug |
//! | `cache_bypass` | `reason` | debug |
//! | `circuit_refused` | `circuit` | info |
//! | `circuit_opened` | `circuit` | warn |
//! | `circuit_half_opened`, `circuit_closed` | `circuit` | info |
//! | `timed_out`, `masked` | | info |
//! | `outcome_unknown`, `panicked`, `failed` | | warn |
//! | `custom` | `layer`: the layer and its event, such as `audit.unavailable` | info |
//!
//! 4. Rules and circuits are the names that an operator configured, and tools with a circuit of their
//!    own. Of each label, the first 128 names are values ([`EventsLayer::max_names`]). Further names,
//!    names of more than 128 bytes, and names with quotes, backslashes or control characters are
//!    `_OTHER`.
//! 5. Log lines have the fields `event`, `method` (a method of the protocol, or `_OTHER`), the label of
//!    rule 3, and `error_id` for a masked error. Texts of errors and panics are not logged here. The error
//!    mask logs them under the same id, as they are, secrets included.
//!
//! # Ordering
//!
//! Next to timing, and outside every layer whose decisions are to be counted: audit, the error mask,
//! `CatchErrorLayer`, `CatchPanicLayer`, authorization, rate limit, cache, retry, circuit breaker and
//! timeout. One `EventsLayer` in a stack: two of them count every event twice. Refusals of the HTTP edge
//! never reach the stack; `TimingHttpLayer` of `mcp-layers-timing` counts those.
//!
//! # Cost
//!
//! One check for an empty trail. Each event costs one lock and one look-up of its counter. Gauges cost
//! nothing until they are updated.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod description;
mod gauges;
mod layer;
mod names;
mod recorder;
mod service;
mod state;

pub use gauges::{GaugeWriter, Gauges};
pub use layer::EventsLayer;
#[cfg(feature = "opentelemetry")]
#[cfg_attr(docsrs, doc(cfg(feature = "opentelemetry")))]
pub use recorder::OpenTelemetryRecorder;
pub use recorder::{Label, MetricsRecorder, Recorder};
pub use service::{Events, ResponseFuture};

#[cfg(all(doctest, feature = "metrics"))]
#[doc = include_str!("../README.md")]
struct Readme;
