//! One call of a client, on its way through the layers.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse};
use tokio_util::sync::DropGuard;

use super::connection::Connection;
use crate::{
    encode,
    id::Id,
    message::Message,
    splice::{Given, Sent},
};

/// A call in the bytes of the client. It travels in the request's extensions, from the client's reader
/// to the innermost service.
pub(super) struct Call {
    pub(super) connection: Arc<Connection>,
    pub(super) sent: Sent,
    is_sent: AtomicBool,
    kept: Mutex<Kept>,
}

/// The latest answer of the server.
#[derive(Default)]
struct Kept {
    answer: Option<Given>,
    /// Holds back what the server sent after the answer.
    #[expect(dead_code, reason = "held until the next attempt or the end")]
    unsettled: Option<DropGuard>,
}

impl Call {
    pub(super) fn new(connection: Arc<Connection>, sent: Sent) -> Self {
        Self {
            connection,
            sent,
            is_sent: AtomicBool::new(false),
            kept: Mutex::default(),
        }
    }

    /// Begins an attempt: the answer to an earlier one is settled. The first attempt has the client's
    /// id, each later one an id of its own. Otherwise a late answer to the first could be taken for
    /// the answer to the second.
    pub(super) fn next_id(&self, request: &JsonRpcRequest) -> Id {
        if !self.sent.is(request) {
            return self.connection.table.make_id();
        }
        self.settle();
        match self.is_sent.swap(true, Ordering::AcqRel) {
            false => self.sent.id.clone(),
            true => self.connection.table.make_id(),
        }
    }

    /// Reads the server's answer to `request`. `None` if it cannot be read.
    pub(super) fn decode(
        &self,
        request: &JsonRpcRequest,
        message: Message,
        unsettled: DropGuard,
    ) -> Option<JsonRpcResponse> {
        let given = Given::read(request, message)?;
        let response = given.response.clone();
        if self.sent.is(request) {
            *self.lock() = Kept {
                answer: Some(given),
                unsettled: Some(unsettled),
            };
        }
        Some(response)
    }

    /// The bytes for the client: the server's own except for what changed.
    pub(super) fn encode_response(&self, response: &JsonRpcResponse) -> Bytes {
        let id = self.sent.message.id();
        let kept = self.lock();
        let spliced = kept.answer.as_ref();
        let spliced = spliced.and_then(|given| given.encode(response, id));
        spliced.unwrap_or_else(|| encode::response(id, response))
    }

    /// The answer is written: what the server sent after it may follow.
    pub(super) fn settle(&self) {
        let settled = std::mem::take(&mut *self.lock());
        drop(settled);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
