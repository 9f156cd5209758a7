//! The connection to Redis or Valkey.

use std::{fmt, sync::Arc, time::Duration};

use mcp_layers_core::ConfigError;
#[cfg(any(feature = "cache", feature = "revocations"))]
use redis::Cmd;
use redis::FromRedisValue;
#[cfg(any(feature = "cache", feature = "rate-limit"))]
use redis::ScriptInvocation;

use crate::{
    RedisError, address,
    servers::{Command, Servers},
    supervisor::{ConnectionState, Supervisor},
};

/// A connection to Redis or Valkey with a bounded wait for each command. It heals after a loss.
///
/// Clones share the connection. It is made by the first command, on the tokio runtime that the
/// command runs on.
#[derive(Clone)]
pub struct RedisConnection {
    supervisor: Arc<Supervisor>,
    prefix: Arc<str>,
    max_wait: Duration,
    #[cfg(feature = "tls")]
    pub(crate) certificates: redis::TlsCertificates,
}

#[cfg(feature = "tls")]
const NO_CERTIFICATES: redis::TlsCertificates = redis::TlsCertificates {
    client_tls: None,
    root_cert: None,
};

impl RedisConnection {
    /// The default of [`RedisConnection::max_wait`]: 100 ms.
    pub const DEFAULT_MAX_WAIT: Duration = Duration::from_millis(100);

    /// The default of [`RedisConnection::key_prefix`]: `mcp`.
    pub const DEFAULT_KEY_PREFIX: &str = "mcp";

    /// Creates a connection by its address: `redis://[user:password@]host:port/database`, `rediss://` for the
    /// same over TLS (feature `tls`), or `unix:///path`. Does not connect yet.
    ///
    /// # Errors
    /// If the address cannot be read or needs a feature that is off, or if it is `rediss://` and the
    /// application has installed no cryptography provider of rustls. The error does not repeat the
    /// address, which may contain a password.
    pub fn new(address: &str) -> Result<Self, ConfigError> {
        Ok(Self::to(Servers::One(address::read(address)?)))
    }

    /// Creates a connection to a Redis Cluster by the addresses of some of its nodes, at least one.
    /// The others are learned from them, and have the same user, password and certificates. Does not
    /// connect yet.
    ///
    /// A node that is down holds up its own keys alone. Redirects, also while a slot moves, are within
    /// [`RedisConnection::max_wait`].
    ///
    /// ```
    /// # fn main() -> Result<(), mcp_layers_core::ConfigError> {
    /// use mcp_layers_redis::RedisConnection;
    ///
    /// let connection = RedisConnection::cluster(["redis://10.0.0.1", "redis://10.0.0.2"])?;
    /// assert_eq!(connection.state().connects, 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If there is no address, or one that [`RedisConnection::new`] refuses, that is a path, or that
    /// has a database other than 0. The error does not repeat it.
    #[cfg(feature = "cluster")]
    #[cfg_attr(docsrs, doc(cfg(feature = "cluster")))]
    pub fn cluster<A: AsRef<str>>(
        addresses: impl IntoIterator<Item = A>,
    ) -> Result<Self, ConfigError> {
        let nodes = addresses.into_iter();
        let nodes: Vec<_> = nodes
            .map(|node| address::read_node(node.as_ref()))
            .collect::<Result<_, _>>()?;
        if nodes.is_empty() {
            return Err(ConfigError::new(
                "no address: a cluster is found by the address of a node",
            ));
        }
        Ok(Self::to(Servers::Cluster {
            nodes,
            #[cfg(feature = "tls")]
            certificates: None,
        }))
    }

    fn to(servers: Servers) -> Self {
        Self {
            supervisor: Arc::new(Supervisor::new(servers)),
            prefix: Self::DEFAULT_KEY_PREFIX.into(),
            max_wait: Self::DEFAULT_MAX_WAIT,
            #[cfg(feature = "tls")]
            certificates: NO_CERTIFICATES,
        }
    }

    /// Sets the prefix of all keys; `mcp` by default. Processes that share state have the same prefix,
    /// others must not. In a cluster it must not begin with `}`, which would spread its keys over
    /// slots.
    #[must_use]
    pub fn key_prefix(mut self, prefix: impl Into<Arc<str>>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets the longest time of a command, connecting and redirects included; 100 ms by default.
    #[must_use]
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = max_wait;
        self
    }

    /// Returns the prefix of all keys.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Pings the server; in a cluster, any node.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn ping(&self) -> Result<(), RedisError> {
        let _: redis::Value = self.send("", &Command::One(&redis::cmd("PING"))).await?;
        Ok(())
    }

    /// Returns the state and the counters.
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        self.supervisor.state()
    }

    /// Replaces the certificates. Nothing is shared with clones that were made before.
    #[cfg(feature = "tls")]
    pub(crate) fn with_certificates(
        mut self,
        certificates: redis::TlsCertificates,
    ) -> Result<Self, ConfigError> {
        let servers = self.supervisor.servers();
        let servers = servers.with_certificates(&certificates).map_err(|_| {
            ConfigError::new("certificates are for addresses that begin with `rediss://`")
        })?;
        self.certificates = certificates;
        self.supervisor = Arc::new(Supervisor::new(servers));
        Ok(self)
    }

    /// Returns the prefix of a store's keys: a hash tag, so that a cluster has them in one slot.
    #[cfg(any(feature = "cache", feature = "rate-limit", feature = "revocations"))]
    pub(crate) fn tag(&self, store: &str) -> String {
        format!("{{{}:{store}}}", self.prefix)
    }

    /// Runs one command about keys with this tag.
    #[cfg(any(feature = "cache", feature = "revocations"))]
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        tag: &str,
        command: &Cmd,
    ) -> Result<T, RedisError> {
        self.send(tag, &Command::One(command)).await
    }

    /// Runs a script about keys with this tag.
    #[cfg(any(feature = "cache", feature = "rate-limit"))]
    pub(crate) async fn script<T: FromRedisValue>(
        &self,
        tag: &str,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, RedisError> {
        self.send(tag, &Command::Script(script)).await
    }

    async fn send<T: FromRedisValue>(
        &self,
        tag: &str,
        command: &Command<'_>,
    ) -> Result<T, RedisError> {
        self.supervisor.run(tag, self.max_wait, command).await
    }
}

/// Without the address, which may contain a password.
impl fmt::Debug for RedisConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConnection")
            .field("prefix", &self.prefix)
            .field("max_wait", &self.max_wait)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
