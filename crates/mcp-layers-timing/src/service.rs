//! The service.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers_core::{Clock, McpRequest};
use tower_service::Service;

use crate::{Recorder, ResponseFuture, future::Running, series::Series};

/// The service of [`TimingLayer`](crate::TimingLayer).
pub struct Timing<S, R, C> {
    inner: S,
    series: Arc<Series<R>>,
    clock: C,
}

impl<S, R, C> Timing<S, R, C> {
    pub(crate) fn new(inner: S, series: Arc<Series<R>>, clock: C) -> Self {
        Self {
            inner,
            series,
            clock,
        }
    }
}

impl<S, R, C, Req> Service<Req> for Timing<S, R, C>
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response>,
    R: Recorder,
    C: Clock,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let running = Running::start(Arc::clone(&self.series), self.clock.clone(), &request);
        ResponseFuture::new(self.inner.call(request), running)
    }
}

impl<S: Clone, R, C: Clone> Clone for Timing<S, R, C> {
    fn clone(&self) -> Self {
        Self::new(
            self.inner.clone(),
            Arc::clone(&self.series),
            self.clock.clone(),
        )
    }
}

impl<S: fmt::Debug, R, C> fmt::Debug for Timing<S, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timing")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
