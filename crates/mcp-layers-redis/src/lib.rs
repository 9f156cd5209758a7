//! Redis and Valkey stores for rate limiting, response caching and token revocation of MCP servers.
//!
//! A layer keeps its state in the process unless it is given a store. This crate has the stores of
//! several layers, each behind a feature, on one [`RedisConnection`], which never lets a call wait
//! longer than its bound.
//!
//! | feature | adds |
//! |---|---|
//! | `rate-limit` | the store of `mcp-layers-rate-limit` |
//! | `cache` | the store of `mcp-layers-cache` |
//! | `revocations` | revoked tokens and principals, checked by a verifier of `mcp-layers-authenticate` |
//! | `cluster` | `RedisConnection::cluster`: a Redis Cluster by the addresses of some of its nodes |
//! | `tls` | addresses with `rediss://`, root and client certificates |
//!
//! # Example
//!
//! A call to a server that is down fails at once, or after the bound.
//!
//! ```
//! use mcp_layers_redis::{RedisConnection, RedisErrorKind};
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), mcp_layers_core::ConfigError> {
//! let connection = RedisConnection::new("redis://127.0.0.1:1")?
//!     .key_prefix("example")
//!     .max_wait(Duration::from_millis(50));
//! let error = connection.ping().await.unwrap_err();
//! assert!(matches!(error.kind(), RedisErrorKind::Unavailable | RedisErrorKind::TimedOut));
//! # Ok(())
//! # }
//! ```
//!
//! # Rules
//!
//! 1. Nothing connects before the first command; a server that is down is no error at the start.
//! 2. A command takes no longer than [`RedisConnection::max_wait`], connecting included.
//! 3. One server is connected by `redis`'s `ConnectionManager`, which connects again after a loss and
//!    never sends a command again. After a command that was not answered in time, a task connects
//!    again with delays from 10 ms to 1 s; until it succeeds, commands fail at once with
//!    [`RedisErrorKind::Unavailable`].
//! 4. A cluster is connected by `redis`'s `cluster_async`, with at most three retries. It sends a
//!    command again when its node is lost, so a call may be charged twice, which errs on the safe
//!    side. After a command about keys of one prefix has failed, others about them fail at once for
//!    250 ms; keys on other nodes are not affected.
//! 5. All commands of a process share one connection, and are pipelined on it; with a cluster, one to
//!    each node.
//! 6. Each store has all keys of its prefix in one slot of a cluster, so that its scripts are atomic.
//!    Several prefixes are spread over several nodes.
//! 7. TLS uses the cryptography provider of rustls that the application installs. Without one,
//!    `rediss://` is a `ConfigError`.
//!
//! # Ordering
//!
//! None: stores are given to layers, which have an order.
//!
//! # Cost
//!
//! One round trip for each command; with a cluster, one more when keys have moved.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
#[cfg(feature = "cache")]
mod cache;
mod connection;
mod error;
#[cfg(feature = "rate-limit")]
mod rate_limit;
#[cfg(feature = "revocations")]
mod revocations;
mod servers;
mod supervisor;
#[cfg(feature = "tls")]
mod tls;

#[cfg(feature = "cache")]
#[cfg_attr(docsrs, doc(cfg(feature = "cache")))]
pub use cache::{CacheStoreState, RedisCacheStore};
pub use connection::RedisConnection;
pub use error::{RedisError, RedisErrorKind};
#[cfg(feature = "rate-limit")]
#[cfg_attr(docsrs, doc(cfg(feature = "rate-limit")))]
pub use rate_limit::{OnUnavailable, RedisRateLimitStore};
#[cfg(feature = "revocations")]
#[cfg_attr(docsrs, doc(cfg(feature = "revocations")))]
pub use revocations::{RedisRevocable, RedisRevocations, Revoked};
pub use supervisor::ConnectionState;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
