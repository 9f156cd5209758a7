//! The response future.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use mcp_layers_core::{McpRequest, StoredResponse, trail::CacheEvent};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::{
    miss::Miss,
    pending::{Pending, Resolved},
    report::report,
};

pin_project! {
    /// The response future of [`Cache`](crate::Cache).
    ///
    /// Requests that wait for this one lose nothing when it is dropped: one of them takes over.
    pub struct ResponseFuture<S, Req>
    where
        S: Service<Req>,
        Req: McpRequest,
    {
        #[pin]
        stage: Stage<S::Future, Req::Response, Req::ReplyTo, Pending<S, Req>>,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<F, Res, To, P> {
        Answer { response: Option<Res> },
        // Boxed: it holds the request.
        Pending { pending: Box<P> },
        Running { #[pin] future: F, then: Option<Then<To>> },
    }
}

/// The treatment of the inner service's response.
pub(crate) enum Then<To> {
    Pass,
    Report(CacheEvent, bool),
    Store(Box<Miss<To>>),
}

impl<S, Req> ResponseFuture<S, Req>
where
    S: Service<Req>,
    Req: McpRequest,
{
    pub(crate) fn answer(response: Req::Response) -> Self {
        let response = Some(response);
        Self {
            stage: Stage::Answer { response },
        }
    }

    pub(crate) fn running(future: S::Future, then: Then<Req::ReplyTo>) -> Self {
        let then = Some(then);
        Self {
            stage: Stage::Running { future, then },
        }
    }

    pub(crate) fn pending(pending: Pending<S, Req>) -> Self {
        let pending = Box::new(pending);
        Self {
            stage: Stage::Pending { pending },
        }
    }
}

impl<S, Req> Future for ResponseFuture<S, Req>
where
    Req: McpRequest,
    Req::Response: StoredResponse,
    S: Service<Req, Response = Req::Response> + Clone,
{
    type Output = Result<Req::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = self.project().stage;
        loop {
            let (future, miss) = match stage.as_mut().project() {
                StageProjection::Answer { response } => {
                    let response = response.take().expect("polled after completion");
                    return Poll::Ready(Ok(response));
                }
                StageProjection::Pending { pending } => match ready!(pending.poll(cx))? {
                    Resolved::Answer(response) => return Poll::Ready(Ok(response)),
                    Resolved::Run(future, miss) => (future, miss),
                },
                StageProjection::Running { future, then } => {
                    let mut answer = ready!(future.poll(cx));
                    match (then.take().expect("polled after completion"), &mut answer) {
                        (Then::Store(miss), answer) => miss.finish(answer),
                        (Then::Report(event, in_meta), Ok(response)) => {
                            report(response, event, in_meta);
                        }
                        (Then::Pass | Then::Report(..), _) => {}
                    }
                    return Poll::Ready(answer);
                }
            };
            let then = Some(Then::Store(miss));
            stage.set(Stage::Running { future, then });
        }
    }
}

impl<S, Req> fmt::Debug for ResponseFuture<S, Req>
where
    S: Service<Req>,
    Req: McpRequest,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match &self.stage {
            Stage::Answer { .. } => "answer",
            Stage::Pending { .. } => "pending",
            Stage::Running { .. } => "running",
        };
        f.debug_struct("ResponseFuture")
            .field("stage", &stage)
            .finish()
    }
}
