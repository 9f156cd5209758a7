//! Callers learn nothing of the inside, and the record keeps everything.
//!
//! [`ErrorMaskLayer`] replaces every error that nobody declared public by a constant text and an
//! unguessable id. What it said goes, under that id, into the log (`tracing`, target
//! `mcp_layers_error_mask`) and into the response's trail
//! ([`Event::Masked`](mcp_layers_core::Event::Masked)), where an audit finds it. Texts that stay are
//! scrubbed of secrets ([`Scrub`], [`Redactor`]). It catches no panic and no error of a service: for
//! that `CatchPanicLayer` and `CatchErrorLayer` stand inside of it. It does not see notifications,
//! progress messages and log messages that a handler sends beside its answer.
//!
//! # Example
//!
//! ```
//! use mcp_layers_core::{CatchPanicLayer, JsonRpcRequest, JsonRpcResponse, McpError};
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
//!     assert_eq!(error["message"], "Internal error");
//!     assert_eq!(error["data"]["errorId"].as_str().map(str::len), Some(26));
//! }
//! assert_eq!(call("sold_out").await?["message"], "None left until Monday");
//! # Ok(())
//! # }
//! ```
//!
//! # Rules
//!
//! 1. Public is what is declared so: [`McpError::public`](mcp_layers_core::McpError::public) and
//!    all that layers refuse with (401, 403, 408, 413, 429, 499, 503, 504), and the codes given to
//!    [`ErrorMaskLayer::public_codes`]. The last is how a handler says it whose error type has no
//!    mark for it, such as rmcp's `ErrorData`. Public errors keep code, message and data.
//! 2. The protocol's own errors keep them too, because they drive the client's recovery: -32700,
//!    -32600 to -32602, -32002, -32020 to -32022, -32042. Their message and free data pass the
//!    scrub policy; `data.uri` and what the protocol itself puts into data stay to the letter.
//! 3. All else keeps its code at most. Message and data become the constant
//!    [message](ErrorMaskLayer::message) and `{"errorId": …}`.
//! 4. A code that the protocol reserves without having given it a meaning (-32768 to -32000) becomes
//!    -32603, for public errors too. -32002 and -32042 are left to whoever knows the peer's
//!    version; rmcp translates the first.
//! 5. The constant error that stands for a panic, or for a layer's error that no rule knows, gets an
//!    id as well; what the panic or the causes said is logged under it. A panic that did not change
//!    the answer is logged too.
//! 6. A failed task hides its error inside a successful `tasks/get`: it is masked by the same rules,
//!    with its status message. Where it has but a status message (2025-11-25), the id is in the
//!    result's `_meta`, under `mcp-layers.error-mask/errorId`. Each answer has its own id. In
//!    `tasks/list` every failed task is masked; of them the first is logged.
//! 7. A result with `isError` stays a result. Its texts and structured content are
//!    [scrubbed](ErrorMaskLayer::scrub) of credentials by default. Every other result passes
//!    untouched, unless [`Scrub::every_result`] says otherwise.
//! 8. In the texts of errors and in scrubbed ones, terminal sequences, control characters and those
//!    that do not show are taken out; what is too long is cut at a character's boundary.
//! 9. A panic in an id maker, in a redactor or in the log's subscriber is contained.
//! 10. An error of the inner service (`S::Error`) is opaque, and passed on as it is.
//! 11. A second mask further out leaves what the first one made.
//!
//! Redactors look for known forms, and cannot find a secret without a form in a text that stays.
//! What must not be read does not belong into a public error or a result.
//!
//! # Ordering
//!
//! Outside `CatchErrorLayer` and `CatchPanicLayer`, whose answers it completes, and outside retry
//! and circuit breaker, which need the real codes; inside trace, timing and audit, which record what
//! the caller got. Inside of a cache it would be no mask for what was stored before. Further in than
//! `CatchPanicLayer` it masks what handlers answer, and panics are answered by their constant text
//! without an id.
//!
//! # Cost
//!
//! A clone of an `Arc`, and one look at the answer; a result costs no allocation. An error costs an
//! id (a system call), a record of the log and some allocations; a text that is scrubbed, one
//! search for each redactor. Both are linear in the length of the text.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod code;
mod echo;
mod error_id;
mod future;
mod layer;
mod log;
mod mask;
mod neutral;
mod redactor;
mod scrub;
mod service;

pub use error_id::{MakeErrorId, RandomErrorId};
pub use future::ResponseFuture;
pub use layer::ErrorMaskLayer;
pub use redactor::Redactor;
pub use scrub::Scrub;
pub use service::ErrorMask;

/// The target of what is logged.
pub(crate) const TARGET: &str = "mcp_layers_error_mask";

/// The key in a result's `_meta` with the id of a failed task's error.
pub(crate) const ERROR_ID_META: &str = "mcp-layers.error-mask/errorId";

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
