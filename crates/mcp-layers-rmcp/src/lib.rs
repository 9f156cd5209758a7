//! Tower middleware for [`rmcp`] servers and clients: wraps a `ServerHandler`, or the calls of
//! a client, in layers.
//!
//! [`Layered::layered`] wraps one handler, for standard input and output; [`Stack`] is built once for
//! many handlers, as HTTP needs it; [`LayeredClient`] wraps the calls to an upstream server. Layers
//! read rmcp's own types through the views of `mcp-layers-core`: nothing is converted or serialised.
//! This crate has no layer of its own.
//!
//! # Example
//!
//! A real server and a real client, over an in-memory pipe; the server gives up on slow calls.
//!
//! ```
//! use mcp_layers_rmcp::Layered;
//! use mcp_layers_timeout::TimeoutLayer;
//! use mcp_layers_util::{CancelLayer, CatchErrorLayer, CatchPanicLayer};
//! use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt, model::*, service::*};
//! use std::time::Duration;
//! use tower::ServiceBuilder;
//!
//! struct Slow;
//!
//! impl ServerHandler for Slow {
//!     async fn call_tool(
//!         &self,
//!         _: CallToolRequestParams,
//!         _: RequestContext<RoleServer>,
//!     ) -> Result<CallToolResponse, ErrorData> {
//!         std::future::pending().await
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let layers = ServiceBuilder::new()
//!     .layer(CatchErrorLayer::new())
//!     .layer(CatchPanicLayer::new())
//!     .layer(CancelLayer::new())
//!     .layer(TimeoutLayer::new(Duration::from_millis(10)));
//!
//! let (client_end, server_end) = tokio::io::duplex(4096);
//! let server = Slow.layered(layers);
//! tokio::spawn(async move { server.serve(server_end).await.unwrap().waiting().await });
//! let client = ().serve(client_end).await.unwrap();
//!
//! let error = client.call_tool(CallToolRequestParams::new("dig")).await.unwrap_err();
//! let ServiceError::McpError(error) = error else { panic!("{error}") };
//! assert_eq!(error.code, ErrorCode(504));
//! assert_eq!(error.message, "Request timed out after 10 ms");
//! # }
//! ```
//!
//! # Rules
//!
//! 1. Build the stack once. rmcp asks for a handler for each session up to 2025-11-25, and for each
//!    request from 2026-07-28 on; [`Stack::handler`] and [`Stack::http`] wrap all of them in one stack.
//!    Each request calls a clone of it. A layer keeps the state of one request in its future, not in
//!    its service.
//! 2. Every stack has a [`Catalog`](mcp_layers_core::Catalog) of the names that the server offers
//!    ([`Stack::catalog`]). An unknown name is looked up at the handler before the layers are called.
//! 3. An error that leaves the layers becomes an error response, by the rules of
//!    [`CatchErrorLayer`](mcp_layers_util::CatchErrorLayer).
//! 4. rmcp tells a handler that its request was cancelled, and lets it run. With
//!    [`CancelLayer`](mcp_layers_util::CancelLayer) in the stack it is dropped.
//! 5. rmcp keeps facts about the request in task-locals, which it needs for requests to the client
//!    (sampling, elicitation). A layer that runs the inner service in another task, such as
//!    `tower::buffer`, loses them.
//! 6. `subscriptions/listen` passes the stack like every request, and lasts as long as the
//!    subscription: wrap plain tower timeouts and limits in
//!    [`short_lived`](mcp_layers_util::short_lived).
//! 7. Messages from the server to the client do not pass the stack. Notifications can be observed
//!    with [`observe_notifications`].
//! 8. Requests that rmcp refuses (a header that contradicts the body, missing `_meta`, an unsupported
//!    version) never reach the stack of a layered handler. The stack of a [`LayeredService`] sees
//!    every request of an open session before these checks.
//! 9. Layers that watch for progress are notified by the handler on a server (the
//!    [`Progress`](mcp_layers_core::progress::Progress) among the extensions of its `RequestContext`), and by the
//!    client's handler on the calling side (a `ProgressTokens` table): rmcp reports what a handler
//!    sends to the transport alone.
//! 10. An upstream's HTTP status 401, 403 or 429 is an error response with that code
//!     (`Upstream`, feature `client`).
//! 11. rmcp's feature `local` removes the `Send` bounds; it is not supported.
//!
//! # Ordering
//!
//! From the outside: rmcp's transport and checks, the catalog, the answer to errors, your layers from
//! the first to the last, the handler, and then rmcp's shaping of the result for the caller's protocol
//! version.
//!
//! # Cost
//!
//! For each request a clone of the stack, and a box each for the request, the future of the layers, the
//! handler's future and the response.
//!
//! # Features
//!
//! - `server` (default): [`Stack`], [`Layered`].
//! - `rmcp-3-9` (default): the methods that rmcp 3.9 added. Without it, rmcp 3.1 to 3.8 compile too.
//! - `client`: `LayeredClient`, `Upstream`.
//! - `http`: `Stack::http`, `Stack::try_http`.
//! - `axum`: the client's address from axum's `ConnectInfo`.
//!
//! `docs/moving-to-rmcp-3.md` in this package describes the way from rmcp 0.x, 1.x and 2.x, and how to
//! proceed when the compiler reports that `ServerHandler` is not implemented.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod view;

#[cfg(feature = "client")]
mod client;
#[cfg(feature = "server")]
mod server;

#[cfg(feature = "client")]
pub use client::*;
#[cfg(feature = "server")]
pub use server::*;
pub use view::response::RmcpResponse;

/// Compiles the examples of the README.
#[cfg(all(doctest, feature = "client", feature = "http"))]
#[doc = include_str!("../README.md")]
struct Readme;
