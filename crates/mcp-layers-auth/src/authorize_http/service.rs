use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Extensions, HeaderMap, Method, Request, Response};
use http_body::Body;
use http_body_util::{Either, Full};
use mcp_layers_core::Principal;
use tower_service::Service;

use super::{
    AuthorizeHttpFuture,
    answer::{no_session, unauthenticated},
    future::{Session, Waiting},
    layer::Edge,
};
use crate::{Policy, bindings::Whose};

pub(super) const SESSION: &str = "mcp-session-id";

/// The service of [`AuthorizeHttpLayer`](crate::AuthorizeHttpLayer).
pub struct AuthorizeHttp<S, P> {
    inner: S,
    edge: Arc<Edge<P>>,
}

impl<S, P> AuthorizeHttp<S, P> {
    pub(super) fn new(inner: S, edge: Arc<Edge<P>>) -> Self {
        Self { inner, edge }
    }
}

impl<S, P, B, R> Service<Request<B>> for AuthorizeHttp<S, P>
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>> + Clone,
    P: Policy,
    B: Body,
    R: Body<Data = Bytes>,
{
    type Response = Response<Either<R, Full<Bytes>>>;
    type Error = S::Error;
    type Future = AuthorizeHttpFuture<S, P, B, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let edge = &self.edge;
        let Some(principal) = principal(request.extensions()) else {
            return AuthorizeHttpFuture::ready(unauthenticated(&edge.challenge));
        };
        let Ok(session) = session(request.headers()) else {
            return AuthorizeHttpFuture::ready(no_session("session without a name"));
        };
        let then = match session {
            None => Session::Opens(Arc::clone(&principal)),
            Some(session) => match edge.shared.sessions.whose(session, &principal) {
                Whose::Own if request.method() == Method::DELETE => Session::Ends(session.into()),
                Whose::Own => Session::GoesOn,
                Whose::Other => {
                    let answer = no_session("session of another principal");
                    return AuthorizeHttpFuture::ready(answer);
                }
                Whose::Nobody => {
                    return AuthorizeHttpFuture::ready(no_session("session without an owner"));
                }
            },
        };
        // The instance that was made ready goes with the request.
        let next = self.inner.clone();
        let ready = mem::replace(&mut self.inner, next);
        let (parts, body) = request.into_parts();
        let waiting = Waiting {
            edge: Arc::clone(edge),
            principal,
            inner: ready,
            parts,
            then,
        };
        AuthorizeHttpFuture::reading(body, waiting)
    }
}

/// A verified principal.
fn principal(extensions: &Extensions) -> Option<Arc<Principal>> {
    let shared = extensions.get::<Arc<Principal>>().cloned();
    let found = shared.or_else(|| extensions.get::<Principal>().cloned().map(Arc::new));
    found.filter(|principal| principal.is_verified())
}

/// The session that a request belongs to; an error for one that cannot be read, or for several.
fn session(headers: &HeaderMap) -> Result<Option<&str>, ()> {
    let mut values = headers.get_all(SESSION).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(session), None) => session.to_str().map(Some).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}

impl<S: Clone, P> Clone for AuthorizeHttp<S, P> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), Arc::clone(&self.edge))
    }
}

impl<S: fmt::Debug, P> fmt::Debug for AuthorizeHttp<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizeHttp")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
