//! A connection that heals by itself, and never makes a call wait for long.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use mcp_layers_core::ConfigError;
use redis::{Cmd, FromRedisValue, ScriptInvocation};

use crate::{RedisError, RedisErrorKind, address, command::Command, servers::Servers};

/// A connection to Redis or Valkey that heals by itself, and never makes a call wait for long.
///
/// Clones share the connection. It is made by the first command, on the tokio runtime that the
/// command runs on.
#[derive(Clone)]
pub struct RedisConnection {
    shared: Arc<Shared>,
    prefix: Arc<str>,
    max_wait: Duration,
    #[cfg(feature = "tls")]
    pub(crate) certificates: redis::TlsCertificates,
}

struct Shared {
    servers: Servers,
    commands: AtomicU64,
    failures: AtomicU64,
    timeouts: AtomicU64,
}

impl RedisConnection {
    /// How long a command may take unless [`RedisConnection::max_wait`] says otherwise: 100 ms.
    pub const DEFAULT_MAX_WAIT: Duration = Duration::from_millis(100);

    /// What every key begins with unless [`RedisConnection::key_prefix`] says otherwise: `mcp`.
    pub const DEFAULT_KEY_PREFIX: &str = "mcp";

    /// A connection by its address: `redis://[user:password@]host:port/database`, `rediss://` for the
    /// same over TLS (feature `tls`), or `unix:///path`. Does not connect yet.
    ///
    /// # Errors
    /// When the address cannot be read, or needs a feature that is not on. The error does not repeat
    /// it, for it may hold a password.
    pub fn new(address: &str) -> Result<Self, ConfigError> {
        Ok(Self::to(Servers::one(address::read(address)?)))
    }

    /// A connection to a Redis Cluster by the addresses of some of its nodes, one at least; the others
    /// are learned from them, and are spoken to with the same user, password and certificates. Does
    /// not connect yet.
    ///
    /// Each node's connection heals by itself: one that is away holds up its own keys alone. All that
    /// a command goes through, from node to node and while a slot moves, is within
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
    /// When there is no address, or one that [`RedisConnection::new`] would not take, that is a path,
    /// or that has a database other than 0, which no cluster has. The error does not repeat it.
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
        Ok(Self::to(Servers::cluster(nodes)))
    }

    fn to(servers: Servers) -> Self {
        Self {
            shared: Arc::new(Shared::new(servers)),
            prefix: Self::DEFAULT_KEY_PREFIX.into(),
            max_wait: Self::DEFAULT_MAX_WAIT,
            #[cfg(feature = "tls")]
            certificates: crate::tls::NO_CERTIFICATES,
        }
    }

    /// What every key begins with; `mcp` by default. Processes that share state have the same,
    /// others must not. In a cluster it cannot begin with `}`, for its keys would not be in one slot.
    #[must_use]
    pub fn key_prefix(mut self, prefix: impl Into<Arc<str>>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long a command may take, connecting and redirects included; 100 ms by default.
    #[must_use]
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = max_wait;
        self
    }

    /// What every key begins with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Asks the server for a sign of life; with a cluster, any node.
    ///
    /// # Errors
    /// When there is none.
    pub async fn ping(&self) -> Result<(), RedisError> {
        let _: redis::Value = self.send(&Command::Ping).await?;
        Ok(())
    }

    /// What has become of the commands so far.
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        let Shared {
            servers,
            commands,
            failures,
            timeouts,
        } = &*self.shared;
        ConnectionState {
            is_connected: servers.is_connected(),
            connects: servers.connects().load(Relaxed),
            commands: commands.load(Relaxed),
            failures: failures.load(Relaxed),
            timeouts: timeouts.load(Relaxed),
        }
    }

    /// The same with other clients, and nothing of what has become of the former ones.
    #[cfg(feature = "tls")]
    pub(crate) fn with_clients(
        mut self,
        change: impl Fn(&redis::Client) -> Result<redis::Client, ConfigError>,
    ) -> Result<Self, ConfigError> {
        self.shared = Arc::new(Shared::new(self.shared.servers.with_clients(change)?));
        Ok(self)
    }

    /// What the keys of a store begin with: a hash tag, so that a cluster has them in one slot.
    #[allow(dead_code, reason = "for the stores that need it")]
    pub(crate) fn tag(&self, store: &str) -> String {
        format!("{{{}:{store}}}", self.prefix)
    }

    /// Sends one command about keys with a tag.
    #[allow(dead_code, reason = "for the stores that need it")]
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        tag: &str,
        command: &Cmd,
    ) -> Result<T, RedisError> {
        self.send(&Command::One(tag, command)).await
    }

    /// Runs a script about keys with a tag.
    #[allow(dead_code, reason = "for the stores that need it")]
    pub(crate) async fn script<T: FromRedisValue>(
        &self,
        tag: &str,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, RedisError> {
        self.send(&Command::Script(tag, script)).await
    }

    async fn send<T: FromRedisValue>(&self, command: &Command<'_>) -> Result<T, RedisError> {
        let Shared {
            servers,
            commands,
            failures,
            timeouts,
        } = &*self.shared;
        commands.fetch_add(1, Relaxed);
        let mut used = None;
        let sent = servers.send(command, &mut used);
        let answer = tokio::time::timeout(self.max_wait, sent).await;
        let answer = answer.unwrap_or_else(|_| {
            // Whatever is wrong with it, the next one is asked for a sign of life first.
            if let Some((link, number)) = used {
                link.lost(number);
            }
            Err(RedisError::timed_out())
        });
        if let Err(error) = &answer {
            failures.fetch_add(1, Relaxed);
            let timed_out = error.kind() == RedisErrorKind::TimedOut;
            timeouts.fetch_add(u64::from(timed_out), Relaxed);
        }
        answer
    }
}

impl Shared {
    fn new(servers: Servers) -> Self {
        Self {
            servers,
            commands: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            timeouts: AtomicU64::new(0),
        }
    }
}

/// What has become of the commands of a [`RedisConnection`] and its clones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionState {
    /// Whether there is a connection now; with a cluster, to all nodes that are known to have keys of
    /// this connection, or to any before one is.
    pub is_connected: bool,
    /// How often one was made.
    pub connects: u64,
    /// How many commands there were.
    pub commands: u64,
    /// How many of them failed, the late ones included.
    pub failures: u64,
    /// How many of them were not answered in time.
    pub timeouts: u64,
}

/// The address is left out: it may hold a password.
impl fmt::Debug for RedisConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConnection")
            .field("prefix", &self.prefix)
            .field("max_wait", &self.max_wait)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
