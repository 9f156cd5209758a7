//! A circuit breaker for MCP servers and clients: a [`tower`](https://docs.rs/tower) layer with a
//! circuit for each tool or method.
//!
//! [`CircuitBreakerLayer`] counts the outcomes of calls. While too many calls of a tool fail, it
//! answers them itself, at once, with the time to wait. After a while it lets a probe through. It
//! does not repeat calls (see `mcp-layers-retry`) and limits no time (see `mcp-layers-timeout`). The
//! state machine, [`Circuit`], can be used alone.
//!
//! # Example
//!
//! ```
//! use mcp_layers_circuit_breaker::CircuitBreakerLayer;
//! use mcp_layers_core::{Catalog, CatalogLayer, McpError, McpRequest, McpResponse};
//! use mcp_layers_test::{Answer, MockService, requests};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let mock = MockService::answering(|request| match request.target() {
//!     Some("broken") => Answer::error(McpError::internal()),
//!     _ => Answer::plausible(),
//! });
//! let breaker = CircuitBreakerLayer::new();
//! let circuits = breaker.handle();
//! let service = ServiceBuilder::new()
//!     .layer(CatalogLayer::new(Catalog::new().with_tools(["broken", "echo"])))
//!     .layer(breaker)
//!     .service(mock.clone());
//! let call = |tool| service.clone().oneshot(requests::call_tool(1, tool, serde_json::json!({})));
//!
//! for _ in 0..5 {
//!     assert_eq!(call("broken").await.unwrap().outcome().code(), Some(-32603));
//! }
//! let refused = call("broken").await.unwrap().into_error().unwrap();
//! assert_eq!((refused.code, mock.calls()), (503, 5));
//! assert_eq!(refused.message, "Circuit open for broken: try again in 30 s");
//!
//! // Other tools are not affected.
//! assert_eq!(call("echo").await.unwrap().outcome().code(), None);
//! assert_eq!(circuits.stats().opened, 1);
//! # }
//! ```
//!
//! # Rules
//!
//! 1. The classifier decides which outcomes are failures. By default
//!    ([`ByCode`](mcp_layers_core::ByCode)) these are -32603, 503, 504 and codes of the application;
//!    results are successes, also those with `isError: true`. Errors of the inner service and panics
//!    are failures. Caller errors, 408, 429, 499 and dropped futures do not count. For servers that
//!    answer failures as `isError`, or everything as -32603, see
//!    [`ClassifyToolErrors`](mcp_layers_core::ClassifyToolErrors) and
//!    [`ClassifyOutages`](mcp_layers_core::ClassifyOutages).
//! 2. A circuit opens when its window ([`Window`]) has the minimum number of calls, and the share of
//!    failed calls, or of slow calls where a rate for them is set, is reached.
//! 3. It opens for everybody only if calls of at least two principals failed
//!    ([`CircuitBreakerLayer::min_principals`]). While the failures come from one principal, it opens
//!    for that principal alone, so that the arguments of one caller do not make a tool unavailable to others. Callers
//!    without a verified principal count as one; as long as no verified principal has called, that
//!    one is enough.
//! 4. A call counts once. Of the attempts of an outer retry layer only the first counts.
//! 5. An open circuit refuses calls with 503, reason `circuit_open`, `retryAfterMs` and the message
//!    "Circuit open for NAME: try again in 5 s", or with an `isError` result
//!    ([`CircuitBreakerLayer::as_tool_error`]), or with the answer of a [`Fallback`].
//! 6. After [`CircuitBreakerLayer::open_for`] it is half open and lets probes through
//!    ([`CircuitBreakerLayer::probes`]). Each holds a lease, which ends with the call, when its
//!    future is dropped, or after [`CircuitBreakerLayer::probe_lease`]. The first probe that succeeds
//!    closes the circuit and drops all samples. Failed, panicked or slow probes of enough principals
//!    (rule 3) open it again.
//! 7. An outcome counts for the state in which its call was let through. Late ones change nothing.
//! 8. A tool has a circuit of its own if the stack's [`Catalog`](mcp_layers_core::Catalog) knows it.
//!    Callers choose the names that they send: invented names, names of more than 128 bytes, and
//!    tools beyond [`CircuitBreakerLayer::max_circuits`] share the circuit `_OTHER`.
//! 9. `subscriptions/listen`, `tasks/result`, `initialize`, `server/discover`, `ping`, notifications
//!    and unknown methods are neither counted nor refused.
//! 10. Changes of state are logged with `tracing` (opened: `WARN`, otherwise `INFO`), counted
//!     ([`CircuitBreakerHandle::stats`]), and in the trail of the response that made them:
//!     [`Event::CircuitChanged`](mcp_layers_core::Event::CircuitChanged). A refusal has
//!     [`Event::CircuitOpen`](mcp_layers_core::Event::CircuitOpen).
//! 11. An operator can force a circuit open or closed, or disable it ([`CircuitBreakerHandle`]).
//!
//! # Ordering
//!
//! Inside retry, which stops when a circuit is open. Outside the timeout, which counts as a failure.
//! Inside the error mask, which would hide the codes.
//!
//! # Cost
//!
//! Two readings of the clock, a look-up behind a read lock, a lock of the circuit before and after the
//! call, and clones of four `Arc`s. A call of a known tool allocates nothing.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod call;
mod circuit;
mod fallback;
mod future;
mod handle;
mod key;
mod layer;
mod service;
mod settings;
mod shared_circuit;
mod state;
mod window;

pub use circuit::{Admission, Circuit, Mode, Ticket};
pub use fallback::{CircuitOpen, Fallback, NoFallback};
pub use future::ResponseFuture;
pub use handle::{CircuitBreakerHandle, CircuitStatus};
pub use key::CircuitKey;
pub use layer::CircuitBreakerLayer;
pub use mcp_layers_core::trail::CircuitState;
pub use service::CircuitBreaker;
pub use settings::{Percent, Settings};
pub use state::CircuitBreakerStats;
pub use window::{Counts, Sample, Window};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
