//! The vocabulary of MCP-aware [tower](https://docs.rs/tower) layers: views of requests and responses,
//! errors, principals, and what layers share.
//!
//! A layer does not convert a request. It asks for a view of it: [`McpRequest`] borrows the method, the
//! target and the arguments from the type of the MCP implementation, and its response type offers the
//! view [`McpResponse`]. One layer thus serves rmcp (through `mcp-layers-rmcp`), tower-mcp (through
//! `mcp-layers-tower-mcp`) and hand-made servers (through [`JsonRpcRequest`]).
//!
//! This crate does no I/O, spawns nothing and knows no transport. Ready-made layers are in the other
//! crates of the family; `mcp-layers-util` has those that every stack needs.
//!
//! # Example
//!
//! A custom layer that counts failed calls, for any implementation:
//!
//! ```
//! use mcp_layers_core::{End, JsonRpcRequest, JsonRpcResponse, McpError, McpResponse, observe};
//! use std::sync::{Arc, atomic::{AtomicU64, Ordering::Relaxed}};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let failures = Arc::new(AtomicU64::new(0));
//! let count = failures.clone();
//! let count_failures = observe(move |_: &JsonRpcRequest| {
//!     let count = count.clone();
//!     move |end: End<'_, JsonRpcResponse>| match end {
//!         End::Answered(response) if response.outcome().code().is_none() => {}
//!         _ => _ = count.fetch_add(1, Relaxed),
//!     }
//! });
//!
//! let service = ServiceBuilder::new().layer(count_failures).service_fn(
//!     |request: JsonRpcRequest| async move {
//!         Ok::<_, std::convert::Infallible>(JsonRpcResponse::error(&request, McpError::internal()))
//!     },
//! );
//! service.oneshot(JsonRpcRequest::new(1, "tools/list")).await.unwrap();
//! assert_eq!(failures.load(Relaxed), 1);
//! # }
//! ```
//!
//! # Rules
//!
//! 1. A protocol error is a response ([`Outcome::Protocol`]). The error of a `Service` means that a
//!    layer or the transport failed.
//! 2. Decisions travel inward in the request's [`CallContext`] and outward in the response's [`Trail`].
//!    No layer depends on another.
//! 3. A request of an unknown method passes every layer unchanged.
//! 4. Identity is the [`Principal`] that a layer verified, never a client's statement about itself.
//!
//! # Glossary
//!
//! | term | meaning |
//! |---|---|
//! | principal | the verified identity of a caller ([`Principal`]) |
//! | context | the values that outer layers set for inner layers ([`CallContext`]) |
//! | trail | the decisions that inner layers report to outer layers ([`Trail`]); never sent |
//! | target | the tool, prompt, resource, skill or task that a request names ([`McpRequest::target`]) |
//! | catalog | the names that the server is known to offer ([`Catalog`]) |
//! | continuation | a request that continues an earlier one with the input it asked for ([`McpRequest::is_continuation`]) |
//! | long-lived | a request that stays open as long as its caller likes ([`Method::is_long_lived`]) |
//! | modern, legacy | protocol version 2026-07-28 or later; any earlier version |
//! | outer, inner | nearer to the client; nearer to the server |
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../docs/an-adapter-of-your-own.md")]
struct Readme;

pub mod adapter;
mod arguments;
mod catalog;
pub mod catalog_layer;
mod classify;
mod clock;
mod context;
mod error;
pub mod hidden_tool;
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub mod http;
mod input_wait;
mod json;
pub mod json_rpc;
mod key;
mod lesson;
mod listed;
mod method;
mod notification;
pub mod observe;
mod principal;
pub mod progress;
mod refusal;
mod reply;
pub mod request;
pub mod response;
mod service;
mod tool_pattern;
pub mod trail;

pub use arguments::Arguments;
pub use catalog::Catalog;
pub use catalog_layer::CatalogLayer;
pub use classify::{ByCode, Class, Classify, ClassifyOutages, ClassifyToolErrors};
pub use clock::Clock;
pub use context::CallContext;
pub use error::{BoxError, ConfigError, McpError, code};
pub use json_rpc::{JsonRpcRequest, JsonRpcResponse};
pub use key::{KeyHasher, KeyWriter};
pub use lesson::Lesson;
pub use listed::{Hints, Listed, ListedKind};
pub use method::Method;
pub use notification::McpNotification;
pub use observe::{End, Observer, observe};
pub use principal::{Authentication, Principal};
pub use refusal::{Refusal, RefusalAddress};
pub use reply::ReplyFuture;
pub use request::McpRequest;
pub use response::{McpResponse, Outcome, StoredResponse};
pub use service::McpService;
pub use tool_pattern::ToolPattern;
pub use trail::{Event, Trail};
