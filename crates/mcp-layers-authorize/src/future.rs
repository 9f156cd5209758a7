use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use mcp_layers_core::{McpRequest, McpResponse};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::admitted::Admitted;

pin_project! {
    /// The future of [`Authorize`](crate::Authorize).
    pub struct ResponseFuture<S, Req>
    where
        S: Service<Req>,
        Req: McpRequest,
    {
        #[pin]
        stage: Stage<S::Future, Req::Response, S::Error, Req::ReplyTo>,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<F, R, E, To> {
        Calling { #[pin] future: F, admitted: Option<Admitted<To>> },
        // A policy that waits does I/O, next to which a box costs nothing.
        Waiting { future: BoxFuture<R, E> },
        Ready { response: Option<R> },
    }
}

type BoxFuture<R, E> = Pin<Box<dyn Future<Output = Result<R, E>> + Send>>;

impl<S, Req> ResponseFuture<S, Req>
where
    S: Service<Req>,
    Req: McpRequest,
{
    pub(crate) fn calling(future: S::Future, admitted: Option<Admitted<Req::ReplyTo>>) -> Self {
        Self {
            stage: Stage::Calling { future, admitted },
        }
    }

    pub(crate) fn waiting(
        future: impl Future<Output = Result<Req::Response, S::Error>> + Send + 'static,
    ) -> Self {
        let future = Box::pin(future);
        Self {
            stage: Stage::Waiting { future },
        }
    }

    pub(crate) fn ready(response: Req::Response) -> Self {
        let response = Some(response);
        Self {
            stage: Stage::Ready { response },
        }
    }
}

impl<S, Req> Future for ResponseFuture<S, Req>
where
    S: Service<Req, Response = Req::Response>,
    S::Error: 'static,
    Req: McpRequest,
    Req::Response: Send + 'static,
{
    type Output = Result<Req::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = self.project().stage;
        loop {
            let next = match stage.as_mut().project() {
                StageProjection::Calling { future, admitted } => {
                    let response = ready!(future.poll(cx))?;
                    let Some(admitted) = admitted.take() else {
                        return Poll::Ready(Ok(response));
                    };
                    finish(admitted, response)
                }
                StageProjection::Waiting { future } => return future.as_mut().poll(cx),
                StageProjection::Ready { response } => {
                    let response = response.take().expect("polled after completion");
                    return Poll::Ready(Ok(response));
                }
            };
            stage.set(next);
        }
    }
}

/// The response in the form that its caller gets, once a list is filtered.
fn finish<F, R, E>(admitted: Admitted<R::ReplyTo>, response: R) -> Stage<F, R, E, R::ReplyTo>
where
    R: McpResponse + Send + 'static,
    E: 'static,
{
    match admitted.finish(response) {
        Ok(response) => Stage::Ready {
            response: Some(response),
        },
        Err(filter) => Stage::Waiting {
            future: Box::pin(async { Ok(filter.wait().await) }),
        },
    }
}

mcp_layers_core::opaque_debug!(ResponseFuture<S: Service<Req>, Req: McpRequest>);
