//! Messages in the bytes of their senders, except for what layers changed.

use bytes::Bytes;
use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpError, McpRequest, code};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    encode,
    id::Id,
    members::is_unique,
    merge::merge,
    message::{Kind, Message},
};

/// The request that a client sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) id: Id,
    pub(crate) message: Message,
    /// The request before any layer saw it.
    pub(crate) request: JsonRpcRequest,
}

/// The answer that a server gave.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    /// `None` if a member occurs twice in it: the layers saw one of the two, so the client gets no
    /// more.
    message: Option<Message>,
    /// The response before any layer saw it.
    pub(crate) response: JsonRpcResponse,
}

impl Sent {
    /// Returns true if this is the client's request, and not one that a layer made out of it.
    pub(crate) fn is(&self, request: &JsonRpcRequest) -> bool {
        request.method() == self.request.method()
    }

    /// The bytes of a request for the server, under an id of its own.
    pub(crate) fn encode(&self, request: &JsonRpcRequest, id: &Id) -> Bytes {
        let other_id = (*id != self.id).then(|| id.to_json());
        let (was, now) = (self.request.params(), request.params());
        let params = match self.message.body() {
            _ if !self.is(request) => None,
            Some(raw) => Some(merge(raw, was, now)),
            None => (was == now).then_some(None),
        };
        params
            .and_then(|params| self.message.replace(other_id.as_deref(), params.as_deref()))
            .unwrap_or_else(|| encode::request(&id.to_json(), request))
    }
}

impl Given {
    /// Reads the answer to a request. `None` if layers could not read it.
    pub(crate) fn read(request: &JsonRpcRequest, message: Message) -> Option<Self> {
        let body = message.body()?;
        let response = match message.kind {
            Kind::Answer { failed: true, .. } => {
                let failure: Failure = serde_json::from_str(body).ok()?;
                // A code outside of 32 bits has no meaning in the protocol.
                let code = i32::try_from(failure.code).unwrap_or(code::INTERNAL_ERROR);
                let error = McpError::new(code, failure.message).with_data(failure.data);
                JsonRpcResponse::error(request, error)
            }
            Kind::Answer { .. } => {
                JsonRpcResponse::success(request, serde_json::from_str(body).ok()?)
            }
            _ => return None,
        };
        let is_unique = is_unique(body);
        Some(Self {
            message: is_unique.then_some(message),
            response,
        })
    }

    /// Returns true if no layer changed the answer.
    pub(crate) fn is(&self, response: &JsonRpcResponse) -> bool {
        match (self.response.result(), response.result()) {
            (Ok(was), Ok(now)) => std::ptr::eq(was, now) || was == now,
            (Err(was), Err(now)) => {
                was.code == now.code && was.message == now.message && was.data == now.data
            }
            _ => false,
        }
    }

    /// The server's bytes under the JSON of the client's id, except for what changed. `None` if
    /// nothing of them remains.
    pub(crate) fn encode(&self, response: &JsonRpcResponse, id: &str) -> Option<Bytes> {
        let message = self.message.as_ref()?;
        let body = match (self.response.result(), response.result()) {
            (Ok(was), Ok(now)) => merge(message.body()?, was, now),
            _ => self.is(response).then_some(None)?,
        };
        // An error without an id stays one: the server could not read the id.
        let other_id = ![id, "null"].contains(&message.id());
        message.replace(other_id.then_some(id), body.as_deref())
    }
}

#[derive(Deserialize)]
struct Failure {
    code: i64,
    #[serde(default)]
    message: String,
    data: Option<Value>,
}
