//! The HTTP form: streamable HTTP, in front of any service of HTTP requests.
//!
//! [`WireLayer`] is a tower layer. The service inside may be an HTTP client, which makes a reverse
//! proxy, or a server in the same process, such as an `axum::Router` with any MCP SDK in it.
//!
//! # Example
//!
//! A call that a rule refuses does not reach the server:
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Full};
//! use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpError, McpRequest};
//! use mcp_layers_wire::{Leaf, WireLayer, http::WireBody};
//! use tower::{ServiceBuilder, ServiceExt, layer::layer_fn, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let no_digging = layer_fn(|leaf: Leaf| {
//!     service_fn(move |request: JsonRpcRequest| async move {
//!         match request.target() {
//!             Some("dig") => Ok(JsonRpcResponse::error(&request, McpError::forbidden())),
//!             _ => leaf.oneshot(request).await,
//!         }
//!     })
//! });
//! // In front of a server elsewhere, this is an HTTP client.
//! let server = service_fn(|_: Request<WireBody>| async {
//!     let answer = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}"#;
//!     Response::builder().body(Full::new(Bytes::from(answer)))
//! });
//! let service = ServiceBuilder::new().layer(WireLayer::new(no_digging)).service(server);
//!
//! let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"dig"}}"#;
//! let request = Request::post("/mcp").body(Full::new(Bytes::from(call)))?;
//! let response = service.oneshot(request).await?.into_body().collect().await?.to_bytes();
//! let response: serde_json::Value = serde_json::from_slice(&response)?;
//! assert_eq!(response["error"]["code"], 403);
//! # Ok(())
//! # }
//! ```
//!
//! # Rules
//!
//! These add to the rules of the [crate](crate#rules).
//!
//! 1. Requests pass the layers in the bodies of POST. GET, DELETE and other methods pass by, and so do
//!    requests for paths that are not the endpoint's, if one is set ([`WireLayer::path`]).
//! 2. A message that goes no further is answered with HTTP status 400, one above
//!    [`max_body`](WireLayer::max_body) with 413, and a body that is encoded or not in UTF-8 with 415. A
//!    batch goes no further, unless [`WireLayer::batches`] splits it, nor does a request in which a
//!    header of the session, the version or the last event occurs twice.
//! 3. An answer of a layer has status 200 and is JSON, or an event if the client accepts nothing else.
//!    An answer of the server keeps its status and headers, unless a layer turned a result into an
//!    error, an error into a result, or changed the code. `Accept-Encoding` does not reach the server.
//! 4. Layers see a failure of HTTP without a JSON-RPC message as an error: 401, 403, 413 and 429 under
//!    these codes, 502 and 503 as 503, 504 as 504, other client errors as -32600, all else as -32603.
//!    The client gets the server's status and body, unless a layer changed the error. Of 5xx it is not
//!    public: an error mask hides the body.
//! 5. Events before and after the answer pass at once. An answer in a stream keeps its event's id.
//!    Answers to other calls are dropped, and so is every answer after the first. Characters that some
//!    clients take for line ends (U+0085, U+2028, U+2029) are escaped in messages.
//! 6. A stream that ends before its answer fails the call. Up to 2025-11-25, in a session and after an
//!    event with an id, it does not: the call is *parked*, as it is when the client loses its
//!    connection. The layers go on for [`park_for`](WireLayer::park_for). An answer on a stream of GET
//!    passes through the layers of its parked call, and a second replay gets the same. What a layer
//!    answers instead, such as a timeout, goes to the client that resumes the stream.
//! 7. Sessions, parked calls and their answers belong to the principal that opened or called them, next
//!    to the session id.
//! 8. From 2026-07-28 on, and without a session, the end of a connection is the cancellation. In a
//!    legacy session a `notifications/cancelled` is posted for what a layer abandons, and a client that
//!    leaves cancels nothing. An id that is in flight in the session is refused.
//! 9. Layers see the session id, the HTTP version, the client's address (in the extensions, the first of
//!    a `SocketAddr`, an `IpAddr` and, with feature `axum`, a `ConnectInfo<SocketAddr>`), the `Principal`
//!    or `Arc<Principal>` in the extensions, and all other extensions of the HTTP request.
//! 10. The server's own checks of headers, `Host` and `Origin` hold for what reaches it. A layer that
//!     answers in its place, such as a cache, answers without them: check `Host` and `Origin` in front
//!     where browsers can reach the proxy, and leave `Host` as it came.
//!
//! Not there: the transport of 2024-11-05 (HTTP with SSE), whose answers come on a stream of their own.

mod answer;
mod attempt;
mod batch;
mod begin;
mod body;
mod call;
mod calls;
mod content;
mod events;
mod exchange;
mod failure;
mod layer;
mod line_ends;
mod owner;
mod parking;
mod path;
mod recent;
mod reply;
mod resumed;
mod screen;
mod service;
mod sessions;
mod settings;
mod shared;
mod sse;
mod upstream;

pub use body::{BodyError, WireBody};
pub use layer::WireLayer;
pub use service::{ResponseFuture, Wire};
pub use settings::Batches;
