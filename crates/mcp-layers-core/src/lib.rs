//! The vocabulary in which MCP-aware tower layers are written.
//!
//! A layer does not convert a request, it asks for a view of it: [`McpRequest`] borrows what layers
//! need from the type of whatever MCP implementation owns the request, and its response type gives
//! the view [`McpResponse`]. So one layer serves rmcp (through `mcp-layers-rmcp`), tower-mcp
//! (through `mcp-layers-tower-mcp`) and hand-made servers (through [`JsonRpcRequest`]).
//!
//! This crate holds the views, what layers share, and a few layers that belong to no concern of
//! their own: [`CatchErrorLayer`], [`CatchPanicLayer`], [`CancelLayer`], the selectors
//! ([`short_lived`], [`for_methods`], [`only_tool`], [`for_tools`]) and [`ToolHints`]. It does no
//! I/O, spawns nothing and knows no transport.
//!
//! # Example
//!
//! A layer of one's own: it counts failed calls, over any implementation.
//!
//! ```
//! use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpError, McpRequest, McpResponse};
//! use std::{convert::Infallible, future::Future, pin::Pin};
//! use std::sync::{Arc, atomic::{AtomicU64, Ordering::Relaxed}};
//! use std::task::{Context, Poll};
//! use tower::{Service, ServiceBuilder, ServiceExt};
//!
//! #[derive(Clone)]
//! struct CountFailures<S> {
//!     inner: S,
//!     failures: Arc<AtomicU64>,
//! }
//!
//! impl<S, Req> Service<Req> for CountFailures<S>
//! where
//!     Req: McpRequest,
//!     S: Service<Req, Response = Req::Response>,
//!     S::Future: Send + 'static,
//! {
//!     type Response = Req::Response;
//!     type Error = S::Error;
//!     type Future = Pin<Box<dyn Future<Output = Result<Req::Response, S::Error>> + Send>>;
//!
//!     fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
//!         self.inner.poll_ready(cx)
//!     }
//!
//!     fn call(&mut self, request: Req) -> Self::Future {
//!         let (answer, failures) = (self.inner.call(request), self.failures.clone());
//!         Box::pin(async move {
//!             let response = answer.await?;
//!             failures.fetch_add(u64::from(response.outcome().code().is_some()), Relaxed);
//!             Ok(response)
//!         })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let failures = Arc::new(AtomicU64::new(0));
//! let count = failures.clone();
//! let service = ServiceBuilder::new()
//!     .layer_fn(|inner| CountFailures { inner, failures: count.clone() })
//!     .service_fn(|request: JsonRpcRequest| async move {
//!         Ok::<_, Infallible>(JsonRpcResponse::error(&request, McpError::internal()))
//!     });
//!
//! service.oneshot(JsonRpcRequest::new(1, "tools/list")).await.unwrap();
//! assert_eq!(failures.load(Relaxed), 1);
//! # }
//! ```
//!
//! # Rules
//!
//! 1. An error of the protocol is a response ([`Outcome::Protocol`]). The error of a `Service` says
//!    that a layer or the transport failed, and [`CatchErrorLayer`] makes a response of it.
//! 2. Decisions travel inward in the request's [`CallContext`] and outward in the response's
//!    [`Trail`]: no layer depends on another.
//! 3. A request of an unknown method passes every layer unchanged.
//! 4. Identity is the [`Principal`] that a layer verified; nothing that a client says of itself.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod adapter;
mod arguments;
mod cancel;
mod catalog;
mod catalog_layer;
mod catch_error;
mod catch_panic;
mod classify;
pub mod clock;
mod context;
mod error;
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub mod http;
mod json;
pub mod json_result;
mod json_rpc;
mod key;
mod lesson;
mod listed;
mod local_principal;
mod method;
mod notification;
mod observe;
mod old_clock;
mod principal;
mod progress;
mod refusal;
mod reply;
mod request;
mod response;
mod select;
mod service;
mod tool_hints;
mod tool_pattern;
mod trail;

pub use arguments::{Arguments, write_canonical};
pub use cancel::{Cancel, CancelFuture, CancelLayer};
pub use catalog::Catalog;
pub use catalog_layer::{CatalogFuture, CatalogLayer, Cataloged, NoServer};
pub use catch_error::{CatchError, CatchErrorFuture, CatchErrorLayer, MapError, NoMapping};
pub use catch_panic::{CatchPanic, CatchPanicFuture, CatchPanicLayer};
pub use classify::{ByCode, Class, Classify};
pub use context::CallContext;
pub use error::{BoxError, ConfigError, McpError, code};
pub use json::{
    json_size, map_size, member, serialized_size, visit_json_texts, visit_map_texts,
    write_serialized,
};
pub use json_rpc::{
    JsonRpcId, JsonRpcMessage, JsonRpcNotification, JsonRpcReplyTo, JsonRpcRequest,
    JsonRpcResponse, ParseError,
};
pub use key::KeyWriter;
pub use lesson::Lesson;
pub use listed::{Hints, Listed, ListedKind};
pub use local_principal::{LocalPrincipal, LocalPrincipalLayer};
pub use method::Method;
pub use notification::McpNotification;
pub use observe::{End, Observe, ObserveLayer, Observed, Observer, observe};
pub use old_clock::{Clock, SystemClock};
pub use principal::{Authentication, Principal};
pub use progress::Progress;
pub use refusal::{Refusal, RefusalAddress};
pub use reply::ReplyFuture;
pub use request::{
    ClientInfo, Connection, MODERN, McpRequest, ReplayRequest, RequestId, Transport, meta_key,
};
pub use response::{CacheHint, CacheScope, McpResponse, Outcome, StoredResponse, TextSite};
pub use select::{
    Select, SelectFuture, SelectLayer, for_methods, for_tools, only_tool, short_lived,
};
pub use service::McpService;
pub use tool_hints::{LearnToolHints, LearnToolHintsFuture, LearnToolHintsLayer, ToolHints};
pub use tool_pattern::ToolPattern;
pub use trail::{BypassReason, CacheEvent, CircuitState, Event, GiveUpReason, Trail};
