//! What is sent.

use redis::{Cmd, FromRedisValue, RedisResult, ScriptInvocation};

use crate::node::Node;

/// A command, with the hash tag of its keys.
#[allow(dead_code, reason = "for the stores that need it")]
pub(crate) enum Command<'a> {
    /// A sign of life.
    Ping,
    One(&'a str, &'a Cmd),
    /// By its digest; the server is told its text when it does not know it.
    Script(&'a str, &'a ScriptInvocation<'a>),
}

impl Command<'_> {
    pub(crate) fn tag(&self) -> Option<&str> {
        match self {
            Self::Ping => None,
            Self::One(tag, _) | Self::Script(tag, _) => Some(tag),
        }
    }

    /// Sends it once.
    pub(crate) async fn send<T: FromRedisValue>(&self, node: &mut Node) -> RedisResult<T> {
        match self {
            Self::Ping => redis::cmd("PING").query_async(node).await,
            Self::One(_, command) => command.query_async(node).await,
            Self::Script(_, script) => script.invoke_async(node).await,
        }
    }
}
