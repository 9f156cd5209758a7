//! The shared connection, and the task that replaces it when a server does not answer.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use redis::FromRedisValue;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    RedisError, RedisErrorKind,
    servers::{ATTEMPT, Command, Connection, Servers},
};

/// The first and the longest delay between attempts to connect.
const DELAYS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// The time until a node of a cluster that did not answer is tried again.
const NEXT_TRY: Duration = Duration::from_millis(250);

/// The state and counters of a [`RedisConnection`](crate::RedisConnection) and its clones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionState {
    /// True while there is a connection, and the last command about each prefix found its server.
    pub is_connected: bool,
    /// Connections that were made.
    pub connects: u64,
    /// Commands.
    pub commands: u64,
    /// Commands that failed, also those that were not answered in time.
    pub failures: u64,
    /// Commands that were not answered in time.
    pub timeouts: u64,
}

/// The connection that all commands share.
///
/// The `redis` crate connects again after a loss. It does not notice a server that hangs, so after
/// a command that was not answered in time a task makes another connection, and until that one
/// answers, commands fail at once.
pub(crate) struct Supervisor {
    servers: Servers,
    state: watch::Sender<State>,
    /// The tags whose last command found no server, and the time of the next attempt.
    failing: Mutex<HashMap<Box<str>, Instant>>,
    counted: Mutex<ConnectionState>,
}

#[derive(Clone)]
enum State {
    Idle,
    /// The first attempt is running: worth waiting for.
    Connecting,
    /// An attempt has failed, and more are made.
    Unavailable,
    /// The number tells this connection from others.
    Connected(u64, Connection),
}

impl Supervisor {
    pub(crate) fn new(servers: Servers) -> Self {
        Self {
            servers,
            state: watch::Sender::new(State::Idle),
            failing: Mutex::default(),
            counted: Mutex::default(),
        }
    }

    #[cfg(feature = "tls")]
    pub(crate) fn servers(&self) -> &Servers {
        &self.servers
    }

    /// Runs a command about keys with this hash tag; connecting and the answer take no longer than
    /// `max_wait`.
    pub(crate) async fn run<T: FromRedisValue>(
        self: &Arc<Self>,
        tag: &str,
        max_wait: Duration,
        command: &Command<'_>,
    ) -> Result<T, RedisError> {
        self.counted().commands += 1;
        if self.servers.is_cluster() && self.fails_at_once(tag) {
            self.counted().failures += 1;
            return Err(RedisError::unavailable());
        }
        let mut used = None;
        let sent = async {
            let (number, connection) = self.connection().await?;
            used = Some(number);
            loop {
                let answer = command
                    .send(connection.clone())
                    .await
                    .map_err(RedisError::from);
                match answer {
                    // The command did not run: a slot is moving.
                    Err(error) if error.is_redirect() => sleep(DELAYS.0).await,
                    answer => return answer,
                }
            }
        };
        let answer = match timeout(max_wait, sent).await {
            Ok(answer) => answer,
            Err(_) => {
                // A cluster's other nodes may answer, and its connection leaves those that do not.
                if let Some(number) = used.filter(|_| !self.servers.is_cluster()) {
                    self.replace(number);
                }
                Err(RedisError::timed_out())
            }
        };
        self.record(tag, answer.as_ref().err());
        answer
    }

    /// The state and the counters.
    pub(crate) fn state(&self) -> ConnectionState {
        let is_failing = !self.failing().is_empty();
        ConnectionState {
            is_connected: matches!(*self.state.borrow(), State::Connected(..)) && !is_failing,
            ..*self.counted()
        }
    }

    fn counted(&self) -> MutexGuard<'_, ConnectionState> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether the node of this tag did not answer a moment ago. One command at a time tries
    /// it again.
    fn fails_at_once(&self, tag: &str) -> bool {
        let now = Instant::now();
        match self.failing().get_mut(tag) {
            Some(next) if now < *next => true,
            Some(next) => {
                *next = now + NEXT_TRY;
                false
            }
            None => false,
        }
    }

    fn record(&self, tag: &str, error: Option<&RedisError>) {
        use RedisErrorKind::{TimedOut, Unavailable};
        let mut counted = self.counted();
        counted.failures += u64::from(error.is_some());
        counted.timeouts += u64::from(error.is_some_and(|error| error.kind() == TimedOut));
        let mut failing = self.failing();
        if error.is_some_and(|error| matches!(error.kind(), TimedOut | Unavailable)) {
            failing.insert(tag.into(), Instant::now() + NEXT_TRY);
        } else if failing.remove(tag).is_some() {
            // The `redis` crate has connected again.
            counted.connects += 1;
        }
    }

    fn failing(&self) -> MutexGuard<'_, HashMap<Box<str>, Instant>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the connection with its number, as soon as there is one.
    async fn connection(self: &Arc<Self>) -> Result<(u64, Connection), RedisError> {
        let mut states = self.state.subscribe();
        loop {
            self.connect_if_idle();
            let state = states.borrow_and_update().clone();
            match state {
                State::Connected(number, connection) => return Ok((number, connection)),
                State::Unavailable => return Err(RedisError::unavailable()),
                State::Idle => {}
                State::Connecting => {
                    let changed = states.changed().await;
                    changed.map_err(|_| RedisError::unavailable())?;
                }
            }
        }
    }

    /// Replaces a connection, unless that has been done already.
    fn replace(self: &Arc<Self>, number: u64) {
        self.state.send_if_modified(|state| {
            let is_current = matches!(state, State::Connected(current, _) if *current == number);
            if is_current {
                *state = State::Idle;
            }
            is_current
        });
        self.connect_if_idle();
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
        let (mut delay, longest) = DELAYS;
        loop {
            if let Ok(Ok(connection)) = timeout(ATTEMPT * 2, self.servers.connect()).await {
                let mut counted = self.counted();
                let number = counted.connects;
                counted.connects += 1;
                drop(counted);
                self.state
                    .send_replace(State::Connected(number, connection));
                return;
            }
            self.state.send_replace(State::Unavailable);
            sleep(delay).await;
            // No other part of the process has this connection any more.
            if Arc::strong_count(self) == 1 {
                return;
            }
            delay = (delay * 2).min(longest);
        }
    }
}

/// The task that connects. When its runtime ends, the next command, on another runtime, begins again.
struct Task(Arc<Supervisor>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.state.send_if_modified(|state| {
            let is_unfinished = matches!(state, State::Connecting | State::Unavailable);
            if is_unfinished {
                *state = State::Idle;
            }
            is_unfinished
        });
    }
}
