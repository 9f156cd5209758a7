//! Stop asking what fails: a circuit for each MCP tool or method.
//!
//! [`CircuitBreakerLayer`] counts how calls end. While too many of a tool fail, it answers its calls
//! itself, at once, and tells the model not to ask again; after a while it lets a few through to
//! see. It repeats nothing (that is `mcp-layers-retry`) and limits no time. The state machine,
//! [`Circuit`], is there by itself too.
//!
//! # Example
//!
//! ```
//! use mcp_layers_circuit_breaker::CircuitBreakerLayer;
//! use mcp_layers_core::{McpError, McpRequest, McpResponse};
//! use mcp_layers_test::{Answer, MockService, requests};
//! use tower::{Layer, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let mock = MockService::answering(|request| match request.target() {
//!     Some("fail") => Answer::error(McpError::internal()),
//!     _ => Answer::plausible(),
//! });
//! let breaker = CircuitBreakerLayer::new();
//! let service = breaker.layer(mock.clone());
//! let call = |tool| service.clone().oneshot(requests::call_tool(1, tool, serde_json::json!({})));
//!
//! for _ in 0..5 {
//!     assert_eq!(call("fail").await.unwrap().outcome().code(), Some(-32603));
//! }
//! let refused = call("fail").await.unwrap().into_error().unwrap();
//! assert_eq!(refused.code, 503);
//! assert_eq!(refused.data.as_ref().unwrap()["reason"], "circuit_open");
//! assert!(refused.retry_after().is_some());
//! assert_eq!(mock.calls(), 5);
//!
//! // Others go on.
//! assert_eq!(call("echo").await.unwrap().outcome().code(), None);
//! assert!(!breaker.handle().all_closed());
//! # }
//! ```
//!
//! # Rules
//!
//! 1. A failure is what the classifier says ([`ByCode`](mcp_layers_core::ByCode): -32603, 503, 504,
//!    codes of the application), an error of the inner service, and a panic. A result is a success,
//!    with `isError` too unless the classifier says otherwise. The caller's errors, 408, 429, 499
//!    and dropped futures say nothing.
//! 2. A circuit opens when its window ([`Window`], the latest calls or the latest time) has the
//!    minimum of calls, and the share of failures, or of slow calls if asked for, is reached.
//! 3. An open circuit refuses: 503, reason `circuit_open`, `retryAfterMs`, a text that tells a model
//!    to go on without; or an `isError` result, or what a [`Fallback`] gives. After
//!    [`CircuitBreakerLayer::open_for`] it is half open.
//! 4. A half-open circuit lets [`CircuitBreakerLayer::probes`] calls through at a time. Each has a
//!    lease, which ends with the call, when its future is dropped, and after
//!    [`CircuitBreakerLayer::probe_lease`]. The first that succeeds closes the circuit, which
//!    forgets all calls before; the first that fails, panics or is slow opens it again. One that
//!    says nothing makes room for another.
//! 5. An answer counts for the state in which its call was let through: late ones change nothing.
//! 6. A tool gets a circuit of its own when it is named ([`CircuitBreakerLayer::known_tools`]), or
//!    when a call of it is answered by a result or by an error that is not the caller's. Callers
//!    choose names, so that a name alone makes nothing: all others share the circuit `_OTHER`, also
//!    names of more than 128 bytes, and all beyond [`CircuitBreakerLayer::max_circuits`]. Never is a
//!    circuit one caller's.
//! 7. `subscriptions/listen`, `tasks/result`, `initialize`, `server/discover`, `ping`, notifications
//!    and unknown methods are neither counted nor refused.
//! 8. The trail of a refusal has [`Event::CircuitOpen`](mcp_layers_core::Event::CircuitOpen), that
//!    of an answer that changed a circuit
//!    [`Event::CircuitChanged`](mcp_layers_core::Event::CircuitChanged).
//! 9. A circuit can be forced open, forced closed or disabled ([`CircuitBreakerHandle`]).
//!
//! # Ordering
//!
//! Inside retry, which then sees that a circuit is open and stops; outside the timeout, which is a
//! failure here. Inside the error mask, which would hide the codes.
//!
//! # Cost
//!
//! One search in a table that is read without a lock, a clone of an `Arc`, and two atomic loads. A
//! lock is taken while the window is not full of successes (a window of time never is), and while a
//! circuit is not closed. The clock is read then, and twice a call where slow calls count.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod circuit;
mod fallback;
mod future;
mod handle;
mod key;
mod layer;
mod registry;
mod service;
mod settings;
mod shared;
mod sync;
mod window;

pub use circuit::{Admission, Circuit, Mode, State, Ticket};
pub use fallback::{CircuitOpen, Fallback, NoFallback};
pub use future::ResponseFuture;
pub use handle::{CircuitBreakerHandle, CircuitStatus};
pub use key::CircuitKey;
pub use layer::CircuitBreakerLayer;
pub use service::CircuitBreaker;
pub use settings::{Percent, Settings};
pub use window::{Counts, Sample, Window};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
