//! The service.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers_core::McpRequest;
use tokio::time::Instant;
use tower_service::Service;

use crate::{ResponseFuture, future::Timer, limits::Table};

/// The service of [`TimeoutLayer`](crate::TimeoutLayer).
#[derive(Debug, Clone)]
pub struct Timeout<S> {
    inner: S,
    table: Arc<Table>,
}

impl<S> Timeout<S> {
    pub(crate) fn new(inner: S, table: Arc<Table>) -> Self {
        Self { inner, table }
    }
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
        let Some(limits) = self.table.of(&request) else {
            return ResponseFuture::unlimited(self.inner.call(request));
        };
        let started = Instant::now().into_std();
        let reply_to = request.reply_to();
        let watches = limits.longest_idle().is_some() && request.progress_token().is_some();
        let context = request.context_mut();
        let callers = context.deadline();
        if let Some(deadline) = started.checked_add(limits.longest()) {
            context.limit_deadline(deadline);
        }
        if watches {
            context.watch_progress();
        }
        let progress = context.progress().cloned();
        let timer = Timer::new(started, limits, callers, progress);
        ResponseFuture::limited(self.inner.call(request), reply_to, timer)
    }
}
