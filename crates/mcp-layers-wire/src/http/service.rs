//! The service: what comes in goes through the layers, to the server, or no further.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Method, Request, Response, StatusCode, request::Parts};
use http_body::Body;
use mcp_layers_core::{BoxError, McpError, code};
use tokio::sync::mpsc;
use tower::{Service, ServiceExt};

use super::{
    answer::is_stream,
    batch::{self, is_batch},
    begin::{Edge, Stack},
    body::{ReadError, WireBody},
    call::ToClient,
    calls::{CallKey, Cancelled},
    content::param,
    exchange::Exchange,
    owner::Owner,
    path::is_at_or_below,
    reply::{empty, refusal, reply, with_body},
    resumed::resumed,
    screen::{LAST_EVENT_ID, is_plain, is_unambiguous},
    settings::Batches,
    shared::Shared,
    upstream::{Upstream, post, post_other, prepare, upstream},
};
use crate::{
    encode,
    id::Id,
    message::{Kind, Message},
    sketch::Sketch,
};

/// The future of [`Wire`].
pub type ResponseFuture = BoxFuture<'static, Result<Response<WireBody>, Infallible>>;

/// The service of [`WireLayer`](super::WireLayer).
///
/// It is always ready: the inner service is made ready for each request that it gets. A failure of the
/// inner service fails the call, and other requests are answered with HTTP status 502.
#[derive(Clone)]
pub struct Wire<S> {
    inner: S,
    stack: Stack,
    shared: Arc<Shared>,
}

impl<S> Wire<S> {
    pub(super) fn with_stack(inner: S, stack: Stack, shared: Arc<Shared>) -> Self {
        Self {
            inner,
            stack,
            shared,
        }
    }

    mcp_layers_core::accessors!();
}

impl<S, B, R> Service<Request<B>> for Wire<S>
where
    S: Service<Request<WireBody>, Response = Response<R>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Response = Response<WireBody>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let edge = Edge {
            stack: self.stack.clone(),
            upstream: upstream(self.inner.clone()),
            shared: self.shared.clone(),
        };
        let request = request.map(WireBody::new);
        Box::pin(async move { Ok(edge.handle(request).await) })
    }
}

impl Edge {
    async fn handle(&self, request: Request<WireBody>) -> Response<WireBody> {
        let settings = &self.shared.settings;
        if let Some(endpoint) = &settings.path
            && !is_at_or_below(request.uri().path(), endpoint)
        {
            return pass(self.upstream.clone(), request).await;
        }
        let (mut head, body) = request.into_parts();
        if !is_unambiguous(&head.headers) {
            let error = McpError::public(code::INVALID_REQUEST, "A header occurs twice");
            return refusal(StatusCode::BAD_REQUEST, "null", &error);
        }
        prepare(&mut head);
        if head.method == Method::POST {
            return self.post(head, body).await;
        }
        let owner = Owner::of(&head.headers, &head.extensions);
        let ends = head.method == Method::DELETE;
        let last = head.headers.get(LAST_EVENT_ID).cloned();
        let response = pass(self.upstream.clone(), Request::from_parts(head, body)).await;
        if ends
            && response.status().is_success()
            && let Some(owner) = &owner
        {
            self.shared.sessions.end(owner);
        }
        self.filtered((owner, last), response)
    }

    async fn post(&self, head: Parts, body: WireBody) -> Response<WireBody> {
        let refuse = |status, code, text| refusal(status, "null", &McpError::public(code, text));
        if !is_plain(&head.headers) {
            let text = "Body is not plain JSON in UTF-8";
            return refuse(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                code::INVALID_REQUEST,
                text,
            );
        }
        let bytes = match body.read(self.shared.settings.max_body).await {
            Ok(bytes) => bytes,
            Err(ReadError::TooLong) => {
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                return refusal(status, "null", &McpError::too_large());
            }
            Err(ReadError::Broken(error)) => {
                tracing::debug!(%error, "a request of the client has broken");
                return refuse(StatusCode::BAD_REQUEST, 400, "The body could not be read");
            }
        };
        if is_batch(&bytes) && self.shared.settings.batches == Batches::Split {
            return batch::split(self, head, bytes).await;
        }
        let message = match Message::parse(bytes.clone()) {
            Ok(message) => message,
            Err(error) => return refusal(StatusCode::BAD_REQUEST, &id_of(&bytes), &error),
        };
        match message.kind.clone() {
            Kind::Request { id, method } => self.call((id, &method), head, message).await,
            _ => self.forward(&head, message).await,
        }
    }

