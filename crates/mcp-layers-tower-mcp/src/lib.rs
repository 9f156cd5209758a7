//! Tower middleware for [tower-mcp](tower_mcp) servers.
//!
//! [`layered`] makes one layer of any stack of MCP layers, which tower-mcp's routers and transports
//! accept. tower-mcp's requests and responses are borrowed, never converted
//! ([`TowerMcpRequest`], [`TowerMcpResponse`]). This crate has no layer of its own.
//!
//! # Example
//!
//! ```
//! use mcp_layers_timeout::TimeoutLayer;
//! use mcp_layers_tower_mcp::layered;
//! use std::time::Duration;
//! use tower::ServiceBuilder;
//! use tower_mcp::{ChannelTransport, McpClient, McpRouter, ToolBuilder};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let slow = ToolBuilder::new("slow").no_params_handler(std::future::pending).build();
//! let router = McpRouter::new().server_info("server", "1.0.0").tool(slow);
//! let stack = ServiceBuilder::new().layer(TimeoutLayer::new(Duration::from_secs(5)));
//!
//! // `StdioTransport::new(router).layer(layered(stack))`, and likewise over HTTP, Unix sockets and
//! // WebSocket; here in memory, with tower-mcp's own client.
//! let transport = ChannelTransport::layer(router, layered(stack));
//! let client = McpClient::connect(transport).await.unwrap();
//! client.initialize("client", "1.0.0").await.unwrap();
//!
//! let error = client.call_tool("slow", serde_json::json!({})).await.unwrap_err();
//! assert!(error.to_string().contains("Request timed out"), "{error}");
//! # }
//! ```
//!
//! # Rules
//!
//! 1. An error that leaves the stack is answered as [`CatchErrorLayer`] answers it. tower-mcp's own
//!    error catcher, which sends the error's words, has nothing left to catch.
//! 2. A [`Principal`] that a transport or an outer layer put among the request's extensions, in an
//!    `Arc` or without one, is the principal of the request's [`CallContext`]. Over HTTP and
//!    WebSocket, tower-mcp hands it on from the HTTP request's extensions when it is told to:
//!    `transport.bridge_extension::<Arc<Principal>>()`.
//! 3. The protocol version is that of the request's own `_meta`, else that of the session.
//! 4. [`McpRequest::cancelled`] waits for the token of the handler's context.
//!    tower-mcp itself lets a cancelled handler run on: use [`CancelLayer`] to stop it. It finds
//!    the requests to cancel by their JSON-RPC id alone, over all sessions of one router; where
//!    untrusted clients share a router over HTTP with sessions, one can so cancel another's
//!    request. With [`CancelLayer`] in the stack, a connection's own shutdown
//!    (`drain_timeout` over standard input) reaches handlers only as a drop.
//! 5. A request that tower-mcp's JSON-RPC service refuses (no JSON, a version that is not
//!    supported, params of the wrong type) never gets to the stack. `subscriptions/listen` passes
//!    it while it is being accepted, not while it lasts.
//! 6. Notifications pass no stack, see [`TowerMcpNotification`].
//! 7. Every stack has a [`Catalog`](mcp_layers_core::Catalog) of the names that the server offers
//!    ([`LayeredLayer::catalog`]). An unknown name is looked up in the router's lists before the layers
//!    are called, at most once a second for each caller.
//!
//! # Error codes
//!
//! Layers answer with the codes of [`mcp_layers_core::code`], tower-mcp among others with -32005
//! to -32010 (unknown session, forbidden, subscriptions, timeout), which 2026-07-28 advises
//! against (basic/index, "Error codes"). Nothing here changes a code.
//!
//! # What tower-mcp does not show
//!
//! Of `_meta`, tower-mcp parses the keys that the protocol defines and drops the others, and keeps
//! a trace context that is valid; so [`McpRequest::meta`] has no vendor keys and no `baggage` for
//! most methods. It does not tell the transport; [`LayeredLayer::transport`] does. A session id
//! is not known; the peer's address is where `bridge_extension` hands on a `SocketAddr` or `IpAddr`.
//!
//! # Features
//!
//! `protocol-2026-07-28`, off by default, turns on tower-mcp's feature of the same name. Without
//! it, tower-mcp speaks 2025-03-26 to 2025-11-25.
//!
//! # Cost
//!
//! One clone of the JSON-RPC id and two look-ups in the request's extensions. A box for each layer
//! that asks for the cancellation; a map for a request whose `_meta` is asked for, once, as
//! tower-mcp holds it in fields.
//!
//! [`CallContext`]: mcp_layers_core::CallContext
//! [`CancelLayer`]: mcp_layers_util::CancelLayer
//! [`CatchErrorLayer`]: mcp_layers_util::CatchErrorLayer
//! [`McpRequest::cancelled`]: mcp_layers_core::McpRequest::cancelled
//! [`McpRequest::meta`]: mcp_layers_core::McpRequest::meta
//! [`Principal`]: mcp_layers_core::Principal
#![cfg_attr(docsrs, feature(doc_cfg))]

mod handshake;
mod layer;
mod leaf;
mod notification;
mod params;
mod request;
mod response;

pub use layer::{Layered, LayeredFuture, LayeredLayer, layered};
pub use leaf::{Leaf, LeafFuture};
pub use notification::TowerMcpNotification;
pub use request::{Cancelled, TowerMcpRequest};
pub use response::TowerMcpResponse;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
