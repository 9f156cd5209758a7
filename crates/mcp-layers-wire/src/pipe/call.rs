//! One call of a client, on its way through the layers.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpError, McpRequest, code};
use serde::Deserialize;
use serde_json::Value;
use tokio_util::sync::DropGuard;

use super::connection::Connection;
use crate::{
    encode,
    id::Id,
    members::is_unique,
    merge::merge,
    message::{Kind, Message},
};

/// A call in the bytes of the client. It travels in the request's extensions, from the client's reader
/// to the innermost service.
pub(super) struct Call {
    pub(super) connection: Arc<Connection>,
    pub(super) id: Id,
    message: Message,
    /// The request before any layer saw it.
    request: JsonRpcRequest,
    is_sent: AtomicBool,
    kept: Mutex<Kept>,
}

/// The latest answer of the server.
#[derive(Default)]
struct Kept {
    answer: Option<(Message, JsonRpcResponse)>,
    /// Holds back what the server sent after the answer.
    #[expect(dead_code, reason = "held until the next attempt or the end")]
    unsettled: Option<DropGuard>,
}

impl Call {
    pub(super) fn new(
        connection: Arc<Connection>,
        id: Id,
        message: Message,
        request: JsonRpcRequest,
    ) -> Self {
        Self {
            connection,
            id,
            message,
            request,
            is_sent: AtomicBool::new(false),
            kept: Mutex::default(),
        }
    }

    /// Returns true if this is the client's request, and not one that a layer made out of it.
    pub(super) fn is_own(&self, request: &JsonRpcRequest) -> bool {
        request.method() == self.request.method()
    }

    /// Begins an attempt: the answer to an earlier one is settled. The first attempt has the client's
    /// id, each later one an id of its own. Otherwise a late answer to the first could be taken for
    /// the answer to the second.
    pub(super) fn next_id(&self, request: &JsonRpcRequest) -> Id {
        if !self.is_own(request) {
            return self.connection.table.make_id();
        }
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Kept::default();
        match self.is_sent.swap(true, Ordering::AcqRel) {
            false => self.id.clone(),
            true => self.connection.table.make_id(),
        }
    }

    /// The bytes for the server: the client's own except for what changed.
    pub(super) fn encode_request(&self, request: &JsonRpcRequest, id: &Id) -> Bytes {
        let other_id = (*id != self.id).then(|| id.to_json());
        let (was, now) = (self.request.params(), request.params());
        let params = match self.message.body() {
            _ if !self.is_own(request) => None,
            Some(raw) => Some(merge(raw, was, now)),
            None => (was == now).then_some(None),
        };
        params
            .and_then(|params| self.message.replace(other_id.as_deref(), params.as_deref()))
            .unwrap_or_else(|| encode::request(&id.to_json(), request))
    }

    /// Reads the server's answer to `request`. `None` if it cannot be read.
    pub(super) fn decode(
        &self,
        request: &JsonRpcRequest,
        message: Message,
        unsettled: DropGuard,
    ) -> Option<JsonRpcResponse> {
        let body = message.body()?;
        let response = match message.kind {
            Kind::Answer { failed: true, .. } => {
                let failure: Failure = serde_json::from_str(body).ok()?;
                // A code outside of 32 bits has no meaning in the protocol.
                let code = i32::try_from(failure.code).unwrap_or(code::INTERNAL_ERROR);
                let error = McpError::new(code, failure.message).with_data(failure.data);
                JsonRpcResponse::error(request, error)
            }
            _ => JsonRpcResponse::success(request, serde_json::from_str(body).ok()?),
        };
        if self.is_own(request) {
            // The layers saw one of two members with one name, so the client gets no more.
            let is_unique = is_unique(body);
            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Kept {
                answer: is_unique.then(|| (message, response.clone())),
                unsettled: Some(unsettled),
            };
        }
        Some(response)
    }

    /// The bytes for the client: the server's own except for what changed.
    pub(super) fn encode_response(&self, response: &JsonRpcResponse) -> Bytes {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let spliced = kept.answer.as_ref().and_then(|(message, was)| {
            let body = match (was.result(), response.result()) {
                (Ok(was), Ok(now)) => merge(message.body()?, was, now),
                (Err(was), Err(now)) => {
                    let same =
                        was.code == now.code && was.message == now.message && was.data == now.data;
                    same.then_some(None)?
                }
                _ => return None,
            };
            let other_id = message.id() != self.message.id();
            message.replace(other_id.then(|| self.message.id()), body.as_deref())
        });
        spliced.unwrap_or_else(|| encode::response(self.message.id(), response))
    }

    /// The answer is written: what the server sent after it may follow.
    pub(super) fn settle(&self) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Kept::default();
    }

    /// The request before any layer saw it.
    pub(super) fn request(&self) -> &JsonRpcRequest {
        &self.request
    }
}

#[derive(Deserialize)]
struct Failure {
    code: i64,
    #[serde(default)]
    message: String,
    data: Option<Value>,
}
