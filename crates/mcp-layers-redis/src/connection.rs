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
use redis::{Client, Cmd, FromRedisValue, Pipeline, ScriptInvocation, aio::MultiplexedConnection};

use crate::{RedisError, RedisErrorKind, address, error::is_loss, link::Link};

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
    link: Arc<Link>,
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
        Ok(Self {
            shared: Arc::new(Shared::new(address::read(address)?)),
            prefix: Self::DEFAULT_KEY_PREFIX.into(),
            max_wait: Self::DEFAULT_MAX_WAIT,
            #[cfg(feature = "tls")]
            certificates: crate::tls::NO_CERTIFICATES,
        })
    }

    /// What every key begins with; `mcp` by default. Processes that share state have the same,
    /// others must not.
    #[must_use]
    pub fn key_prefix(mut self, prefix: impl Into<Arc<str>>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long a command may take, connecting included; 100 ms by default.
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

    /// Asks the server for a sign of life.
    ///
    /// # Errors
    /// When there is none.
    pub async fn ping(&self) -> Result<(), RedisError> {
        let _: redis::Value = self.run(&redis::cmd("PING")).await?;
        Ok(())
    }

    /// What has become of the commands so far.
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        let Shared {
            link,
            commands,
            failures,
            timeouts,
        } = &*self.shared;
        ConnectionState {
            is_connected: link.is_connected(),
            connects: link.connects(),
            commands: commands.load(Relaxed),
            failures: failures.load(Relaxed),
            timeouts: timeouts.load(Relaxed),
        }
    }

    /// The same with other clients, and nothing of what has become of the former ones.
    #[cfg(feature = "tls")]
    pub(crate) fn with_clients(
        mut self,
        change: impl Fn(&Client) -> Result<Client, ConfigError>,
    ) -> Result<Self, ConfigError> {
        self.shared = Arc::new(Shared::new(change(self.shared.link.client())?));
        Ok(self)
    }

    /// Sends one command.
    pub(crate) async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        self.send(async |connection| command.query_async(connection).await)
            .await
    }

    /// Sends several commands in one round trip.
    #[allow(dead_code, reason = "for the stores that need it")]
    pub(crate) async fn pipe<T: FromRedisValue>(&self, pipe: &Pipeline) -> Result<T, RedisError> {
        self.send(async |connection| pipe.query_async(connection).await)
            .await
    }

    /// Runs a script by its digest; the server is told its text when it does not know it.
    #[allow(dead_code, reason = "for the stores that need it")]
    pub(crate) async fn script<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, RedisError> {
        self.send(async |connection| script.invoke_async(connection).await)
            .await
    }

    async fn send<T>(
        &self,
        command: impl AsyncFnOnce(&mut MultiplexedConnection) -> redis::RedisResult<T>,
    ) -> Result<T, RedisError> {
        let Shared {
            link,
            commands,
            failures,
            timeouts,
        } = &*self.shared;
        commands.fetch_add(1, Relaxed);
        let mut used = None;
        let sent = async {
            let (number, mut connection) = link.connection().await?;
            used = Some(number);
            command(&mut connection).await.map_err(|error| {
                if is_loss(&error) {
                    link.lost(number);
                }
                RedisError::from(error)
            })
        };
        let answer = tokio::time::timeout(self.max_wait, sent).await;
        let answer = answer.unwrap_or_else(|_| {
            // Whatever is wrong with it, the next one is asked for a sign of life first.
            if let Some(number) = used {
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
    fn new(client: Client) -> Self {
        Self {
            link: Arc::new(Link::new(client)),
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
    /// Whether there is a connection now.
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
