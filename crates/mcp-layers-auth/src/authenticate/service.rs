//! The service.

use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{AuthenticateFuture, CappedBody, ResponseBody, answer::Fault, layer::Edge};
use crate::Verify;

/// The service of [`AuthenticateLayer`](super::AuthenticateLayer).
pub struct Authenticate<S, V> {
    inner: S,
    edge: Arc<Edge<V>>,
}

impl<S, V> Authenticate<S, V> {
    pub(super) fn new(inner: S, edge: Arc<Edge<V>>) -> Self {
        Self { inner, edge }
    }
}

impl<S, V, B, R> Service<Request<B>> for Authenticate<S, V>
where
    S: Service<Request<CappedBody<B>>, Response = Response<R>> + Clone,
    V: Verify,
    B: Body,
    R: Body<Data = Bytes>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = AuthenticateFuture<S, V, B, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let edge = &self.edge;
        let metadata = edge.metadata.as_ref();
        if metadata.is_some_and(|metadata| metadata.is_at(request.uri().path())) {
            return AuthenticateFuture::ready(
                edge.answers.metadata(request.method() == Method::GET),
            );
        }
        let credential = match edge.admit(&mut request) {
            Ok(credential) => credential,
            Err(fault) => return AuthenticateFuture::ready(edge.answers.fault(fault)),
        };
        let (parts, body) = request.into_parts();
        let Some((body, exceeded)) = CappedBody::new(body, edge.max_body) else {
            return AuthenticateFuture::ready(edge.answers.fault(Fault::BodyTooLarge));
        };
        let verdict = edge.verifier.verify(&credential);
        // The instance that was made ready goes with the request.
        let next = self.inner.clone();
        let ready = mem::replace(&mut self.inner, next);
        let request = Request::from_parts(parts, body);
        AuthenticateFuture::verifying(verdict, ready, request, exceeded, Arc::clone(edge))
    }
}

impl<S: Clone, V> Clone for Authenticate<S, V> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), Arc::clone(&self.edge))
    }
}

impl<S: fmt::Debug, V> fmt::Debug for Authenticate<S, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticate")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
