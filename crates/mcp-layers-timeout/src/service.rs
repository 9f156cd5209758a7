//! The service.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers_core::{Clock, McpRequest, progress::InputWait};
use tower_service::Service;

use crate::{
    future::{Limited, ResponseFuture},
    handle::TimeoutHandle,
    settings::Settings,
    timer::Timer,
};

/// Limits the time of each request to the inner service. Made by
/// [`TimeoutLayer`](crate::TimeoutLayer).
#[derive(Debug, Clone)]
pub struct Timeout<S> {
    inner: S,
    state: Arc<State>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) handle: TimeoutHandle,
    /// The clock of the timers.
    pub(crate) clock: Clock,
}

impl<S> Timeout<S> {
    pub(crate) fn with_state(inner: S, state: Arc<State>) -> Self {
        Self { inner, state }
    }

    mcp_layers_core::accessors!();
}

impl<S, Req> Service<Req> for Timeout<S>
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response>,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, Req::ReplyTo>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Req) -> Self::Future {
        let State {
            settings,
            handle,
            clock,
        } = &*self.state;
        let Some(limits) = handle.limits_of(settings, &request) else {
            return ResponseFuture::new(self.inner.call(request), None);
        };
        let started = clock.now();
        let reply_to = settings.refusal.address(&request);
        let wants_progress = limits.idle.is_some() && request.progress_token().is_some();
        // A server that follows 2026-07-28 asks by its answer, and waits for nobody.
        let may_ask = !request.is_modern();
        let context = request.context_mut();
        let deadline = context.deadline();
        if let Some(deadline) = started.checked_add(limits.maximum) {
            context.limit_deadline(deadline);
        }
        if wants_progress {
            context.watch_progress();
        }
        if may_ask {
            context.track_input_wait(clock);
        }
        let input_wait = context.input_wait().cloned();
        let waited_before = input_wait.as_ref().map(InputWait::finished);
        let timer = Timer {
            started,
            limits,
            deadline,
            progress: context.progress().cloned(),
            waited_before: waited_before.unwrap_or_default(),
            input_wait,
        };
        let limited = Limited {
            timer,
            reply_to,
            handle: handle.clone(),
        };
        ResponseFuture::new(self.inner.call(request), Some(limited))
    }
}
