use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use mcp_layers_core::{McpRequest, Principal};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::{
    admitted::Admitted, decisions::Decisions, list::ListFilter, policy::Policy,
    rejection::Rejection, settings::Settings, state::State,
};

pin_project! {
    /// The future of [`Authorize`](crate::Authorize).
    pub struct ResponseFuture<S, Req, P>
    where
        S: Service<Req>,
        Req: McpRequest,
        P: Policy,
    {
        #[pin]
        stage: Stage<S, Req, P>,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<S, Req, P>
    where
        S: Service<Req>,
        Req: McpRequest,
        P: Policy,
    {
        // A policy that waits does I/O, next to which a box costs nothing.
        Deciding { waiting: Option<Box<Waiting<S, Req, P>>> },
        Calling { #[pin] future: S::Future, admitted: Option<Admitted<P, Req::ReplyTo>> },
        Filtering { filter: Box<ListFilter<P::Future, Req::Response>> },
        Ready { response: Option<Req::Response> },
    }
}

/// A request whose policy waits, and the service that is ready for it.
pub(crate) struct Waiting<S, Req, P: Policy> {
    pub(crate) decisions: Decisions<P::Future>,
    pub(crate) state: Arc<State<P>>,
    pub(crate) policy: Arc<P>,
    pub(crate) settings: Settings,
    pub(crate) principal: Arc<Principal>,
    pub(crate) inner: S,
    pub(crate) request: Req,
}

impl<S, Req, P> Waiting<S, Req, P>
where
    S: Service<Req>,
    Req: McpRequest,
    P: Policy,
{
    fn decide(mut self) -> Stage<S, Req, P> {
        let (decision, failures) = self.decisions.take_combined();
        if let Some(rejection) = Rejection::from_decision(decision, failures) {
            rejection.count(&self.state.counters);
            let response = rejection.answer(&self.request, &self.settings);
            return Stage::Ready {
                response: Some(response),
            };
        }
        let admitted = Admitted::new(
            &self.state,
            &self.policy,
            self.settings,
            self.principal,
            &self.request,
        );
        Stage::Calling {
            future: self.inner.call(self.request),
            admitted: Some(admitted),
        }
    }
}

impl<S, Req, P> ResponseFuture<S, Req, P>
where
    S: Service<Req>,
    Req: McpRequest,
    P: Policy,
{
    pub(crate) fn deciding(waiting: Waiting<S, Req, P>) -> Self {
        let waiting = Some(Box::new(waiting));
        Self {
            stage: Stage::Deciding { waiting },
        }
    }

    pub(crate) fn calling(future: S::Future, admitted: Option<Admitted<P, Req::ReplyTo>>) -> Self {
        Self {
            stage: Stage::Calling { future, admitted },
        }
    }

    pub(crate) fn ready(response: Req::Response) -> Self {
        let response = Some(response);
        Self {
            stage: Stage::Ready { response },
        }
    }
}

impl<S, Req, P> Future for ResponseFuture<S, Req, P>
where
    S: Service<Req, Response = Req::Response>,
    Req: McpRequest,
    P: Policy,
{
    type Output = Result<Req::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = self.project().stage;
        loop {
            let next = match stage.as_mut().project() {
                StageProjection::Deciding { waiting } => {
                    if let Some(waiting) = waiting {
                        ready!(waiting.decisions.poll(cx));
                    }
                    waiting.take().expect("polled after completion").decide()
                }
                StageProjection::Calling { future, admitted } => {
                    let response = ready!(future.poll(cx))?;
                    let Some(admitted) = admitted.take() else {
                        return Poll::Ready(Ok(response));
                    };
                    match admitted.finish(response) {
                        Ok(response) => return Poll::Ready(Ok(response)),
                        Err(filter) => Stage::Filtering {
                            filter: Box::new(filter),
                        },
                    }
                }
                StageProjection::Filtering { filter } => return filter.poll(cx).map(Ok),
                StageProjection::Ready { response } => {
                    let response = response.take().expect("polled after completion");
                    return Poll::Ready(Ok(response));
                }
            };
            stage.set(next);
        }
    }
}

impl<S, Req, P> fmt::Debug for ResponseFuture<S, Req, P>
where
    S: Service<Req>,
    Req: McpRequest,
    P: Policy,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match &self.stage {
            Stage::Deciding { .. } => "deciding",
            Stage::Calling { .. } => "calling",
            Stage::Filtering { .. } => "filtering",
            Stage::Ready { .. } => "ready",
        };
        f.debug_struct("ResponseFuture")
            .field("stage", &stage)
            .finish()
    }
}
