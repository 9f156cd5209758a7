//! What a command is sent on.

use redis::{Cmd, Pipeline, RedisFuture, Value, aio::ConnectionLike, aio::MultiplexedConnection};

/// A connection to one server, which may be asked for keys that are not its own yet.
pub(crate) struct Node {
    pub(crate) connection: MultiplexedConnection,
    /// Whether the server is to answer for keys of a slot that is just moving to it.
    pub(crate) asking: bool,
}

impl ConnectionLike for Node {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        if !self.asking {
            return self.connection.req_packed_command(command);
        }
        // Side by side, for it holds for the next command of the connection alone.
        Box::pin(async move {
            let mut both = Pipeline::with_capacity(2);
            both.cmd("ASKING").add_command(command.clone());
            let answers = self.connection.req_packed_commands(&both, 0, 2).await?;
            Ok(answers.into_iter().next_back().unwrap_or(Value::Nil))
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        self.connection.req_packed_commands(pipeline, offset, count)
    }

    fn get_db(&self) -> i64 {
        self.connection.get_db()
    }
}
