//! The state of MCP layers in Redis or Valkey, where several processes share it.
//!
//! A layer keeps its state in the process unless it is given a store. This crate has the stores of
//! several layers, each behind a feature, and the one thing that they share: [`RedisConnection`],
//! which never lets a call wait for longer than was agreed.
//!
//! | feature | brings |
//! |---|---|
//! | `rate-limit` | the store of `mcp-layers-rate-limit` |
//! | `cache` | the store of `mcp-layers-cache` |
//! | `cluster` | `RedisConnection::cluster`: a Redis Cluster by the addresses of some of its nodes |
//! | `tls` | addresses with `rediss://`, certificates; needs a C compiler |
//!
//! # Example
//!
//! A server that is away is known to be away: a call fails at once, or after the bound.
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
//! assert!(matches!(error.kind(), RedisErrorKind::Away | RedisErrorKind::TimedOut));
//! # Ok(())
//! # }
//! ```
//!
//! # Rules
//!
//! 1. Nothing connects before the first command; a server that is away is no error of the start.
//! 2. A command takes no longer than [`RedisConnection::max_wait`], connecting included.
//! 3. After a connection is lost, or a command was not answered in time, a task connects anew, with
//!    pauses that grow from 10 ms to 1 s. Meanwhile, once an attempt has failed, commands fail at
//!    once with [`RedisErrorKind::Away`].
//! 4. A command is sent once, and never repeated by itself. A script that the server does not know
//!    did not run, and is loaded and sent again; what a node of a cluster sends to another one did not
//!    run either, and goes there.
//! 5. All commands of a process share one connection, and are pipelined on it. With a cluster, it is
//!    one to each node that has keys of theirs, and to those that were asked for the way.
//! 6. Each store has all keys of its prefix in one slot of a cluster, so that its scripts are whole.
//!    What is to be spread over nodes takes several prefixes.
//!
//! # Cost
//!
//! One round trip for each command; with a cluster, one more when keys are looked for or have moved,
//! or while their node is away.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
#[cfg(feature = "cache")]
mod cache;
mod cluster;
mod command;
mod connection;
mod error;
mod link;
mod node;
#[cfg(feature = "rate-limit")]
mod rate_limit;
mod servers;
#[cfg(feature = "tls")]
mod tls;

#[cfg(feature = "cache")]
#[cfg_attr(docsrs, doc(cfg(feature = "cache")))]
pub use cache::{CacheStoreState, RedisCacheStore};
pub use connection::{ConnectionState, RedisConnection};
pub use error::{RedisError, RedisErrorKind};
#[cfg(feature = "rate-limit")]
#[cfg_attr(docsrs, doc(cfg(feature = "rate-limit")))]
pub use rate_limit::{OnUnavailable, RedisRateLimitStore};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
