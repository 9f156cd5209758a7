//! Tools that send notifications while they run, or disturb the connection they run on.

// Logging is deprecated in rmcp, and asked for by the suite.
#![expect(deprecated)]

use std::time::Duration;

use axum::http::request::Parts;
use rmcp::{
    ErrorData, RoleServer,
    model::{
        CallToolResponse, LoggingLevel, LoggingMessageNotificationParam, ProgressNotificationParam,
    },
    service::{RequestContext, ServiceError},
    transport::{
        common::http_header::HEADER_SESSION_ID, streamable_http_server::session::SessionId,
    },
};
use serde_json::Value;

use crate::{server::ConformanceServer, tools};

const STEP: Duration = Duration::from_millis(50);

/// The number of request streams of a session that `test_reconnection` looks for; the suite opens one.
const STREAMS: u64 = 8;

/// Logs at the start, in the middle and at the end.
pub(crate) async fn logging(
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    log(context, LoggingLevel::Info, "Tool execution started").await?;
    tokio::time::sleep(STEP).await;
    log(context, LoggingLevel::Info, "Tool processing data").await?;
    tokio::time::sleep(STEP).await;
    log(context, LoggingLevel::Info, "Tool execution completed").await?;
    Ok(tools::text("Logged three times"))
}

/// Logs only if the request itself asks for it.
pub(crate) async fn logging_on_request(
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    if let Some(level) = context.meta.log_level() {
        log(context, level, "The request asked for this").await?;
    }
    Ok(tools::text("Done"))
}

/// Reports 0, 50 and 100 percent to a caller who gave a progress token.
pub(crate) async fn progress(
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let token = context.meta.get_progress_token();
    for percent in [0.0, 50.0, 100.0] {
        if percent > 0.0 {
            tokio::time::sleep(STEP).await;
        }
        if let Some(token) = &token {
            let progress = ProgressNotificationParam::new(token.clone(), percent);
            let sent = context.peer.notify_progress(progress.with_total(100.0));
            sent.await.map_err(|error| not_sent(&error))?;
        }
    }
    Ok(tools::text("Progressed to the end"))
}

/// Closes the stream its answer would take; the client must come back with `Last-Event-ID`.
///
/// rmcp tells a handler its session, but not the number of its stream: all of the session are closed.
pub(crate) async fn reconnection(
    server: &ConformanceServer,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let session = context
        .extensions
        .get::<Parts>()
        .and_then(|parts| parts.headers.get(HEADER_SESSION_ID)?.to_str().ok());
    if let (Some(session), Some(sessions)) = (session, server.sessions()) {
        let session = SessionId::from(session);
        let handle = sessions.sessions.read().await.get(&session).cloned();
        if let Some(handle) = handle {
            for stream in 0..STREAMS {
                // An error says that there is no such stream.
                let _ = handle.close_sse_stream(stream, None).await;
            }
        }
    }
    tokio::time::sleep(2 * STEP).await;
    Ok(tools::text("Sent after the stream was closed"))
}

async fn log(
    context: &RequestContext<RoleServer>,
    level: LoggingLevel,
    message: &str,
) -> Result<(), ErrorData> {
    let message = LoggingMessageNotificationParam::new(level, Value::from(message));
    let sent = context.peer.notify_logging_message(message);
    sent.await.map_err(|error| not_sent(&error))
}

fn not_sent(error: &ServiceError) -> ErrorData {
    ErrorData::internal_error(format!("notification not sent: {error}"), None)
}
