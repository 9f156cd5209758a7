//! The state that the parts of one connection share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use mcp_layers_core::McpError;

use super::{outbox::Outbox, table::Table};
use crate::{encode, id::Id, session::Session};

/// One client, connected to one server.
pub(super) struct Connection {
    pub(super) to_client: Outbox,
    pub(super) to_server: Outbox,
    pub(super) table: Table,
    session: Mutex<Session>,
}

impl Connection {
    pub(super) fn new(to_client: Outbox, to_server: Outbox, table: Table) -> Self {
        Self {
            to_client,
            to_server,
            table,
            session: Mutex::default(),
        }
    }

    /// The session of the client; until `initialize` was answered, one that has not begun.
    pub(super) fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cancels all calls in flight.
    pub(super) fn cancel_all(&self) {
        for id in self.table.ids() {
            self.table
                .cancel(&id, false, |at_server| self.tell_cancelled(at_server));
        }
    }

    /// Answers all calls in flight with an error.
    pub(super) fn fail_all(&self) {
        for id in self.table.ids().iter().filter(|id| self.table.answer(id)) {
            let line = encode::error(&id.to_json(), &McpError::internal());
            self.to_client.push_short(line);
        }
    }

    /// Notifies the server that its answer is not needed.
    pub(super) fn tell_cancelled(&self, id: &Id) {
        self.to_server.push_short(encode::cancelled(id));
    }
}
