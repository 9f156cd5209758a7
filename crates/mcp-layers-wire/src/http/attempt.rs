//! One attempt at a call: an HTTP request to the server, and its answer.

use std::{sync::Arc, time::Duration};

use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpRequest, Method};
use tokio::time::timeout;
use tower::ServiceExt;

use super::{
    answer::read_answer,
    call::Call,
    upstream::{post, post_other},
};
use crate::{
    encode,
    error::WireError,
    id::Id,
    leaf::{Answer, Outward},
};

/// The longest time for which the server is told of a cancellation.
const MAX_NOTICE: Duration = Duration::from_secs(10);

impl Outward for Call {
    fn attempt<'a>(self: Arc<Self>, request: &'a JsonRpcRequest) -> Answer<'a> {
        Box::pin(async move { send(&self, request).await })
    }
}

async fn send(call: &Arc<Call>, request: &JsonRpcRequest) -> Result<JsonRpcResponse, WireError> {
    let id = call.next_id(request);
    let message = call.sent.encode(request, &id);
    let http = match call.sent.is(request) {
        true => post(&call.head, message),
        false => post_other(&call.head, request.method().as_str(), message),
    };
    let mut attempt = Attempt::begin(call, request, &id);
    let response = call.upstream.clone().oneshot(http).await;
    let answer = match response {
        Ok(response) => read_answer(call, request, &id, response).await,
        Err(error) => {
            tracing::warn!(%error, "cannot send a call to the server");
            Err(WireError::ServerGone)
        }
    };
    // After an event that is too long, the server may go on.
    attempt.is_abandoned = matches!(answer, Err(WireError::TooLong));
    answer
}

/// An attempt that the server may have. Dropped before its end, it is cancelled at the server: up to
/// 2025-11-25, the end of a connection cancels nothing.
struct Attempt<'a> {
    call: &'a Arc<Call>,
    id: Id,
    is_own: bool,
    is_abandoned: bool,
    /// The protocol forbids to cancel `initialize`.
    can_be_cancelled: bool,
}

impl<'a> Attempt<'a> {
    fn begin(call: &'a Arc<Call>, request: &JsonRpcRequest, id: &Id) -> Self {
        let attempt = Self {
            call,
            id: id.clone(),
            is_own: call.sent.is(request),
            is_abandoned: true,
            can_be_cancelled: request.method() != Method::Initialize,
        };
        if let (Some(key), true) = (&call.key, attempt.is_own) {
            let input_wait = request.context().input_wait().cloned();
            call.shared.calls.begin_attempt(key, id.clone(), input_wait);
        }
        attempt
    }

    /// The end of a connection is no cancellation, and the client's own one has reached the server.
    fn is_to_be_cancelled(&self) -> bool {
        self.is_abandoned
            && self.can_be_cancelled
            && self.call.key.is_some()
            && !self.call.is_dropped()
            && !self.call.sent.request.cancellation().is_cancelled()
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if let (Some(key), true) = (&self.call.key, self.is_own) {
            self.call.shared.calls.end_attempt(key, &self.id);
        }
        if !self.is_to_be_cancelled() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let message = encode::cancelled(&self.id);
        let request = post_other(&self.call.head, "notifications/cancelled", message);
        let upstream = self.call.upstream.clone();
        runtime.spawn(async move {
            let sent = timeout(MAX_NOTICE, upstream.oneshot(request)).await;
            if !matches!(sent, Ok(Ok(_))) {
                tracing::debug!("cannot cancel a call at the server");
            }
        });
    }
}
