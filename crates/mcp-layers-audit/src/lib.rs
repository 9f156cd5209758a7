//! Audit log for MCP servers: who called which tool, with which outcome, in records that are durable and
//! tamper-evident.
//!
//! [`AuditLayer`] makes one record of every request and gives it to one or several sinks: a file
//! ([`FileSink`]), `tracing` ([`TracingSink`]), a channel ([`ChannelSink`]), or your own [`Sink`]. It
//! decides nothing about requests, except that, by default, a request that cannot be recorded does not
//! run. It makes no metrics and no spans. Arguments, results and credentials are not recorded.
//!
//! # Example
//!
//! ```
//! use mcp_layers_audit::{AuditLayer, FileSink, Key, LogOptions, verify};
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
//! let file = FileSink::open(&path, LogOptions::new(&key))?;
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
//! assert_eq!(error.record, 3);
//! # Ok(())
//! # }
//! ```
//!
//! # Rules
//!
//! 1. A request has one terminal record, when it ends: answered, failed, cancelled, dropped or
//!    panicked. A long-lived one (`subscriptions/listen`, `tasks/result`) has an opening record too;
//!    so has, with [`AuditLayer::record_openings`], a call that may change something.
//! 2. The deciding layer is read from the response's trail: the outermost that denied, limited,
//!    answered from memory, timed out or failed; otherwise it was the handler.
//! 3. The principal is the verified one of the request's context. Claims (an unverified principal, the
//!    client's name and version) are recorded apart, as unverified.
//! 4. Arguments and results are not recorded. With a [`Key`] they are digested (HMAC-SHA-256, 128
//!    bits): equal values have equal digests, and guesses cannot be tested without the key. Argument
//!    values are recorded only for the tools and fields of an [`AllowList`], redacted and cut.
//! 5. Session ids, task ids, cursors, and the parameters of continuations (`requestState` included)
//!    are always digested. Uris lose user, password, query and fragment. A target that is not recorded
//!    unchanged has a digest. Credentials are not read. `AuditHttpLayer` reads the headers with the
//!    session, the protocol version and the trace, of requests with a verified principal alone.
//! 6. Every text that a caller chose is cut; values larger than 1 MiB are not digested.
//! 7. While a sink takes no records, requests are refused with 503, reason `audit_unavailable`,
//!    before they run; `initialize`, `server/discover` and `ping` pass. [`OverflowPolicy`] has the other
//!    answers. Missing records are counted in [`AuditHandle::stats`], and in the file by a gap line
//!    that is part of the chain. One log line a second reports it, with a count.
//! 8. A caller with more than its share of records under way
//!    ([`AuditLayer::max_per_caller`]) is refused with 503, reason `audit_share`; others are not.
//! 9. With [`SyncPolicy::Each`] and [`SyncPolicy::Batch`] an answer comes after its record was synced. If
//!    that fails, [`OverflowPolicy::Refuse`] answers 503 in its place: the call ran, and its outcome is
//!    not told.
//! 10. A file is a chain of HMACs over all its segments; [`verify`](verify()) names the first changed
//!     record. The rules of the file are those of [`mcp_layers_audit_log`].
//!
//! A protocol error, a tool result with `isError` and an error of the service are different outcomes,
//! and all of them are failures ([`CallOutcome::is_failure`]).
//!
//! # Ordering
//!
//! Outside authorization, limits and cache, so that denials, refusals and hits are recorded; outside the
//! error mask, so that the record has what the caller got; inside timing and trace. Authentication is
//! outside this layer: a principal that an inner layer sets is not seen. Layers that panic or fail are
//! inside. `AuditHttpLayer` is outside HTTP authentication. A concurrency limit per caller outside this
//! layer answers 429 before a caller reaches its share of the queue.
//!
//! # Cost
//!
//! On the path of a request: a record, which is one allocation and one more for each text longer than
//! 23 bytes, and a place in a queue. Encoding, chaining
//! and I/O are the work of the writer's thread. Digests of arguments, allow-listed values, sizes and
//! digests of results cost as much as the values are long, and are off by default. A durable file adds
//! the wait for a sync, which requests under way share in [`SyncPolicy::Batch`]. The figures are in
//! `docs/audit.md` of the facade crate.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod allow;
mod collect;
mod decision;
mod encode;
mod future;
mod handle;
#[cfg(feature = "http")]
mod http;
mod layer;
mod opaque;
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
    AuditLog, Closed, Digest, Digester, Fault, Key, LogOptions, Loss, Position, Receipt,
    SyncPolicy, Verified, Verifier, VerifyError, verify,
};
pub use outcome::CallOutcome;
pub use record::{Record, RequestIdText};
pub use service::Audit;
pub use settings::OverflowPolicy;
pub use sink::{
    ChannelSink, Entry, FileSink, Place, Places, Queued, Records, Room, Sink, TracingSink, Written,
};
pub use text::Text;
pub use trace_id::TraceId;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
