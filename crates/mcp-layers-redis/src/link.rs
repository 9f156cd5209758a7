//! The one connection that all commands share, and the task that makes it anew.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, FromRedisValue, RedisResult, aio::MultiplexedConnection,
};
use tokio::sync::watch;

use crate::{RedisError, command::Command, error::is_loss, node::Node};

/// The pauses between attempts to connect.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// How long one attempt may take, if that is longer than a command may.
const ATTEMPT: Duration = Duration::from_secs(1);

/// The one connection to a server that all commands share.
pub(crate) struct Link {
    client: Client,
    state: watch::Sender<State>,
    connects: Arc<AtomicU64>,
}

/// The link that a command was sent on, and the number of its connection.
pub(crate) type Used = (Arc<Link>, u64);

#[derive(Clone)]
enum State {
    /// Nobody is connecting.
    Idle,
    /// The first attempt is under way: worth waiting for.
    Connecting,
    /// An attempt has failed, and more are being made.
    Away,
    /// Connected; the number tells this connection from others.
    Connected(u64, MultiplexedConnection),
}

impl Link {
    /// Counts its connections where others may, too.
    pub(crate) fn new(client: Client, connects: Arc<AtomicU64>) -> Self {
        Self {
            client,
            state: watch::Sender::new(State::Idle),
            connects,
        }
    }

    /// Sends a command, once.
    pub(crate) async fn send<T: FromRedisValue>(
        self: &Arc<Self>,
        command: &Command<'_>,
        asking: bool,
        used: &mut Option<Used>,
    ) -> Result<T, RedisError> {
        // Nothing is sent yet that could be late.
        *used = None;
        let (number, connection) = self.connection().await?;
        *used = Some((Arc::clone(self), number));
        let mut node = Node { connection, asking };
        command.send(&mut node).await.map_err(|error| {
            if is_loss(&error) {
                self.lost(number);
            }
            RedisError::from(error)
        })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The connection with its number, as soon as there is one.
    async fn connection(self: &Arc<Self>) -> Result<(u64, MultiplexedConnection), RedisError> {
        if let State::Connected(number, connection) = &*self.state.borrow() {
            return Ok((*number, connection.clone()));
        }
        let mut states = self.state.subscribe();
        loop {
            self.connect_if_idle();
            let state = states.borrow_and_update().clone();
            match state {
                State::Connected(number, connection) => return Ok((number, connection)),
                State::Away => return Err(RedisError::away()),
                State::Idle => {}
                State::Connecting => {
                    states.changed().await.map_err(|_| RedisError::away())?;
                }
            }
        }
    }

    /// Sets a connection aside. Says nothing when it has been already.
    pub(crate) fn lost(self: &Arc<Self>, number: u64) {
        let set_aside = self.state.send_if_modified(|state| {
            let current = matches!(state, State::Connected(current, _) if *current == number);
            if current {
                *state = State::Idle;
            }
            current
        });
        if set_aside {
            self.connect_if_idle();
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        matches!(*self.state.borrow(), State::Connected(..))
    }

    pub(crate) fn connects(&self) -> &AtomicU64 {
        &self.connects
    }

    fn connect_if_idle(self: &Arc<Self>) {
        let idle = self.state.send_if_modified(|state| {
            let idle = matches!(state, State::Idle);
            if idle {
                *state = State::Connecting;
            }
            idle
        });
        if idle {
            let task = Task(Arc::clone(self));
            tokio::spawn(async move { task.0.connect().await });
        }
    }

    async fn connect(self: &Arc<Self>) {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(ATTEMPT))
            .set_response_timeout(None);
        let (mut pause, longest) = PAUSES;
        loop {
            if let Ok(Ok(connection)) = tokio::time::timeout(ATTEMPT, self.attempt(&config)).await {
                let number = self.connects.fetch_add(1, Relaxed);
                self.state
                    .send_replace(State::Connected(number, connection));
                return;
            }
            self.state.send_if_modified(|state| {
                let first = matches!(state, State::Connecting);
                *state = State::Away;
                first
            });
            tokio::time::sleep(pause).await;
            // Nobody else has this link any more.
            if Arc::strong_count(self) == 1 {
                return;
            }
            pause = (pause * 2).min(longest);
        }
    }

    /// A paused server takes connections, but does not answer: it has to, before it counts.
    async fn attempt(&self, config: &AsyncConnectionConfig) -> RedisResult<MultiplexedConnection> {
        let client = &self.client;
        #[cfg(feature = "tls")]
        crate::tls::choose_cryptography(client);
        let mut connection = client
            .get_multiplexed_async_connection_with_config(config)
            .await?;
        redis::cmd("PING").exec_async(&mut connection).await?;
        Ok(connection)
    }
}

/// The task that connects. A runtime that ends in the middle leaves the link idle, so that the next
/// command, on another runtime, begins again.
struct Task(Arc<Link>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.state.send_if_modified(|state| {
            let unfinished = matches!(state, State::Connecting | State::Away);
            if unfinished {
                *state = State::Idle;
            }
            unfinished
        });
    }
}
