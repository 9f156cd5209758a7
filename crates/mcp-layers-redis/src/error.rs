//! The error of a command.

use std::{error::Error, fmt};

/// The error of a command.
#[derive(Debug)]
pub struct RedisError {
    kind: RedisErrorKind,
    cause: Option<redis::RedisError>,
}

/// The kind of a [`RedisError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RedisErrorKind {
    /// No connection, or one that was lost. A command that was on its way may have run.
    Unavailable,
    /// No answer within [`max_wait`](crate::RedisConnection::max_wait). The command may still run.
    TimedOut,
    /// The server accepts no writes: it is a replica, its memory is full, or its disk has failed.
    ReadOnly,
    /// The server refused the command, or its answer makes no sense.
    Refused,
}

impl RedisError {
    pub(crate) fn unavailable() -> Self {
        Self {
            kind: RedisErrorKind::Unavailable,
            cause: None,
        }
    }

    pub(crate) fn timed_out() -> Self {
        Self {
            kind: RedisErrorKind::TimedOut,
            cause: None,
        }
    }

    /// Returns whether a node of a cluster has sent the command to another one.
    pub(crate) fn is_redirect(&self) -> bool {
        use redis::{
            ErrorKind::Server,
            ServerErrorKind::{Ask, Moved, TryAgain},
        };
        let kind = self.cause.as_ref().map(redis::RedisError::kind);
        matches!(kind, Some(Server(Ask | Moved | TryAgain)))
    }

    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> RedisErrorKind {
        self.kind
    }
}

impl From<redis::RedisError> for RedisError {
    fn from(cause: redis::RedisError) -> Self {
        let kind = match cause.code() {
            _ if cause.is_timeout() => RedisErrorKind::TimedOut,
            _ if is_loss(&cause) => RedisErrorKind::Unavailable,
            // A server that loads its data, or has lost its primary, is unavailable too.
            Some("LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "BUSY") => RedisErrorKind::Unavailable,
            Some("READONLY" | "OOM" | "MISCONF" | "NOREPLICAS") => RedisErrorKind::ReadOnly,
            _ => RedisErrorKind::Refused,
        };
        Self {
            kind,
            cause: Some(cause),
        }
    }
}

fn is_loss(error: &redis::RedisError) -> bool {
    error.is_unrecoverable_error() || error.is_connection_dropped() || error.is_io_error()
}

impl fmt::Display for RedisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            RedisErrorKind::Unavailable => "Redis is unavailable",
            RedisErrorKind::TimedOut => "Redis did not answer in time",
            RedisErrorKind::ReadOnly => "Redis accepts no writes",
            RedisErrorKind::Refused => "Redis refused the command",
        })
    }
}

impl Error for RedisError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}
