//! A test kit for MCP-aware tower layers: a mock MCP server, a contract test, and futures polled by
//! hand.
//!
//! [`Contract`] checks the rules that every layer follows. For the behaviour of one layer, use
//! [`MockService`] (gives scripted answers and records requests), [`ReadinessProbe`] (checks the use of
//! `poll_ready`), [`Gate`], [`Task`], [`Log`], and the factories of [`requests`] and [`results`]. Time comes from
//! `mcp_layers_core`'s manual clock. Nothing here sleeps, and no runtime is required.
//!
//! # Example
//!
//! ```
//! use mcp_layers_core::{JsonRpcRequest, McpRequest};
//! use mcp_layers_util::CancelLayer;
//! use mcp_layers_test::{Answer, Contract, MockService, Task, requests};
//! use tower::{Layer, Service};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! // The rules that every layer follows.
//! Contract::new(CancelLayer::new).check().await;
//!
//! // The behaviour of this one.
//! let mock = MockService::new();
//! mock.push(Answer::never());
//! let mut service = CancelLayer::new().layer(mock.clone());
//! let request = requests::call_tool(1, "echo", serde_json::json!({}));
//! let mut call = Task::new(service.call(request.clone()));
//! assert!(call.poll().is_pending());
//!
//! request.cancellation().cancel();
//! assert!(call.is_woken() && call.poll().is_ready());
//! assert_eq!(mock.in_flight(), 0);
//! # }
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

mod answer;
mod contract;
mod gate;
mod log;
mod mock;
mod readiness;
pub mod requests;
pub mod results;
mod task;

pub use answer::{Answer, MockError};
pub use contract::{Contract, LayeredService, Rule, Violation};
pub use gate::{Gate, Passed};
pub use log::Log;
pub use mock::{MockFuture, MockService};
pub use readiness::{Readiness, ReadinessProbe, ReadinessProbeLayer};
pub use task::Task;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
