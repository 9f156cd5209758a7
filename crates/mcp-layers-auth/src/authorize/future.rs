use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use mcp_layers_core::McpRequest;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    after::After,
    filtering::Filtering,
    judging::{Judged, Judging},
};
use crate::Policy;

pin_project! {
    /// The future of [`Authorize`](crate::Authorize).
    pub struct AuthorizeFuture<S, Req, P>
    where
        S: Service<Req>,
        Req: McpRequest,
        P: Policy,
    {
        #[pin]
        state: State<S, Req, P>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, Req, P>
    where
        S: Service<Req>,
        Req: McpRequest,
        P: Policy,
    {
        // A policy that waits does I/O, beside which a box is nothing.
        Judging { judging: Box<Judging<S, Req, P>> },
        Running { #[pin] future: S::Future, after: Option<After<P, Req::ReplyTo>> },
        Filtering { filtering: Box<Filtering<P, Req::Response>> },
        Ready { response: Option<Req::Response> },
    }
}

impl<S, Req, P> AuthorizeFuture<S, Req, P>
where
    S: Service<Req>,
    Req: McpRequest,
    P: Policy,
{
    pub(super) fn judging(judging: Judging<S, Req, P>) -> Self {
        Self {
            state: State::Judging {
                judging: Box::new(judging),
            },
        }
    }

    pub(super) fn running(future: S::Future, after: Option<After<P, Req::ReplyTo>>) -> Self {
        Self {
            state: State::Running { future, after },
        }
    }

    pub(super) fn ready(response: Req::Response) -> Self {
        Self {
            state: State::Ready {
                response: Some(response),
            },
        }
    }
}

impl<S, Req, P> Future for AuthorizeFuture<S, Req, P>
where
    S: Service<Req, Response = Req::Response>,
    Req: McpRequest,
    P: Policy,
{
    type Output = Result<Req::Response, S::Error>;

    /// Polled again after it was ready, an answer of the layer's own stays pending.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Judging { judging } => match ready!(judging.poll(cx)) {
                    Judged::Refused(response) => return Poll::Ready(Ok(response)),
                    Judged::Admitted(future, after) => State::Running {
                        future,
                        after: Some(after),
                    },
                },
                StateProjection::Running { future, after } => {
                    let mut poll = future.poll(cx);
                    let list = match &mut poll {
                        Poll::Ready(Ok(response)) => {
                            after.take().and_then(|after| after.settle(response))
                        }
                        _ => None,
                    };
                    let (after, response) = match (list, poll) {
                        (Some(after), Poll::Ready(Ok(response))) => (after, response),
                        (_, poll) => return poll,
                    };
                    let mut filtering = after.filter(response);
                    // What is decided at once needs no box.
                    if filtering.is_done()
                        && let Some(response) = filtering.finish()
                    {
                        return Poll::Ready(Ok(response));
                    }
                    State::Filtering {
                        filtering: Box::new(filtering),
                    }
                }
                StateProjection::Filtering { filtering } => return filtering.poll(cx).map(Ok),
                StateProjection::Ready { response } => {
                    let response = response.take();
                    return response.map_or(Poll::Pending, |response| Poll::Ready(Ok(response)));
                }
            };
            state.set(next);
        }
    }
}

impl<S, Req, P> fmt::Debug for AuthorizeFuture<S, Req, P>
where
    S: Service<Req>,
    Req: McpRequest,
    P: Policy,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Judging { .. } => "judging",
            State::Running { .. } => "running",
            State::Filtering { .. } => "filtering",
            State::Ready { .. } => "ready",
        };
        f.debug_struct("AuthorizeFuture")
            .field("state", &state)
            .finish()
    }
}
