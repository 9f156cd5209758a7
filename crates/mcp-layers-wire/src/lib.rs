//! Tower layers in front of any MCP server, in any language: a proxy that you build, for servers over
//! HTTP, on standard input and output, or on any other pipe.
//!
//! [`WireLayer`] and [`Pipe`] read JSON-RPC messages from a client, pass its calls through layers as
//! [`JsonRpcRequest`](mcp_layers_core::JsonRpcRequest), and send them to a server. Rate limits,
//! timeouts, retries, audit, metrics, authorization and redaction thus work for servers in Python,
//! TypeScript or Go, and for Rust SDKs without an adapter, in both eras of the protocol (with
//! `initialize`, and 2026-07-28).
//!
//! - `http::WireLayer` (feature `http`): streamable HTTP, as a tower layer over any service of HTTP
//!   requests: a client of another server, or a service in the same process.
//! - `pipe::Pipe` (feature `pipe`): a JSON message a line, with a child process or any reader and
//!   writer.
//!
//! It is not a gateway: a client talks to one server, and both speak the same transport.
//!
//! # Example
//!
//! A timeout for a server that never answers:
//!
#![cfg_attr(feature = "pipe", doc = "```")]
#![cfg_attr(not(feature = "pipe"), doc = "```text")]
//! use mcp_layers_core::Catalog;
//! use mcp_layers_timeout::TimeoutLayer;
//! use mcp_layers_wire::Pipe;
//! use std::time::Duration;
//! use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, duplex, split};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let pipe = Pipe::new(TimeoutLayer::new(Duration::from_millis(10)))
//!     .catalog(Catalog::new().with_tools(["dig"]));
//!
//! // In a process of its own: `pipe.run_child((stdin(), stdout()), Command::new("server"))`.
//! let (client, side) = duplex(4096);
//! let (server, other_side) = duplex(4096);
//! tokio::spawn(async move { pipe.run(split(side), split(other_side)).await });
//!
//! let mut client = BufReader::new(client);
//! let call = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"dig"}}"#;
//! client.write_all(format!("{call}\n").as_bytes()).await?;
//! let mut answer = String::new();
//! client.read_line(&mut answer).await?;
//! assert!(answer.contains("Request timed out after 10 ms"), "{answer}");
//!
//! // The server got the call in its own bytes, and then a cancellation.
//! let mut server = BufReader::new(server).lines();
//! assert_eq!(server.next_line().await?.as_deref(), Some(call));
//! assert!(server.next_line().await?.unwrap().contains("notifications/cancelled"));
//! # Ok(())
//! # }
//! ```
//!
//! # Rules
//!
//! 1. Requests of the client pass the layers. All else passes by them: notifications, the server's own
//!    requests (elicitation, sampling, roots), and the client's answers to them.
//! 2. What no layer changed goes on in its original bytes, both ways; of a message that a layer changed,
//!    only the changed part is serialised. Numbers keep digits that no tree of JSON values holds. A
//!    layer that stores results, such as a cache, holds such a tree.
//! 3. A message that cannot be read goes no further. The client is answered with -32700 if it is no
//!    JSON, otherwise with -32600: a batch, another `jsonrpc` than 2.0, an id that is neither a string
//!    nor an integer, and any message that two parsers may read differently: a member of the message,
//!    of `params` or of `_meta` that occurs twice or differs from another in case alone. Arguments of
//!    tools pass unchanged, nested up to 120 levels; a deeper message is refused with -32700.
//! 4. A server's answer that cannot be read fails its call (-32603), and an answer to no call is
//!    dropped: neither passes an error mask. A result in which a member occurs twice is serialised, as
//!    the layers saw it.
//! 5. Each attempt that a layer makes after the first has an id of its own. Integers beyond 64 bits
//!    pass; layers see them as strings.
//! 6. A client's cancellation reaches the attempt that the server has, if it has one, and the call gets
//!    no answer. What a layer abandons, such as a timeout, is cancelled at the server. `initialize` is
//!    never cancelled.
//! 7. Layers see the protocol version, the client's name and its capabilities, as `initialize` declared
//!    them. While the client owes the server an answer, the time of its call does not count
//!    ([`InputWait`](mcp_layers_core::progress::InputWait)).
//!
//! The `http` module has the rules of HTTP. On a pipe:
//!
//! 8. Messages of the server keep their order: a notification waits until the answers before it are
//!    written, for at most 100 ms. Answers to different calls may overtake one another.
//! 9. A pipe does not tell which call a question of the server belongs to: all calls wait.
//! 10. A line that is too long fails: its sender gets an error, or the call that waits for it.
//! 11. When the client closes its side, calls in flight have the time of grace, then they are
//!     cancelled and fail; then the server's input closes. When the server ends, at any time, its calls
//!     fail (-32603), and the connection ends. Every call is answered, unless its client cancelled it.
//!
//! # Ordering
//!
//! The layers have the order of any stack; see the `ARCHITECTURE.md` of `mcp-layers-core`. Over HTTP,
//! an `AuthenticateLayer` goes in front of the `WireLayer`, and its principal reaches the stack. On a
//! pipe there is no authentication: put a `LocalPrincipalLayer` outermost where a layer needs a
//! principal.
//!
//! # Cost
//!
//! Each request is parsed once, and scanned two times without a tree; a result likewise. No task is
//! spawned for a call, unless its HTTP client has lost its connection. Memory is bounded. A pipe holds
//! at most four times `max_line` of calls in flight, and as much again of lines that wait on each side.
//! Over HTTP, a call holds a message and an event, and the tables together at most four times
//! `max_body` and four times `max_event`.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(not(any(feature = "http", feature = "pipe")), allow(dead_code))]

#[cfg(all(doctest, feature = "pipe"))]
#[doc = include_str!("../README.md")]
struct Readme;

mod encode;
mod error;
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub mod http;
mod id;
#[cfg(any(feature = "http", feature = "pipe"))]
mod leaf;
mod members;
mod merge;
mod message;
#[cfg(feature = "pipe")]
#[cfg_attr(docsrs, doc(cfg(feature = "pipe")))]
pub mod pipe;
mod service;
mod session;
mod sketch;
mod splice;

pub use error::WireError;
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use http::{Wire, WireLayer};
#[cfg(any(feature = "http", feature = "pipe"))]
#[cfg_attr(docsrs, doc(cfg(any(feature = "http", feature = "pipe"))))]
pub use leaf::Leaf;
#[cfg(feature = "pipe")]
#[cfg_attr(docsrs, doc(cfg(feature = "pipe")))]
pub use pipe::Pipe;
pub use service::WireService;
