use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header::CONTENT_LENGTH, request::Parts};
use http_body::Body;
use http_body_util::{Either, Full};
use mcp_layers_core::Principal;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    answer::{self, Answer},
    body::{Collect, Unread},
    judging::{Judging, Verdict},
    layer::Edge,
    messages::{requests, without_arguments},
    service::SESSION,
};
use crate::Policy;

pin_project! {
    /// The future of [`AuthorizeHttp`](crate::AuthorizeHttp).
    pub struct AuthorizeHttpFuture<S, P, B, R>
    where
        S: Service<Request<Full<Bytes>>>,
        P: Policy,
    {
        #[pin]
        state: State<S, P, B, R>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, P, B, R>
    where
        S: Service<Request<Full<Bytes>>>,
        P: Policy,
    {
        Reading { #[pin] body: Collect<B>, waiting: Option<Box<Waiting<S, P>>> },
        Judging { judging: Judging<P>, bytes: Bytes, waiting: Option<Box<Waiting<S, P>>> },
        Calling { #[pin] future: S::Future, edge: Arc<Edge<P>>, then: Session },
        Ready { response: Option<Answer<R>> },
    }
}

/// A request whose body is still to be read or judged. Boxed: reading a body is I/O.
pub(super) struct Waiting<S, P> {
    pub(super) edge: Arc<Edge<P>>,
    pub(super) principal: Arc<Principal>,
    pub(super) inner: S,
    pub(super) parts: Parts,
    pub(super) then: Session,
}

/// What the response means for sessions.
pub(super) enum Session {
    /// One that it names belongs to the principal.
    Opens(Arc<Principal>),
    GoesOn,
    /// If it succeeds, this one is over.
    Ends(Box<str>),
}

impl<S, P, B, R> AuthorizeHttpFuture<S, P, B, R>
where
    S: Service<Request<Full<Bytes>>>,
    P: Policy,
    B: Body,
{
    pub(super) fn ready(response: Answer<R>) -> Self {
        Self {
            state: State::Ready {
                response: Some(response),
            },
        }
    }

    pub(super) fn reading(body: B, waiting: Waiting<S, P>) -> Self {
        Self {
            state: State::Reading {
                body: Collect::new(body, waiting.edge.max_body),
                waiting: Some(Box::new(waiting)),
            },
        }
    }
}

impl<S, P, B, R> Future for AuthorizeHttpFuture<S, P, B, R>
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>>,
    P: Policy,
    B: Body,
    R: Body<Data = Bytes>,
{
    type Output = Result<Response<Either<R, Full<Bytes>>>, S::Error>;

    /// Polled again after it was ready, an answer of the edge stays pending.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Reading { body, waiting } => {
                    let read = ready!(body.poll(cx));
                    let Some(waiting) = waiting.take() else {
                        return Poll::Pending;
                    };
                    match read {
                        Ok(bytes) => judge(bytes, waiting),
                        Err(Unread::TooLarge) => State::answer(answer::too_large()),
                        Err(Unread::Broken) => State::answer(answer::broken()),
                    }
                }
                StateProjection::Judging {
                    judging,
                    bytes,
                    waiting,
                } => {
                    let Some(edge) = waiting.as_ref().map(|waiting| Arc::clone(&waiting.edge))
                    else {
                        return Poll::Pending;
                    };
                    let verdict = ready!(judging.poll(&edge, cx));
                    let Some(waiting) = waiting.take() else {
                        return Poll::Pending;
                    };
                    match verdict {
                        Verdict::Pass => call(bytes.clone(), *waiting),
                        Verdict::PassHidden => call_hidden(bytes, *waiting),
                        Verdict::Refuse(request, refusal) => {
                            State::answer(answer::refused(refusal, &request, &edge.challenge))
                        }
                    }
                }
                StateProjection::Calling { future, edge, then } => {
                    let response = ready!(future.poll(cx))?;
                    keep_sessions(edge, then, &response);
                    return Poll::Ready(Ok(response.map(Either::Left)));
                }
                StateProjection::Ready { response } => {
                    let response = response.take();
                    return response.map_or(Poll::Pending, |response| Poll::Ready(Ok(response)));
                }
            };
            state.set(next);
        }
    }
}

impl<S, P, B, R> State<S, P, B, R>
where
    S: Service<Request<Full<Bytes>>>,
    P: Policy,
{
    fn answer(response: Answer<R>) -> Self {
        Self::Ready {
            response: Some(response),
        }
    }
}

/// Only `POST` has messages in its body (MCP, basic/transports).
fn judge<S, P, B, R>(bytes: Bytes, waiting: Box<Waiting<S, P>>) -> State<S, P, B, R>
where
    S: Service<Request<Full<Bytes>>>,
    P: Policy,
{
    if waiting.parts.method != Method::POST {
        return call(bytes, *waiting);
    }
    match requests(&bytes, &waiting.principal) {
        Ok(requests) => State::Judging {
            judging: Judging::new(&waiting.edge, requests),
            bytes,
            waiting: Some(waiting),
        },
        Err(error) => State::answer(answer::no_message(&error)),
    }
}

fn call<S, P, B, R>(bytes: Bytes, mut waiting: Waiting<S, P>) -> State<S, P, B, R>
where
    S: Service<Request<Full<Bytes>>>,
    P: Policy,
{
    let request = Request::from_parts(waiting.parts, Full::new(bytes));
    State::Calling {
        future: waiting.inner.call(request),
        edge: waiting.edge,
        then: waiting.then,
    }
}

/// The transport checks arguments, and headers that repeat them, against the schema of the tool: it
/// would tell a hidden tool from an unknown one.
fn call_hidden<S, P, B, R>(bytes: &Bytes, mut waiting: Waiting<S, P>) -> State<S, P, B, R>
where
    S: Service<Request<Full<Bytes>>>,
    P: Policy,
{
    let bytes = without_arguments(bytes);
    let headers = &mut waiting.parts.headers;
    let params: Vec<_> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("mcp-param-"))
        .cloned()
        .collect();
    for name in params {
        headers.remove(name);
    }
    if headers.contains_key(CONTENT_LENGTH) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    }
    call(bytes, waiting)
}

fn keep_sessions<P, R>(edge: &Edge<P>, then: &Session, response: &Response<R>) {
    let sessions = &edge.shared.sessions;
    match then {
        Session::Opens(principal) => {
            let opened = response.headers().get(SESSION);
            if let Some(session) = opened.and_then(|session| session.to_str().ok()) {
                sessions.bind(session, principal);
            }
        }
        Session::Ends(session) if response.status().is_success() => sessions.release(session),
        Session::Ends(_) | Session::GoesOn => {}
    }
}

impl<S, P, B, R> fmt::Debug for AuthorizeHttpFuture<S, P, B, R>
where
    S: Service<Request<Full<Bytes>>>,
    P: Policy,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Reading { .. } => "reading",
            State::Judging { .. } => "judging",
            State::Calling { .. } => "calling",
            State::Ready { .. } => "ready",
        };
        f.debug_struct("AuthorizeHttpFuture")
            .field("state", &state)
            .finish()
    }
}
