use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_mcp::{
    RouterRequest, RouterResponse,
    protocol::{InitializeParams, McpRequest, McpResponse},
};
use tower_service::Service;

use crate::{
    handshake::{Handshake, Session},
    request::TowerMcpRequest,
    response::TowerMcpResponse,
};

/// The innermost service of a stack: the tower-mcp router, or another service for its requests.
#[derive(Clone)]
pub struct Leaf<S> {
    inner: S,
    session: Session,
}

impl<S> Leaf<S> {
    pub(crate) fn new(inner: S, session: Session) -> Self {
        Self { inner, session }
    }

    mcp_layers_core::accessors!();
}

impl<S> Service<TowerMcpRequest> for Leaf<S>
where
    S: Service<RouterRequest, Response = RouterResponse>,
{
    type Response = TowerMcpResponse;
    type Error = S::Error;
    type Future = LeafFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: TowerMcpRequest) -> Self::Future {
        let request = request.into_inner();
        let offer = match &request.inner {
            McpRequest::Initialize(params) => Some(Box::new(Offer {
                params: params.clone(),
                session: self.session.clone(),
            })),
            _ => None,
        };
        LeafFuture {
            future: self.inner.call(request),
            offer,
        }
    }
}

/// The client's side of `initialize`.
struct Offer {
    params: InitializeParams,
    session: Session,
}

pin_project! {
    /// The future of [`Leaf`].
    pub struct LeafFuture<F> {
        #[pin]
        future: F,
        offer: Option<Box<Offer>>,
    }
}

impl<F, E> Future for LeafFuture<F>
where
    F: Future<Output = Result<RouterResponse, E>>,
{
    type Output = Result<TowerMcpResponse, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.future.poll(cx))?;
        if let Some(offer) = this.offer.take()
            && let Ok(McpResponse::Initialize(result)) = &response.inner
        {
            let handshake = Handshake::new(&offer.params, &result.protocol_version);
            offer.session.agreed(handshake);
        }
        Poll::Ready(Ok(TowerMcpResponse::new(response)))
    }
}

mcp_layers_core::opaque_debug!(Leaf<S>);

mcp_layers_core::opaque_debug!(LeafFuture<F>);
