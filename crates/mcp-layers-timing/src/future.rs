//! The future, and what it holds for the measurement.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use mcp_layers_core::{Clock, McpRequest, McpResponse};
use pin_project_lite::pin_project;

use crate::{
    Recorder,
    end::End,
    series::{Call, Series},
};

pin_project! {
    /// The future of [`Timing`](crate::Timing). Dropped before it is done, it records a cancelled
    /// request.
    pub struct ResponseFuture<F, R, C>
    where
        R: Recorder,
        C: Clock,
    {
        #[pin]
        future: F,
        running: Running<R, C>,
    }
}

impl<F, R: Recorder, C: Clock> ResponseFuture<F, R, C> {
    pub(crate) fn new(future: F, mut running: Running<R, C>) -> Self {
        running.inside = false;
        Self { future, running }
    }
}

impl<F, R, C, Res, E> Future for ResponseFuture<F, R, C>
where
    F: Future<Output = Result<Res, E>>,
    R: Recorder,
    C: Clock,
    Res: McpResponse,
{
    type Output = Result<Res, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.running.inside = true;
        let poll = this.future.poll(cx);
        this.running.inside = false;
        if let Poll::Ready(output) = &poll {
            this.running.end(output);
        }
        poll
    }
}

/// A request in flight. Dropped, it records how the request ended: once, whatever happens.
// The bounds stand here because `Drop` needs them.
pub(crate) struct Running<R: Recorder, C: Clock> {
    series: Arc<Series<R>>,
    clock: C,
    call: Call,
    started: Instant,
    /// Whether the inner service is at work. Dropped meanwhile, it has panicked.
    inside: bool,
    done: bool,
}

impl<R: Recorder, C: Clock> Running<R, C> {
    pub(crate) fn start<Req: McpRequest>(series: Arc<Series<R>>, clock: C, request: &Req) -> Self {
        let started = clock.now();
        let call = series.call_of(request);
        series.enter(&call);
        Self {
            series,
            clock,
            call,
            started,
            inside: true,
            done: false,
        }
    }

    fn end<Res: McpResponse, E>(&mut self, output: &Result<Res, E>) {
        let end = match output {
            Ok(response) => {
                self.series.learn_listed(&self.call, response);
                End::of(&response.outcome())
            }
            Err(_) => End::Failed,
        };
        self.record(end);
    }

    fn record(&mut self, end: End) {
        if !std::mem::replace(&mut self.done, true) {
            let duration = self.clock.now().saturating_duration_since(self.started);
            self.series.record(&self.call, end, duration);
            self.series.leave(&self.call);
        }
    }
}

impl<R: Recorder, C: Clock> Drop for Running<R, C> {
    fn drop(&mut self) {
        self.record(if self.inside {
            End::Failed
        } else {
            End::Dropped
        });
    }
}

impl<F, R: Recorder, C: Clock> fmt::Debug for ResponseFuture<F, R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("call", &self.running.call)
            .finish_non_exhaustive()
    }
}
