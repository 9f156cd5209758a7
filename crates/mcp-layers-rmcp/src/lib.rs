//! Layers around rmcp servers, and around the calls of rmcp clients.
//!
//! [`Layered::layered`] puts a tower stack around a `ServerHandler` and gives a `ServerHandler`
//! back; [`Stack`] is the same built once for many handlers, as HTTP needs it; [`LayeredClient`]
//! puts a stack around the calls to an upstream server. This is the only crate of the family that
//! names rmcp. It gives rmcp's own types the views of `mcp-layers-core`: nothing is converted or
//! serialised, and an empty stack adds three allocations per request.
//!
//! # Example
//!
//! A real server and a real client, over an in-memory pipe; the server gives up on slow calls.
//!
//! ```
//! use mcp_layers_core::{CancelLayer, CatchErrorLayer, CatchPanicLayer, short_lived};
//! use mcp_layers_rmcp::Layered;
//! use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt, model::*, service::*};
//! use std::time::Duration;
//! use tower::{ServiceBuilder, timeout::TimeoutLayer};
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
//!     .layer(short_lived(TimeoutLayer::new(Duration::from_millis(10))));
//!
//! let (client_end, server_end) = tokio::io::duplex(4096);
//! let server = Slow.layered(layers);
//! tokio::spawn(async move { server.serve(server_end).await.unwrap().waiting().await });
//! let client = ().serve(client_end).await.unwrap();
//!
//! let error = client.call_tool(CallToolRequestParams::new("dig")).await.unwrap_err();
//! let ServiceError::McpError(error) = error else { panic!("{error}") };
//! assert_eq!(error.code, ErrorCode(504));
//! assert_eq!(error.message, "Request timed out");
//! # }
//! ```
//!
//! # Rules
//!
//! 1. Build the stack once. rmcp asks for a handler for each legacy HTTP session, and for each
//!    request from 2026-07-28 on; [`Stack::handler`] and [`Stack::http`] put one stack around them.
//!    A request needs an instance of it until it is called; then another request gets that, and a
//!    clone is made only where there is none. A layer keeps what belongs to one request in its
//!    future, not in its service.
//! 2. rmcp tells a handler that its request was cancelled, and lets it run on. With
//!    [`CancelLayer`](mcp_layers_core::CancelLayer) in the stack it is dropped.
//! 3. rmcp keeps facts about the request in task-locals, which it needs for requests to the client
//!    (sampling, elicitation). A layer that runs the inner service in another task, such as
//!    `tower::buffer`, loses them.
//! 4. `subscriptions/listen` passes the stack like every request, and lasts as long as the
//!    subscription: use [`short_lived`](mcp_layers_core::short_lived) around timeouts and limits.
//! 5. Messages from the server to the client do not pass the stack. Notifications can be observed
//!    with [`observe_notifications`].
//! 6. What rmcp refuses by itself (a header that contradicts the body, missing `_meta`, an
//!    unsupported version) never reaches the stack of a layered handler. That of a
//!    [`LayeredService`] sees every request of an open session before these checks.
//! 7. Layers that watch for progress hear of it where it can be told. On a server, the handler says
//!    so: the [`Progress`](mcp_layers_core::Progress) among the extensions of its `RequestContext`.
//!    rmcp gives what a handler sends to the transport without a word to anybody else. On the
//!    calling side, the client's handler says so to a `ProgressTokens` table.
//! 8. rmcp's feature `local` takes the `Send` bounds away; it is not supported.
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