    /// Passes a request through the layers.
    async fn call(&self, request: (Id, &str), head: Parts, message: Message) -> Response<WireBody> {
        let (pieces, from_server) = mpsc::channel(1);
        let to_client = ToClient {
            pieces,
            parks: true,
        };
        let raw_id = message.id().to_owned();
        let begun = self.begin(&head, request, message, to_client);
        drop(head);
        let (call, running) = match begun {
            Ok(begun) => begun,
            Err(error) => return refusal(StatusCode::BAD_REQUEST, &raw_id, &error),
        };
        let mut exchange = Exchange::new(call.clone(), running, from_server);
        match exchange.head().await {
            Ok(head) => with_body(*head, WireBody::stream(exchange.events())),
            Err((response, latest)) => reply(&call, latest, &response),
        }
    }

    /// Passes a notification or an answer of the client to the server.
    pub(super) async fn forward(&self, head: &Parts, message: Message) -> Response<WireBody> {
        let owner = Owner::of(&head.headers, &head.extensions);
        let request = match &message.kind {
            Kind::Notification { method } => {
                if let Err(error) = message.params() {
                    return refusal(StatusCode::BAD_REQUEST, "null", &error);
                }
                match &owner {
                    Some(owner) if &**method == "notifications/cancelled" => {
                        match self.cancel(owner, &message) {
                            Some(bytes) => post_other(head, method, bytes),
                            None => return empty(StatusCode::ACCEPTED),
                        }
                    }
                    _ => post(head, message.bytes),
                }
            }
            Kind::Answer { id, .. } => {
                if let (Some(owner), Some(id)) = (&owner, id) {
                    self.shared.calls.asked(owner, id);
                }
                post(head, message.bytes)
            }
            Kind::Request { .. } => unreachable!("requests pass the layers"),
        };
        let response = pass(self.upstream.clone(), request).await;
        self.filtered((owner, None), response)
    }

    /// Cancels a call. Returns the notification for the server; `None` if it does not have the call.
    fn cancel(&self, owner: &Owner, message: &Message) -> Option<Bytes> {
        let id = param(message, "requestId").and_then(Id::parse);
        let Some(id) = id else {
            return Some(message.bytes.clone());
        };
        let key = CallKey {
            owner: owner.clone(),
            id,
        };
        match self.shared.calls.cancel(&key) {
            Cancelled::At(at_server) if at_server != key.id => Some(encode::cancelled(&at_server)),
            // Another process may have the call.
            Cancelled::At(_) | Cancelled::Unknown => Some(message.bytes.clone()),
            Cancelled::NotSent => None,
        }
    }

    /// Drops answers that belong to no call.
    fn filtered(
        &self,
        client: (Option<Owner>, Option<HeaderValue>),
        response: Response<WireBody>,
    ) -> Response<WireBody> {
        if !is_stream(response.headers()) {
            return response;
        }
        let (head, body) = response.into_parts();
        with_body(head, resumed(self.shared.clone(), client, body))
    }
}

/// Sends a request past the layers.
async fn pass(upstream: Upstream, request: Request<WireBody>) -> Response<WireBody> {
    upstream.oneshot(request).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot send a request to the server");
        empty(StatusCode::BAD_GATEWAY)
    })
}

/// The JSON of the id of a message that cannot be read. A broken answer is not answered under its own
/// id: its sender could take that for the answer to a request of its own.
fn id_of(bytes: &Bytes) -> String {
    let sketch = Sketch::of(bytes);
    let id = sketch.id().filter(|_| sketch.has_method());
    id.map_or("null".to_owned(), |id| id.to_json())
}

mcp_layers_core::opaque_debug!(Wire<S>);
