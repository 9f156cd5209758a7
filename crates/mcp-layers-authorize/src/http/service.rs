use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Extensions, HeaderMap, Method, Request, Response};
use http_body::Body;
use http_body_util::{Either, Full};
use mcp_layers_core::{BoxError, Principal, request::MODERN};
use tower_service::Service;

use super::{
    answer::{session_not_found, unauthenticated},
    edge::{Edge, SESSION, Session},
    future::{AuthorizeHttpFuture, Waiting},
};
use crate::{bindings::Owned, policy::Policy, state::Counters};

const VERSION: &str = "mcp-protocol-version";

/// The service of [`AuthorizeHttpLayer`](crate::AuthorizeHttpLayer).
pub struct AuthorizeHttp<S, P> {
    inner: S,
    edge: Arc<Edge<P>>,
}

impl<S, P> AuthorizeHttp<S, P> {
    pub(super) fn with_edge(inner: S, edge: Arc<Edge<P>>) -> Self {
        Self { inner, edge }
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, P, B, R> Service<Request<B>> for AuthorizeHttp<S, P>
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>> + Clone,
    P: Policy,
    B: Body,
    B::Error: Into<BoxError>,
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
        let (mut parts, body) = request.into_parts();
        let Some(principal) = principal(&parts.extensions) else {
            Counters::add(&edge.state.counters.unauthenticated, 1);
            let answer = unauthenticated(&edge.challenge);
            return AuthorizeHttpFuture::refusing(body, edge.max_body, answer);
        };
        if is_modern(&parts.headers) {
            parts.headers.remove(SESSION);
        }
        let session = match session(&parts.headers) {
            Ok(None) => Ok(Session::Opens(Arc::clone(&principal))),
            Ok(Some(session)) => match edge.state.sessions.touch(session, &principal) {
                Owned::Own if parts.method == Method::DELETE => Ok(Session::Ends(session.into())),
                Owned::Own => Ok(Session::Continues(session.into())),
                Owned::Foreign => Err("session of another principal"),
                Owned::Unbound => Err("session without an owner"),
            },
            Err(()) => Err("session id not readable"),
        };
        let session = match session {
            Ok(session) => session,
            Err(rule) => {
                Counters::add(&edge.state.counters.foreign, 1);
                let answer = session_not_found(rule);
                return AuthorizeHttpFuture::refusing(body, edge.max_body, answer);
            }
        };
        // The instance that is ready goes with the request.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        let waiting = Waiting {
            edge: Arc::clone(edge),
            principal,
            inner,
            parts,
            session,
        };
        AuthorizeHttpFuture::reading(body, waiting)
    }
}

/// The verified principal of a request.
fn principal(extensions: &Extensions) -> Option<Arc<Principal>> {
    let shared = extensions.get::<Arc<Principal>>().cloned();
    let found = shared.or_else(|| extensions.get::<Principal>().cloned().map(Arc::new));
    found.filter(|principal| principal.is_verified())
}

fn is_modern(headers: &HeaderMap) -> bool {
    let version = headers
        .get(VERSION)
        .and_then(|version| version.to_str().ok());
    version.is_some_and(|version| version >= MODERN)
}

/// The session of a request; an error for an id that cannot be read, or for several.
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
        Self::with_edge(self.inner.clone(), Arc::clone(&self.edge))
    }
}

impl<S: fmt::Debug, P> fmt::Debug for AuthorizeHttp<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizeHttp")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
