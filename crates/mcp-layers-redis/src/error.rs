//! What can go wrong with a command.

use std::{error::Error, fmt};

/// A command that has no answer to go by.
#[derive(Debug)]
pub struct RedisError {
    kind: RedisErrorKind,
    cause: Option<redis::RedisError>,
}

/// Where a node of a cluster sends a command.
pub(crate) enum Redirect<'a> {
    /// To the node that has its keys.
    Moved(&'a str),
    /// To the node that its keys are just moving to.
    Ask(&'a str),
    /// To nobody, while some of its keys are here and some there.
    TryAgain,
    /// To another node, if there is one: this one is away, or has lost the others.
    Elsewhere,
}

/// How a command failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RedisErrorKind {
    /// There is no connection, or it was lost. A command that was under way may have run.
    Away,
    /// No answer within [`max_wait`](crate::RedisConnection::max_wait). The command may run yet.
    TimedOut,
    /// The server takes no writes now: a replica, a full memory, a failed disk.
    ReadOnly,
    /// The server refused the command, or answered what makes no sense.
    Refused,
}

impl RedisError {
    pub(crate) fn away() -> Self {
        Self {
            kind: RedisErrorKind::Away,
            cause: None,
        }
    }

    pub(crate) fn timed_out() -> Self {
        Self {
            kind: RedisErrorKind::TimedOut,
            cause: None,
        }
    }

    /// Where to go instead, for a command that was surely not run.
    pub(crate) fn redirect(&self) -> Option<Redirect<'_>> {
        use redis::{ErrorKind::Server, ServerErrorKind};
        let Some(cause) = &self.cause else {
            // Not even sent, for want of a connection; or late, and may run yet.
            let is_unsent = self.kind == RedisErrorKind::Away;
            return is_unsent.then_some(Redirect::Elsewhere);
        };
        let node = || Some(cause.redirect_node()?.0);
        match cause.kind() {
            Server(ServerErrorKind::Moved) => Some(Redirect::Moved(node()?)),
            Server(ServerErrorKind::Ask) => Some(Redirect::Ask(node()?)),
            Server(ServerErrorKind::TryAgain) => Some(Redirect::TryAgain),
            Server(ServerErrorKind::ClusterDown) => Some(Redirect::Elsewhere),
            _ => None,
        }
    }

    /// How the command failed.
    #[must_use]
    pub fn kind(&self) -> RedisErrorKind {
        self.kind
    }
}

impl From<redis::RedisError> for RedisError {
    fn from(cause: redis::RedisError) -> Self {
        let kind = match cause.code() {
            _ if cause.is_timeout() => RedisErrorKind::TimedOut,
            _ if is_loss(&cause) => RedisErrorKind::Away,
            // A server that loads its data, or lost its primary, is as good as none.
            Some("LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "BUSY") => RedisErrorKind::Away,
            Some("READONLY" | "OOM" | "MISCONF" | "NOREPLICAS") => RedisErrorKind::ReadOnly,
            _ => RedisErrorKind::Refused,
        };
        Self {
            kind,
            cause: Some(cause),
        }
    }
}

/// Whether the connection is of no more use.
pub(crate) fn is_loss(error: &redis::RedisError) -> bool {
    error.is_unrecoverable_error() || error.is_connection_dropped() || error.is_io_error()
}

impl fmt::Display for RedisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            RedisErrorKind::Away => "Redis is away",
            RedisErrorKind::TimedOut => "Redis did not answer in time",
            RedisErrorKind::ReadOnly => "Redis takes no writes",
            RedisErrorKind::Refused => "Redis refused the command",
        })
    }
}

impl Error for RedisError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}
