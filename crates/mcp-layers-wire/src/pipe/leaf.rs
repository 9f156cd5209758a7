//! The innermost service of every stack, which sends a call to the server.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use mcp_layers_core::{
    Event, JsonRpcRequest, JsonRpcResponse, McpError, McpRequest, McpResponse, Method,
};
use tokio::sync::oneshot;
use tower_service::Service;

use super::{call::Call, table::Attempt};
use crate::{error::WireError, id::Id};

/// The innermost service of every stack, which sends a call to the server and waits for its answer. If
/// its future is dropped meanwhile, the server is notified that the call is cancelled.
///
/// The request carries its connection, so that one stack serves any number of connections.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Leaf;

impl Leaf {
    pub(super) fn new() -> Self {
        Self
    }
}

impl Service<JsonRpcRequest> for Leaf {
    type Response = JsonRpcResponse;
    type Error = WireError;
    type Future = BoxFuture<'static, Result<JsonRpcResponse, WireError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: JsonRpcRequest) -> Self::Future {
        Box::pin(send(request))
    }
}

async fn send(request: JsonRpcRequest) -> Result<JsonRpcResponse, WireError> {
    let call = request.extension::<Arc<Call>>().cloned();
    let call = call.ok_or(WireError::Detached)?;
    let token = request.cancellation().clone();
    tokio::select! {
        biased;
        // A cancellation may overtake its request while layers hold it.
        () = token.cancelled() => Ok(cancelled(&request)),
        response = exchange(&call, &request) => response,
    }
}

async fn exchange(call: &Call, request: &JsonRpcRequest) -> Result<JsonRpcResponse, WireError> {
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

fn cancelled(request: &JsonRpcRequest) -> JsonRpcResponse {
    let mut response = JsonRpcResponse::error(request, McpError::cancelled());
    response.trail_mut().push(Event::Cancelled);
    response
}
