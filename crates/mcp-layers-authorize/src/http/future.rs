use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Method, Request, Response, request::Parts};
use http_body::Body;
use http_body_util::{BodyExt, Either, Full, LengthLimitError, Limited, combinators::Collect};
use mcp_layers_core::{BoxError, Principal, hidden_tool};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    answer::{self, Answer},
    decision::{BodyCheck, BodyDecision},
    edge::{Edge, Session},
    message::Messages,
};
use crate::policy::Policy;

pin_project! {
    /// The future of [`AuthorizeHttp`](crate::AuthorizeHttp).
    pub struct AuthorizeHttpFuture<S, P, B, R>
    where
        S: Service<Request<Full<Bytes>>>,
        P: Policy,
        B: Body,
        B::Error: Into<BoxError>,
    {
        #[pin]
        stage: Stage<S, P, B, R>,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<S, P, B, R>
    where
        S: Service<Request<Full<Bytes>>>,
        P: Policy,
        B: Body,
        B::Error: Into<BoxError>,
    {
        // The rest of the body is read before a refusal, so that no client breaks off sending it.
        Refusing { #[pin] body: Collect<Limited<B>>, answer: Option<Answer<R>> },
        Reading { #[pin] body: Collect<Limited<B>>, waiting: Option<Box<Waiting<S, P>>> },
        Deciding { check: BodyCheck<P>, bytes: Bytes, waiting: Option<Box<Waiting<S, P>>> },
        Calling {
            #[pin]
            future: S::Future,
            edge: Arc<Edge<P>>,
            session: Session,
            hidden_tool: Option<Arc<str>>,
        },
        Ready { answer: Option<Answer<R>> },
    }
}

/// A request whose body is still to be read or decided. Boxed: reading a body is I/O.
pub(super) struct Waiting<S, P> {
    pub(super) edge: Arc<Edge<P>>,
    pub(super) principal: Arc<Principal>,
    pub(super) inner: S,
    pub(super) parts: Parts,
    pub(super) session: Session,
}

impl<S, P, B, R> AuthorizeHttpFuture<S, P, B, R>
where
    S: Service<Request<Full<Bytes>>>,
    P: Policy,
    B: Body,
    B::Error: Into<BoxError>,
{
    pub(super) fn refusing(body: B, max_body: usize, answer: Answer<R>) -> Self {
        let answer = Some(answer);
        let is_known_too_large = body.size_hint().lower() > max_body as u64;
        let stage = match is_known_too_large {
            true => Stage::Ready { answer },
            false => Stage::Refusing {
                body: Limited::new(body, max_body).collect(),
                answer,
            },
        };
        Self { stage }
    }

    pub(super) fn reading(body: B, waiting: Waiting<S, P>) -> Self {
        let max_body = waiting.edge.max_body;
        if body.size_hint().lower() > max_body as u64 {
            return Self {
                stage: Stage::answer(answer::too_large()),
            };
        }
        Self {
            stage: Stage::Reading {
                body: Limited::new(body, max_body).collect(),
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
    B::Error: Into<BoxError>,
    R: Body<Data = Bytes>,
{
    type Output = Result<Response<Either<R, Full<Bytes>>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = self.project().stage;
        loop {
            let next = match stage.as_mut().project() {
                StageProjection::Refusing { body, answer } => {
                    let _ = ready!(body.poll(cx));
                    Stage::Ready {
                        answer: answer.take(),
                    }
                }
                StageProjection::Reading { body, waiting } => {
                    let read = ready!(body.poll(cx));
                    let waiting = waiting.take().expect("a body is read once");
                    match read {
                        Ok(body) => Stage::check(body.to_bytes(), waiting),
                        Err(error) if error.is::<LengthLimitError>() => {
                            Stage::answer(answer::too_large())
                        }
                        Err(_) => Stage::answer(answer::broken()),
                    }
                }
                StageProjection::Deciding {
                    check,
                    bytes,
                    waiting,
                } => {
                    let decision = ready!(check.poll(cx));
                    let waiting = waiting.take().expect("a body is decided once");
                    match decision {
                        BodyDecision::Pass => Stage::call(bytes.clone(), *waiting, None),
                        BodyDecision::PassHidden(tool) => {
                            Stage::call(bytes.clone(), *waiting, Some(tool))
                        }
                        BodyDecision::Reject(request, rejection) => {
                            rejection.count(&waiting.edge.state.counters);
                            let challenge = &waiting.edge.challenge;
                            Stage::answer(answer::rejected(rejection, &request, challenge))
                        }
                    }
                }
                StageProjection::Calling {
                    future,
                    edge,
                    session,
                    hidden_tool,
                } => {
                    let polled = match hidden_tool {
                        Some(tool) => hidden_tool::scope(tool, || future.poll(cx)),
                        None => future.poll(cx),
                    };
                    let response = ready!(polled)?;
                    edge.keep_session(session, &response);
                    return Poll::Ready(Ok(response.map(Either::Left)));
                }
                StageProjection::Ready { answer } => {
                    let answer = answer.take().expect("polled after completion");
                    return Poll::Ready(Ok(answer));
                }
            };
            stage.set(next);
        }
    }
}

impl<S, P, B, R> Stage<S, P, B, R>
where
    S: Service<Request<Full<Bytes>>>,
    P: Policy,
    B: Body,
    B::Error: Into<BoxError>,
{
    fn answer(answer: Answer<R>) -> Self {
        Self::Ready {
            answer: Some(answer),
        }
    }

    fn check(bytes: Bytes, waiting: Box<Waiting<S, P>>) -> Self {
        // Only `POST` has messages in its body (MCP, basic/transports).
        if waiting.parts.method != Method::POST {
            return Self::call(bytes, *waiting, None);
        }
        let edge = &waiting.edge;
        let messages = Messages::read(&bytes, &waiting.principal);
        if messages.has_duplicate {
            return Self::answer(answer::duplicate_member());
        }
        if let Some(error) = &messages.unreadable
            && !edge.state.is_in_stack()
        {
            return Self::answer(answer::not_a_message(error));
        }
        Self::Deciding {
            check: BodyCheck::new(&edge.state, &edge.settings, messages.requests),
            bytes,
            waiting: Some(waiting),
        }
    }

    fn call(bytes: Bytes, mut waiting: Waiting<S, P>, hidden_tool: Option<Arc<str>>) -> Self {
        let request = Request::from_parts(waiting.parts, Full::new(bytes));
        let future = match &hidden_tool {
            Some(tool) => hidden_tool::scope(tool, || waiting.inner.call(request)),
            None => waiting.inner.call(request),
        };
        Self::Calling {
            future,
            edge: waiting.edge,
            session: waiting.session,
            hidden_tool,
        }
    }
}

impl<S, P, B, R> fmt::Debug for AuthorizeHttpFuture<S, P, B, R>
where
    S: Service<Request<Full<Bytes>>>,
    P: Policy,
    B: Body,
    B::Error: Into<BoxError>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match &self.stage {
            Stage::Refusing { .. } => "refusing",
            Stage::Reading { .. } => "reading",
            Stage::Deciding { .. } => "deciding",
            Stage::Calling { .. } => "calling",
            Stage::Ready { .. } => "ready",
        };
        f.debug_struct("AuthorizeHttpFuture")
            .field("stage", &stage)
            .finish()
    }
}
