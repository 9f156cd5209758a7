//! Who did what over MCP, with which outcome: records that are durable and show when they were
//! changed.
//!
//! [`AuditLayer`] makes one record of every request, and gives it to one or several sinks: a file
//! ([`FileSink`]), `tracing` ([`TracingSink`]), whoever reads a channel ([`ChannelSink`]), or a
//! [`Sink`] of your own. It decides nothing about requests but that, by default, what cannot be
//! recorded does not run. It measures nothing and makes no spans; secrets are kept out as far as a
//! layer can know them: arguments, results and credentials are not recorded.
//!
//! # Example
//!
//! ```
//! use mcp_layers_audit::{AuditLayer, FileOptions, Key, verify};
//! use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse};
//! use serde_json::json;
//! use std::{convert::Infallible, fs, time::Duration};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("audit.jsonl");
//! let key = Key::new("kept where the file is not")?;
//! let file = FileOptions::new(&key).open(&path)?;
//!
//! let service = ServiceBuilder::new()
//!     .layer(AuditLayer::new(file.clone())?.key(&key))
//!     .service_fn(|request: JsonRpcRequest| async move {
//!         Ok::<_, Infallible>(JsonRpcResponse::success(&request, json!({ "content": [] })))
//!     });
//! let call = JsonRpcRequest::call_tool(1, "search", json!({ "query": "something private" }));
//! // The answer comes when the record is on the disk.
//! service.oneshot(call).await?;
//!
//! let text = fs::read_to_string(&path)?;
//! assert!(text.contains(r#""method":"tools/call","target":"search""#));
//! assert!(!text.contains("something private"));
//! assert_eq!(verify(&path, &key)?.records, 1);
//!
//! file.close(Duration::from_secs(1));
//! fs::write(&path, text.replace("search", "remove"))?;
//! let error = verify(&path, &key).unwrap_err();
//! assert_eq!(error.record, 2);
//! # Ok(())
//! # }
//! ```
//!
//! # Rules
//!
//! 1. A request has one terminal record, when it ends: answered, failed, cancelled, dropped or
//!    panicked. A long-lived one (`subscriptions/listen`, `tasks/result`) has an open record too.
//! 2. The deciding layer is read from the response's trail: the outermost that denied, limited,
//!    answered from memory, timed out or failed; else it was the handler.
//! 3. The principal is the verified one of the request's context. What is only claimed (a principal
//!    that nobody verified, the client's name and version) is recorded apart, as unverified.
//! 4. Arguments and results are not recorded. With a [`Key`] they are digested (HMAC-SHA-256, 128
//!    bits): equal values have equal digests, and nobody without the key can test a guess. Argument
//!    values are recorded for the tools and fields of an [`AllowList`] alone, redacted and cut.
//! 5. Session ids, task ids, cursors, and the parameters of continuations (`requestState` among them)
//!    are digested always. Uris lose user, password, query and fragment. Headers and credentials are
//!    not looked at.
//! 6. Every text that a caller chose is cut; values beyond 1 MiB are not digested.
//! 7. While a sink takes no records, requests are refused with 503, reason `audit_unavailable`,
//!    before they run; `initialize`, `server/discover` and `ping` pass. [`Trouble`] has the other
//!    answers. What is missing is counted: in [`AuditHandle`], and in the file by a gap line that is
//!    part of the chain. It is said once with `tracing::error!`.
//! 8. With [`Sync::Each`] and [`Sync::Batch`] an answer comes after its record was synced. If that
//!    fails, [`Trouble::Refuse`] answers 503 in its place: the call ran, and its outcome is not told.
//! 9. A file is a chain of HMACs over all its segments; [`verify`](verify()) names the first record that is
//!    not what was written, and a checkpoint beside the file shows that its tail was cut off. What it
//!    cannot show is said at [`FileOptions`].
//! 10. A writer that was killed leaves a torn tail at most: it is cut off at the next start, kept
//!     aside, and noted in the chain. Any other damage stops the start. One writer has a file, by a
//!     lock of the operating system.
//!
//! # Ordering
//!
//! Outside authorization, limits and cache, so that denials, refusals and hits are recorded; outside the
//! error mask, so that the record has what the caller got, and the id of what it did not get; inside
//! timing and trace. The principal must be known further out, as the HTTP edge does it: a principal
//! that a layer further in sets is not seen. Layers that panic or fail belong further in.
//!
//! # Cost
//!
//! On the path of a request: two readings of the clock, a record of one allocation and one for its
//! texts, and its way into a queue. Serialising, chaining and I/O are the work of the writer's thread.
//! Digests of arguments, allow-listed values, sizes and digests of results cost what they look at, and
//! are off unless set. A durable file adds the wait for a sync, which requests in flight share in
//! [`Sync::Batch`]. The figures are in `docs/audit.md` of the facade crate.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod allow;
mod decision;
mod encode;
mod future;
mod handle;
#[cfg(feature = "http")]
mod http;
mod layer;
mod outcome;
mod record;
mod refusal;
mod service;
mod settings;
mod share;
mod sink;
mod state;
mod text;
mod trace_id;

pub use allow::AllowList;
pub use decision::{CacheState, Decision, Original};
pub use encode::{Cef, Encode, Json, Ocsf};
pub use future::ResponseFuture;
pub use handle::{AuditHandle, AuditStats};
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use http::{AuditHttp, AuditHttpLayer, HttpResponseFuture};
pub use layer::AuditLayer;
pub use mcp_layers_audit_log::{
    AuditLog, Closed, Digest, Digester, Fault, InvalidKey, InvalidPosition, Key, LogOptions, Loss,
    Position, Receipt, SyncPolicy, Verified, Verifier, VerifyError, verify,
};
pub use outcome::CallOutcome;
pub use record::{Record, RequestIdText};
pub use service::Audit;
pub use settings::OverflowPolicy;
pub use sink::{
    ChannelSink, Entry, FileSink, Place, Queued, Records, Room, Sink, TracingSink, Written,
};
pub use trace_id::TraceId;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
