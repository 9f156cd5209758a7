//! The response future: verifies the credential, then calls the inner service.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response, header::EXPECT, request::Parts};
use http_body::Body;
use http_body_util::Either;
use mcp_layers_core::Principal;
use pin_project_lite::pin_project;
use serde_json::Value;
use tower_service::Service;

use super::{
    body::{Drain, Exceeded, RequestBody, ResponseBody},
    message_id::message_id,
    reason::RefusalReason,
    response::Refused,
    settings::Settings,
};
use crate::verify::{Verified, VerifyFuture};

pin_project! {
    /// The future of [`Authenticate`](super::Authenticate).
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<RequestBody>>,
    {
        settings: Arc<Settings>,
        exceeded: Exceeded,
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<RequestBody>>,
    {
        Ready { response: Option<Response<ResponseBody<B>>> },
        Verifying { verify: VerifyFuture, call: Option<Box<Call<S>>> },
        Refusing { refused: Refused, drain: Drain },
        Calling { #[pin] future: S::Future },
        Done,
    }
}

/// The call of the inner service, while the credential is verified.
struct Call<S> {
    inner: S,
    parts: Parts,
    body: RequestBody,
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<RequestBody>>,
{
    fn new(settings: Arc<Settings>, exceeded: Exceeded, state: State<S, B>) -> Self {
        Self {
            settings,
            exceeded,
            state,
        }
    }

    pub(super) fn ready(settings: Arc<Settings>, response: Response<ResponseBody<B>>) -> Self {
        let response = Some(response);
        Self::new(settings, Exceeded::default(), State::Ready { response })
    }

    pub(super) fn refusing(
        settings: Arc<Settings>,
        reason: RefusalReason,
        parts: &Parts,
        body: RequestBody,
    ) -> Self {
        let state = State::refusing(reason.into(), parts, body);
        Self::new(settings, Exceeded::default(), state)
    }

    pub(super) fn verifying(
        settings: Arc<Settings>,
        verify: VerifyFuture,
        inner: S,
        parts: Parts,
        (body, exceeded): (RequestBody, Exceeded),
    ) -> Self {
        let call = Some(Box::new(Call { inner, parts, body }));
        Self::new(settings, exceeded, State::Verifying { verify, call })
    }
}

impl<S, B> State<S, B>
where
    S: Service<Request<RequestBody>>,
{
    fn refusing(refused: Refused, parts: &Parts, body: RequestBody) -> Self {
        // A client that waits for `100 Continue` has sent no body, and need not send it.
        let waits = parts.headers.contains_key(EXPECT);
        let drain = Drain::new((!waits).then_some(body));
        Self::Refusing { refused, drain }
    }
}

impl<S, B> Future for ResponseFuture<S, B>
where
    S: Service<Request<RequestBody>, Response = Response<B>>,
    B: Body<Data = Bytes>,
{
    type Output = Result<Response<ResponseBody<B>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let output = loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Ready { response } => match response.take() {
                    Some(response) => break Ok(response),
                    None => State::Done,
                },
                StateProjection::Verifying { verify, call } => {
                    let verified = ready!(verify.as_mut().poll(cx));
                    let Some(call) = call.take() else {
                        unreachable!("the state changes when the call is taken");
                    };
                    match verified {
                        Ok(verified) => State::Calling {
                            future: call.start(verified),
                        },
                        Err(refusal) => State::refusing(refusal.into(), &call.parts, call.body),
                    }
                }
                StateProjection::Refusing { refused, drain } => {
                    let body = ready!(drain.poll(cx));
                    let id = body.map_or(Value::Null, |body| message_id(&body));
                    break Ok(refused.response(this.settings, &id));
                }
                StateProjection::Calling { future } => {
                    let response = ready!(future.poll(cx));
                    if this.exceeded.get() {
                        let refused = Refused::from(RefusalReason::TooLarge);
                        break Ok(refused.response(this.settings, &Value::Null));
                    }
                    break response.map(|response| response.map(Either::Left));
                }
                StateProjection::Done => panic!("polled after completion"),
            };
            this.state.set(next);
        };
        this.state.set(State::Done);
        Poll::Ready(output)
    }
}

impl<S> Call<S>
where
    S: Service<Request<RequestBody>>,
{
    fn start(mut self, verified: Verified) -> S::Future {
        let mut request = Request::from_parts(self.parts, self.body);
        let extensions = request.extensions_mut();
        extensions.remove::<Principal>();
        extensions.insert(verified.into_principal());
        self.inner.call(request)
    }
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<RequestBody>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
