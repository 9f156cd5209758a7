//! The future: verify, then call.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use mcp_layers_core::Principal;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{CappedBody, ResponseBody, answer::Fault, body::Exceeded, layer::Edge};
use crate::Verify;

pin_project! {
    /// The future of [`Authenticate`](super::Authenticate).
    pub struct AuthenticateFuture<S, V, B, R>
    where
        S: Service<Request<CappedBody<B>>>,
        V: Verify,
    {
        #[pin]
        state: State<S, V, B, R>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, V, B, R>
    where
        S: Service<Request<CappedBody<B>>>,
        V: Verify,
    {
        Ready {
            response: Option<Response<ResponseBody<R>>>,
        },
        Verifying {
            #[pin]
            verdict: V::Future,
            call: Option<(S, Request<CappedBody<B>>)>,
            exceeded: Exceeded,
            edge: Arc<Edge<V>>,
        },
        Calling {
            #[pin]
            future: S::Future,
            exceeded: Exceeded,
            edge: Arc<Edge<V>>,
        },
    }
}

impl<S, V, B, R> AuthenticateFuture<S, V, B, R>
where
    S: Service<Request<CappedBody<B>>>,
    V: Verify,
{
    pub(super) fn ready(response: Response<ResponseBody<R>>) -> Self {
        let response = Some(response);
        Self {
            state: State::Ready { response },
        }
    }

    pub(super) fn verifying(
        verdict: V::Future,
        service: S,
        request: Request<CappedBody<B>>,
        exceeded: Exceeded,
        edge: Arc<Edge<V>>,
    ) -> Self {
        Self {
            state: State::Verifying {
                verdict,
                call: Some((service, request)),
                exceeded,
                edge,
            },
        }
    }
}

impl<S, V, B, R> Future for AuthenticateFuture<S, V, B, R>
where
    S: Service<Request<CappedBody<B>>, Response = Response<R>>,
    V: Verify,
    R: Body<Data = Bytes>,
{
    type Output = Result<Response<ResponseBody<R>>, S::Error>;

    /// Polled again after it was ready, an answer of the edge stays pending.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut state = self.as_mut().project().state;
            match state.as_mut().project() {
                StateProjection::Ready { response } => {
                    return response
                        .take()
                        .map_or(Poll::Pending, |response| Poll::Ready(Ok(response)));
                }
                StateProjection::Verifying {
                    verdict,
                    call,
                    exceeded,
                    edge,
                } => {
                    let verified = match ready!(verdict.poll(cx)) {
                        Ok(verified) => verified,
                        Err(refusal) => {
                            if let Some(tell) = &edge.on_refusal {
                                tell(&refusal);
                            }
                            let answer = edge.answers.refused(&refusal, &edge.challenge);
                            call.take();
                            return Poll::Ready(Ok(answer));
                        }
                    };
                    let Some((mut service, mut request)) = call.take() else {
                        return Poll::Pending;
                    };
                    let extensions = request.extensions_mut();
                    extensions.remove::<Principal>();
                    extensions.insert(verified.into_principal());
                    let calling = State::Calling {
                        future: service.call(request),
                        exceeded: exceeded.clone(),
                        edge: Arc::clone(edge),
                    };
                    state.set(calling);
                }
                StateProjection::Calling {
                    future,
                    exceeded,
                    edge,
                } => {
                    let response = ready!(future.poll(cx));
                    if exceeded.is_so() {
                        return Poll::Ready(Ok(edge.answers.fault(Fault::BodyTooLarge)));
                    }
                    return Poll::Ready(response.map(|response| response.map(ResponseBody::inner)));
                }
            }
        }
    }
}

impl<S, V, B, R> fmt::Debug for AuthenticateFuture<S, V, B, R>
where
    S: Service<Request<CappedBody<B>>>,
    V: Verify,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticateFuture").finish_non_exhaustive()
    }
}
