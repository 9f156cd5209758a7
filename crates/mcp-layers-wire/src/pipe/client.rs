//! The client's side: its lines, and the calls in flight.

use std::{convert::Infallible, future::poll_fn, pin::Pin, sync::Arc, task::Poll};

use futures_util::{StreamExt, stream::FuturesUnordered};
use mcp_layers_core::{
    JsonRpcRequest, JsonRpcResponse, McpError, McpRequest, Method, code, request::Transport,
};
use serde_json::Value;
use tokio::{
    io::{self, AsyncRead},
    sync::mpsc,
    task::unconstrained,
};
use tower::{Service, ServiceExt};

use super::{
    call::Call,
    connection::Connection,
    lines::{Line, Lines},
    outbox::Closed,
};
use crate::{
    encode,
    id::Id,
    leaf::Way,
    message::{Kind, Message, fault},
    session::{Session, declared},
    sketch::Sketch,
    splice::Sent,
};

/// A call in flight.
pub(super) type InFlight = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Reads the client's lines until they end. It never waits for a call: the client's answers to the
/// server, which calls wait for, come this way too.
pub(super) async fn read_client<R, S>(
    mut lines: Lines<R>,
    connection: Arc<Connection>,
    stack: S,
    calls: mpsc::UnboundedSender<InFlight>,
) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    S: Service<JsonRpcRequest, Response = JsonRpcResponse, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    while let Some(line) = lines.next().await? {
        let message = match line {
            Line::Whole(line) => {
                Message::parse(line.clone()).map_err(|error| (Sketch::of(&line), error))
            }
            Line::TooLong(sketch) => {
                let error = McpError::public(code::INVALID_REQUEST, "Message is too long");
                Err((sketch, error))
            }
        };
        let handled = match message {
            Ok(message) => handle(message, &connection, &stack, &calls).await,
            Err((sketch, error)) => refuse(&sketch, &error, &connection).await,
        };
        if handled.is_err() {
            break;
        }
    }
    Ok(())
}

async fn handle<S>(
    message: Message,
    connection: &Arc<Connection>,
    stack: &S,
    calls: &mpsc::UnboundedSender<InFlight>,
) -> Result<(), Closed>
where
    S: Service<JsonRpcRequest, Response = JsonRpcResponse, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    match &message.kind {
        Kind::Request { id, method } => match begin(id, method, &message, connection) {
            Ok((call, request)) => {
                let mut call: InFlight = Box::pin(serve(call, request, stack.clone()));
                // It begins before the next line is read, whatever the budget of this task, so that
                // the server gets both in their order.
                let begun = poll_fn(|cx| {
                    let mut call = unconstrained(call.as_mut());
                    Poll::Ready(Pin::new(&mut call).poll(cx))
                });
                if begun.await.is_pending() {
                    let _ = calls.send(call);
                }
                Ok(())
            }
            Err(error) => {
                let answer = encode::error(message.id(), &error);
                connection.to_client.send(answer).await
            }
        },
        Kind::Notification { method } if &**method == "notifications/cancelled" => {
            cancel(&message, connection);
            Ok(())
        }
        Kind::Notification { method } => {
            if let Err(error) = message.params() {
                tracing::warn!(%method, %error, "dropped a notification of the client");
                return Ok(());
            }
            connection.to_server.send(message.bytes).await
        }
        Kind::Answer { id, .. } => {
            if let Some(id) = id {
                connection.table.asked(id);
            }
            connection.to_server.send(message.bytes).await
        }
    }
}

/// The request that goes through the layers.
fn begin(
    id: &Id,
    method: &str,
    message: &Message,
    connection: &Arc<Connection>,
) -> Result<(Arc<Call>, JsonRpcRequest), McpError> {
    message.params()?;
    let params = message.body().map_or(Ok(Value::Null), serde_json::from_str);
    let params = params.map_err(|error| fault(&error))?;
    let mut request = JsonRpcRequest::new(id.for_layers(), method.to_owned()).with_params(params);
    request = connection.session().declare(request);
    let initializes = request.method() == Method::Initialize;
    if initializes {
        let declared = Arc::new(declared(request.params()));
        request = request.with_declared(declared);
    }
    let token = connection
        .table
        .begin(id, message.bytes.len(), !initializes)?;
    request = request
        .with_transport(Transport::Pipe)
        .with_cancellation(token);
    if request.progress_token().is_some() {
        request.context_mut().watch_progress();
    }
    let sent = Sent {
        id: id.clone(),
        message: message.clone(),
        request: request.clone(),
    };
    let call = Arc::new(Call::new(connection.clone(), sent));
    request.insert_extension(Way(call.clone()));
    Ok((call, request))
}

/// Answers a call, unless its client has cancelled it.
async fn serve<S>(call: Arc<Call>, request: JsonRpcRequest, stack: S)
where
    S: Service<JsonRpcRequest, Response = JsonRpcResponse, Error = Infallible>,
{
    let (connection, sent) = (&call.connection, &call.sent);
    let Ok(response) = stack.oneshot(request).await;
    if sent.request.method() == Method::Initialize
        && let Ok(result) = response.result()
    {
        *connection.session() = Session::begin(&sent.request, result);
    }
    if connection.table.answer(&sent.id) {
        let line = call.encode_response(&response);
        drop(response);
        let _ = connection.to_client.send(line).await;
    }
    connection.table.end(&sent.id);
    call.settle();
}

/// Cancels a call of the client, and the attempts at it that the server has.
fn cancel(message: &Message, connection: &Connection) {
    let id = message
        .params()
        .ok()
        .and_then(|params| Id::parse(params.get("requestId")?));
    let cancelled = id.is_some_and(|id| {
        connection.table.cancel(&id, true, |at_server| {
            let line = match *at_server == id {
                true => message.bytes.clone(),
                false => encode::cancelled(at_server),
            };
            connection.to_server.push_short(line);
        })
    });
    if !cancelled {
        tracing::debug!("dropped a cancellation of no call in flight");
    }
}

/// Answers a message that cannot be read. A broken answer to the server becomes an error.
async fn refuse(sketch: &Sketch, error: &McpError, connection: &Connection) -> Result<(), Closed> {
    tracing::warn!(%error, "refused a message of the client");
    let id = sketch.id();
    let json = id.as_ref().map_or("null".to_owned(), Id::to_json);
    match (sketch.has_method(), id) {
        (false, Some(id)) => {
            connection.table.asked(&id);
            let error = McpError::new(code::INTERNAL_ERROR, "The client's answer cannot be read");
            connection
                .to_server
                .send(encode::error(&json, &error))
                .await
        }
        _ => connection.to_client.send(encode::error(&json, error)).await,
    }
}

/// Drives the calls in flight until no more can come.
pub(super) async fn drive(mut calls: mpsc::UnboundedReceiver<InFlight>) -> io::Result<()> {
    let (mut running, mut open) = (FuturesUnordered::new(), true);
    while open || !running.is_empty() {
        tokio::select! {
            call = calls.recv(), if open => match call {
                Some(call) => running.push(call),
                None => open = false,
            },
            Some(()) = running.next(), if !running.is_empty() => {}
        }
    }
    Ok(())
}
