//! The innermost service on the calling side: it sends the request.

use std::{
    error::Error,
    pin::Pin,
    task::{Context, Poll},
};

use mcp_layers_core::{McpRequest, McpResponse};
use rmcp::{
    RoleClient,
    model::{CancelledNotificationParam, RequestId, ServerResult},
    service::{Peer, PeerRequestOptions, ServiceError},
};
use tower_service::Service;

use super::{http_status, progress::ProgressTokens, request::UpstreamRequest};
use crate::RmcpResponse;

/// A connected upstream server, as a service.
///
/// An error response of the upstream is a response. An error of this service, rmcp's
/// [`ServiceError`], means that no answer came: the transport is closed, or sending failed. It is also a
/// warning of `tracing`, with the transport's own text.
///
/// Three HTTP statuses are error responses too, because with them the upstream did answer:
///
/// | status | code | `data` |
/// |---|---|---|
/// | 401 | 401 | `reason: "unauthenticated"`, `wwwAuthenticate`: the header, if there was one |
/// | 403 | 403 | `reason: "forbidden"`, `wwwAuthenticate`, `requiredScopes`: those of the challenge |
/// | 429 | 429 | `reason: "rate_limited"` |
///
/// rmcp reads the challenge (RFC 6750, section 3) with any of its HTTP client transports; an
/// application asks for the missing scopes and repeats the call with a new token.
///
/// A future that is dropped before the answer arrives sends `notifications/cancelled` to the
/// upstream. One call is one round: an `input_required` answer is returned unchanged.
#[derive(Debug, Clone)]
pub struct Upstream {
    peer: Peer<RoleClient>,
    progress: Option<ProgressTokens>,
}

impl Upstream {
    /// The upstream that this client is connected to: `client.peer().clone()`.
    #[must_use]
    pub fn new(peer: Peer<RoleClient>) -> Self {
        Self {
            peer,
            progress: None,
        }
    }

    /// Reports the progress of requests whose context watches for it
    /// ([`CallContext::watch_progress`](mcp_layers_core::CallContext::watch_progress)).
    #[must_use]
    pub fn watching(mut self, progress: ProgressTokens) -> Self {
        self.progress = Some(progress);
        self
    }

    /// The connection.
    #[must_use]
    pub fn peer(&self) -> &Peer<RoleClient> {
        &self.peer
    }
}

impl Service<UpstreamRequest> for Upstream {
    type Response = RmcpResponse;
    type Error = ServiceError;
    type Future = UpstreamFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ServiceError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: UpstreamRequest) -> UpstreamFuture {
        // rmcp's futures have no name: one box a call, which waits for the network anyway.
        UpstreamFuture(Box::pin(send(self.clone(), request)))
    }
}

async fn send(upstream: Upstream, request: UpstreamRequest) -> Result<RmcpResponse, ServiceError> {
    match exchange(upstream, request).await {
        Ok(result) => Ok(RmcpResponse::new(Ok(result))),
        Err(ServiceError::McpError(error)) => Ok(RmcpResponse::new(Err(error))),
        Err(error) => match http_status::refusal(&error) {
            Some(refusal) => Ok(RmcpResponse::from_error((), refusal)),
            None => {
                let cause: &(dyn Error + 'static) = &error;
                tracing::warn!(error = cause, "no answer from the upstream");
                Err(error)
            }
        },
    }
}

async fn exchange(
    upstream: Upstream,
    request: UpstreamRequest,
) -> Result<ServerResult, ServiceError> {
    let Upstream { peer, progress } = upstream;
    let watched = progress.zip(request.context().progress().cloned());
    let options = PeerRequestOptions::no_options();
    let handle = peer
        .send_request_with_option(request.request, options)
        .await?;
    let _watched =
        watched.map(|(tokens, progress)| tokens.watch(handle.progress_token.clone(), progress));
    let abandoned = CancelOnDrop {
        peer: &peer,
        id: Some(handle.id.clone()),
    };
    let result = handle.await_response().await;
    abandoned.disarm();
    result
}

/// Cancels a request at the upstream when its caller drops it.
struct CancelOnDrop<'a> {
    peer: &'a Peer<RoleClient>,
    id: Option<RequestId>,
}

impl CancelOnDrop<'_> {
    fn disarm(mut self) {
        self.id = None;
    }
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        // Sending waits for room in a channel, and dropping cannot wait. Outside a runtime there
        // is no connection left to tell.
        if let (Some(id), Ok(runtime)) = (self.id.take(), tokio::runtime::Handle::try_current()) {
            let peer = self.peer.clone();
            runtime.spawn(async move {
                let reason = Some("request abandoned by the caller".to_owned());
                let params = CancelledNotificationParam::new(Some(id), reason);
                // A peer that is gone needs no word.
                let _ = peer.notify_cancelled(params).await;
            });
        }
    }
}

/// The future of [`Upstream`].
pub struct UpstreamFuture(Pin<Box<dyn Future<Output = Result<RmcpResponse, ServiceError>> + Send>>);

impl Future for UpstreamFuture {
    type Output = Result<RmcpResponse, ServiceError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

mcp_layers_core::opaque_debug!(UpstreamFuture);
