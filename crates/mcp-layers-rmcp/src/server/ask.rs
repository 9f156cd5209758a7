//! Questions of a handler to its client: elicitation, sampling, roots.

use mcp_layers_core::progress::InputWait;
use rmcp::{
    Peer, RoleServer,
    model::{CancelledNotificationParam, ClientResult, RequestId, ServerRequest},
    service::{PeerRequestOptions, RequestContext, ServiceError},
};

use super::waits;

/// Asks the client while a request runs, and returns its answer: an elicitation, sampling or roots
/// request (up to 2025-11-25).
///
/// Unlike rmcp's own `context.peer.create_elicitation(..)` and its siblings,
///
/// 1. the layers see that the request waits for its client: `mcp_layers_timeout::TimeoutLayer` does
///    not count the time towards the limits of a tool, and limits it on its own;
/// 2. an open question is withdrawn when the request ends, by a timeout, a cancellation or a lost
///    connection: the client gets `notifications/cancelled`.
///
/// ```no_run
/// use mcp_layers_rmcp::ask;
/// use rmcp::{
///     RoleServer,
///     model::{ClientResult, ElicitRequest, ElicitRequestParams},
///     service::{RequestContext, ServiceError},
/// };
///
/// async fn confirm(
///     context: &RequestContext<RoleServer>,
///     form: ElicitRequestParams,
/// ) -> Result<ClientResult, ServiceError> {
///     ask(context, ElicitRequest::new(form)).await
/// }
/// ```
///
/// # Errors
/// The client's error, or the failure to reach the client.
pub async fn ask(
    context: &RequestContext<RoleServer>,
    request: impl Into<ServerRequest>,
) -> Result<ClientResult, ServiceError> {
    let wait = waits::find(context);
    let _waiting = wait.as_ref().map(InputWait::begin);
    let handle = context
        .peer
        .send_cancellable_request(request.into(), PeerRequestOptions::no_options())
        .await?;
    let mut question = OpenQuestion {
        peer: &context.peer,
        id: Some(handle.id.clone()),
    };
    let answer = handle.await_response().await;
    question.id = None;
    answer
}

/// A question without an answer. Dropped, it is withdrawn.
struct OpenQuestion<'a> {
    peer: &'a Peer<RoleServer>,
    id: Option<RequestId>,
}

impl Drop for OpenQuestion<'_> {
    fn drop(&mut self) {
        // Sending waits for room in a channel, and dropping cannot wait. Outside a runtime there is
        // no connection left.
        if let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current()) {
            let peer = self.peer.clone();
            runtime.spawn(async move {
                let reason = Some("the request that asked has ended".to_owned());
                let params = CancelledNotificationParam::new(Some(id), reason);
                // A client that is gone needs no notification.
                let _ = peer.notify_cancelled(params).await;
            });
        }
    }
}
