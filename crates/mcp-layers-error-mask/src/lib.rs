//! Error masking for MCP servers: internal errors and panics become "Internal error (id …)", and
//! secrets are redacted in what stays.
//!
//! [`ErrorMaskLayer`] replaces every error that was not declared public by a constant text and an
//! unguessable id. The original goes, under that id, into the log (`tracing`, target
//! `mcp_layers_error_mask`) and into the response's trail
//! ([`Event::Masked`](mcp_layers_core::Event::Masked)), where an audit finds it. Texts that stay
//! are redacted by a [`Redactor`]. The layer catches no panic and no error of a service: for that,
//! `CatchPanicLayer` and `CatchErrorLayer` stand inside it. It does not see notifications, progress
//! messages and log messages that a handler sends in addition to its answer.
//!
//! # Example
//!
//! ```
//! use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpError};
//! use mcp_layers_util::CatchPanicLayer;
//! use mcp_layers_error_mask::ErrorMaskLayer;
//! use serde_json::{Value, json};
//! use std::convert::Infallible;
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let service = ServiceBuilder::new()
//!     .layer(ErrorMaskLayer::new().public_codes([1001])?)
//!     .layer(CatchPanicLayer::new())
//!     .service_fn(|request: JsonRpcRequest| async move {
//!         let error = match request.params()["name"].as_str() {
//!             Some("sold_out") => McpError::new(1001, "None left until Monday"),
//!             Some("panic") => panic!("db password=hunter2"),
//!             _ => McpError::new(-32603, "db password=hunter2"),
//!         };
//!         Ok::<_, Infallible>(JsonRpcResponse::error(&request, error))
//!     });
//! let call = async |tool| -> Result<Value, Infallible> {
//!     let request = JsonRpcRequest::call_tool(1, tool, json!({}));
//!     Ok(Value::from(&service.clone().oneshot(request).await?)["error"].clone())
//! };
//!
//! for tool in ["fail", "panic"] {
//!     let error = call(tool).await?;
//!     assert_eq!(error["code"], -32603);
//!     let id = error["data"]["errorId"].as_str().unwrap_or_default();
//!     assert_eq!(id.len(), 26);
//!     assert_eq!(error["message"], format!("Internal error (id {id})"));
//! }
//! assert_eq!(call("sold_out").await?["message"], "None left until Monday");
//! # Ok(())
//! # }
//! ```
//!
//! # Rules
//!
//! 1. Public errors keep code, message and data. Public are
//!    [`McpError::public`](mcp_layers_core::McpError::public), all refusals of layers (401, 403,
//!    408, 413, 429, 499, 503, 504), and the codes given to [`ErrorMaskLayer::public_codes`].
//! 2. The protocol's own errors keep them too, because they drive the client's recovery: -32700,
//!    -32600 to -32602, -32002, -32020 to -32022, -32042. Their message and data are redacted;
//!    `data.uri` and what the protocol itself puts into data stay to the letter.
//! 3. Every other error keeps its code at most. Its message becomes the constant
//!    [message](ErrorMaskLayer::message) with the id, and its data `{"errorId": …}`. Where
//!    `data.outcome` is `unknown`, as the retry layer sets it, that stays, and the message says so.
//! 4. A code that the protocol reserves without having given it a meaning (-32768 to -32000)
//!    becomes -32603, for public errors too.
//! 5. The constant error that stands for a panic, or for a layer's error, gets an id as well; the
//!    message of the panic and the causes are logged under it. A panic that did not change the
//!    answer is logged too.
//! 6. A failed task hides its error inside a successful `tasks/get`: it is masked by the same
//!    rules, with its status message. Where it has only a status message (2025-11-25), the id is in
//!    the result's `_meta`, under `mcp-layers.error-mask/errorId`. In `tasks/list` every failed
//!    task is masked; the first of them is logged.
//! 7. A result with `isError` stays a result. Its texts, structured content and `_meta` are
//!    redacted. Results of tasks are treated likewise. Every other result passes untouched, unless
//!    [`ErrorMaskLayer::every_result`] is set.
//! 8. In the texts of errors and in redacted ones, terminal sequences, control characters and
//!    characters that do not show are taken out; long texts are cut at a character's boundary. Every
//!    other text of a result stays to the letter.
//! 9. An error of the inner service (`S::Error`) is opaque, and passed on as it is.
//! 10. A second, outer mask leaves the answers of the first one as they are.
//! 11. At most one masked error a second of each tool is logged at the level `ERROR` for each
//!     principal, with the number of those left out; the others are logged at `DEBUG`. All are in the
//!     trail. Callers without a verified principal count as one.
//!
//! A redactor looks for known forms, and cannot find a secret without a form in a text that stays.
//!
//! # Ordering
//!
//! Outside `CatchErrorLayer` and `CatchPanicLayer`, whose answers it completes, and outside retry
//! and circuit breaker, which need the real codes; inside trace, timing and audit, which record
//! what the caller got. A cache outside the mask would store masked errors only.
//!
//! # Cost
//!
//! Two clones of an `Arc`, a copy of the tool's name, and one look at the answer; a result costs no
//! allocation. An error costs an id (a system call), a record of the log and some allocations.
//! Texts are redacted in time linear in their length.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod error_id;
mod future;
mod handle;
mod layer;
mod log;
mod request;
mod response;
mod service;
mod settings;
mod state;
mod validation;

pub use future::ResponseFuture;
pub use handle::{ErrorMaskHandle, ErrorMaskStats};
pub use layer::ErrorMaskLayer;
pub use mcp_layers_redact::Redactor;
pub use service::ErrorMask;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
