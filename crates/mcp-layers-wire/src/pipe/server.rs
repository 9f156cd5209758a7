//! The server's side: its answers go to the calls that wait for them, all else to the client.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, value::RawValue};
use tokio::{
    io::{self, AsyncRead},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    connection::Connection,
    lines::{Line, Lines},
};
use crate::{
    encode,
    error::WireError,
    id::Id,
    message::{Kind, Message},
    sketch::Sketch,
};

/// The longest time for which a message waits for the answers before it.
const MAX_HOLD: Duration = Duration::from_millis(100);

/// Reads the server's lines until they end. Then every call that waits for an answer fails.
pub(super) async fn read_server<R>(lines: Lines<R>, connection: Arc<Connection>) -> io::Result<()>
where
    R: AsyncRead + Unpin,
{
    let read = forward(lines, &connection).await;
    connection.table.server_gone();
    read
}

async fn forward<R>(mut lines: Lines<R>, connection: &Connection) -> io::Result<()>
where
    R: AsyncRead + Unpin,
{
    let mut unsettled = Vec::new();
    while let Some(line) = lines.next().await? {
        let message = match line {
            Line::Whole(line) => match Message::parse(line.clone()) {
                Ok(message) => message,
                Err(error) => {
                    tracing::warn!(%error, bytes = line.len(), "cannot read a message of the server");
                    fail(&Sketch::of(&line), WireError::Unreadable, connection).await;
                    continue;
                }
            },
            Line::TooLong(sketch) => {
                tracing::warn!("a message of the server is too long");
                fail(&sketch, WireError::TooLong, connection).await;
                continue;
            }
        };
        match &message.kind {
            Kind::Answer { id, .. } => {
                let attempt = id.as_ref().and_then(|id| connection.table.take(id));
                let Some(attempt) = attempt else {
                    // Late, or under no id. It must not pass the layers.
                    tracing::debug!(id = message.id(), "dropped an answer to no call");
                    continue;
                };
                let settled = CancellationToken::new();
                unsettled.retain(|token: &CancellationToken| !token.is_cancelled());
                unsettled.push(settled.clone());
                let _ = attempt.answer.send(Ok((message, settled.drop_guard())));
                continue;
            }
            Kind::Request { id, method } if &**method != "ping" => connection.table.ask(id),
            Kind::Request { .. } => {}
            Kind::Notification { method } => notice(method, &message, connection),
        }
        // An answer takes longer than a message that passes no layer, which must not overtake it.
        let answers = async {
            for settled in unsettled.drain(..) {
                settled.cancelled().await;
            }
        };
        let _ = timeout(MAX_HOLD, answers).await;
        if connection.to_client.send(message.bytes).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Reads what a notification means for the calls in flight.
fn notice(method: &str, message: &Message, connection: &Connection) {
    let param = |name| {
        let params = message.params().ok()?;
        params.get(name)
    };
    match method {
        "notifications/progress" => {
            let token = param("progressToken").map(RawValue::get);
            if let Some(token) = token.and_then(|raw| serde_json::from_str::<Value>(raw).ok()) {
                connection.table.progress(&token);
            }
        }
        "notifications/cancelled" => {
            if let Some(id) = param("requestId").and_then(Id::parse) {
                connection.table.asked(&id);
            }
        }
        _ => {}
    }
}

/// Fails the call whose answer cannot be read, or answers a request of the server that cannot be.
async fn fail(sketch: &Sketch, error: WireError, connection: &Connection) {
    let Some(id) = sketch.id() else { return };
    if sketch.has_method() {
        let refusal = mcp_layers_core::McpError::public(
            mcp_layers_core::code::INVALID_REQUEST,
            "Message is too long or cannot be read",
        );
        let _ = connection
            .to_server
            .send(encode::error(&id.to_json(), &refusal))
            .await;
    } else if let Some(attempt) = connection.table.take(&id) {
        let _ = attempt.answer.send(Err(error));
    }
}
