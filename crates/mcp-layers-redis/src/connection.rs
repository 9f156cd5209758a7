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
#[cfg(feature = "cache")]
use redis::Cmd;
use redis::FromRedisValue;
#[cfg(any(feature = "cache", feature = "rate-limit"))]
use redis::ScriptInvocation;

use crate::{
    RedisError, RedisErrorKind, address,
    servers::{Command, Servers},
    supervisor::Supervisor,
};

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
    supervisor: Arc<Supervisor>,
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
        Ok(Self::to(Servers::One(address::read(address)?)))
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
        Ok(Self::to(Servers::Cluster {
            nodes,
            #[cfg(feature = "tls")]
            certificates: None,
        }))
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
        let _: redis::Value = self.send("", &Command::One(&redis::cmd("PING"))).await?;
        Ok(())
    }

    /// What has become of the commands so far.
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        let Shared {
            supervisor,
            commands,
            failures,
            timeouts,
        } = &*self.shared;
        ConnectionState {
            is_connected: supervisor.is_connected(),
            connects: supervisor.connects(),
            commands: commands.load(Relaxed),
            failures: failures.load(Relaxed),
            timeouts: timeouts.load(Relaxed),
        }
    }

    /// Replaces the certificates. Nothing is shared with clones that were made before.
    #[cfg(feature = "tls")]
    pub(crate) fn with_certificates(
        mut self,
        certificates: redis::TlsCertificates,
    ) -> Result<Self, ConfigError> {
        let servers = self.shared.supervisor.servers();
        let servers = servers.with_certificates(&certificates).map_err(|_| {
            ConfigError::new("certificates are for addresses that begin with `rediss://`")
        })?;
        self.certificates = certificates;
        self.shared = Arc::new(Shared::new(servers));
        Ok(self)
    }

    /// What the keys of a store begin with: a hash tag, so that a cluster has them in one slot.
    #[cfg(any(feature = "cache", feature = "rate-limit"))]
    pub(crate) fn tag(&self, store: &str) -> String {
        format!("{{{}:{store}}}", self.prefix)
    }

    /// Runs one command about keys with this tag.
    #[cfg(feature = "cache")]
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
        let shared = &*self.shared;
        shared.commands.fetch_add(1, Relaxed);
        let answer = shared.supervisor.run(tag, self.max_wait, command).await;
        if let Err(error) = &answer {
            shared.failures.fetch_add(1, Relaxed);
            let timed_out = error.kind() == RedisErrorKind::TimedOut;
            shared.timeouts.fetch_add(u64::from(timed_out), Relaxed);
        }
        answer
    }
}

impl Shared {
    fn new(servers: Servers) -> Self {
        Self {
            supervisor: Arc::new(Supervisor::new(servers)),
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
