//! One attempt at a call: a line to the server, and its answer.

use std::sync::Arc;

use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpRequest, Method};
use tokio::sync::oneshot;

use super::{call::Call, table::Attempt};
use crate::{
    error::WireError,
    id::Id,
    leaf::{Answer, Outward},
};

impl Outward for Call {
    fn attempt<'a>(self: Arc<Self>, request: &'a JsonRpcRequest) -> Answer<'a> {
        Box::pin(async move { send(&self, request).await })
    }
}

async fn send(call: &Call, request: &JsonRpcRequest) -> Result<JsonRpcResponse, WireError> {
    let connection = &call.connection;
    let id = call.next_id(request);
    let line = call.sent.encode(request, &id);
    let space = connection.to_server.space(&line).await;
    let space = space.map_err(|_| WireError::ServerGone)?;

    let (answer, answered) = oneshot::channel();
    let context = request.context();
    let attempt = Attempt {
        call: call.sent.id.clone(),
        answer,
        progress: request
            .progress_token()
            .cloned()
            .zip(context.progress().cloned()),
        input_wait: context.input_wait().cloned(),
    };
    let send = || connection.to_server.push(line, space).is_ok();
    connection.table.attempt(&id, attempt, send)?;
    let _abandon = Abandon {
        call,
        id,
        tells: request.method() != Method::Initialize,
    };
    let (message, unsettled) = answered.await.map_err(|_| WireError::ServerGone)??;
    call.decode(request, message, unsettled)
        .ok_or(WireError::Unreadable)
}

/// Ends an attempt; if the server still works on it, tells the server.
struct Abandon<'a> {
    call: &'a Call,
    id: Id,
    tells: bool,
}

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        let connection = &self.call.connection;
        connection.table.abandon(&self.id, || {
            if self.tells {
                connection.tell_cancelled(&self.id);
            }
        });
    }
}
