//! The future, which looks at every answer once.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers_core::{Event, McpResponse, Method, Outcome};
use pin_project_lite::pin_project;

use crate::{error_id, log, mask::Mask};

pin_project! {
    /// The future of [`ErrorMask`](crate::ErrorMask).
    pub struct ResponseFuture<F, T> {
        #[pin]
        future: F,
        mask: Arc<Mask>,
        reply_to: Option<T>,
        method: Method<'static>,
    }
}

impl<F, T> ResponseFuture<F, T> {
    pub(crate) fn new(
        future: F,
        mask: Arc<Mask>,
        reply_to: T,
        method: Option<Method<'static>>,
    ) -> Self {
        Self {
            future,
            mask,
            reply_to: Some(reply_to),
            method: method.unwrap_or(Method::Other("_OTHER")),
        }
    }
}

impl<F, R, E> Future for ResponseFuture<F, R::ReplyTo>
where
    F: Future<Output = Result<R, E>>,
    R: McpResponse,
{
    type Output = Result<R, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (mask, method) = (&**this.mask, *this.method);
        let mut poll = this.future.poll(cx);
        let Poll::Ready(Ok(response)) = &mut poll else {
            return poll;
        };
        match response.outcome() {
            Outcome::Protocol { .. } => {
                let Some(reply_to) = this.reply_to.take() else {
                    return poll;
                };
                return poll.map_ok(|response| mask.response(response, reply_to, method));
            }
            Outcome::ToolError => mask.scrub(response),
            _ if is_about_tasks(method) => mask.task(response, method),
            _ if mask.scrub.covers(method) => mask.scrub(response),
            _ => {}
        }
        if !response.trail().is_empty() {
            mask.report_panics(response, method);
        }
        poll
    }
}

/// Whether a result of the method can hold the error of a task.
fn is_about_tasks(method: Method<'_>) -> bool {
    matches!(
        method,
        Method::GetTask
            | Method::ListTasks
            | Method::CancelTask
            | Method::UpdateTask
            | Method::TaskResult
    )
}

impl Mask {
    /// The same answer with the error that the caller may see.
    fn response<R: McpResponse>(&self, mut response: R, to: R::ReplyTo, method: Method<'_>) -> R {
        let mut trail = std::mem::take(response.trail_mut());
        match response.into_error() {
            Ok(error) => {
                let shown = self.error(error, trail.is_public(), method, &mut trail);
                response = R::from_error(to, shown);
                // What is left is meant to be read, and another mask leaves it as it is.
                trail.set_public(true);
            }
            Err(result) => response = result,
        }
        *response.trail_mut() = trail;
        response
    }

    fn scrub<R: McpResponse>(&self, response: &mut R) {
        if !self.scrub.is_none() {
            self.scrub.result(response);
        }
    }

    /// The error that a failed task hides in a result, and its status message with it.
    fn task<R: McpResponse>(&self, response: &mut R, method: Method<'_>) {
        if let Some(error) = response.task_error() {
            let mut trail = std::mem::take(response.trail_mut());
            let events = trail.events().len();
            let shown = self.error(error, false, method, &mut trail);
            let masked = trail.events().nth(events);
            if let Some(Event::Masked { error_id, .. }) = masked {
                response.insert_meta(crate::ERROR_ID_META, (&**error_id).into());
            }
            *response.trail_mut() = trail;
            response.set_task_error(shown);
        }
        self.scrub(response);
    }

    /// Such as one while the future was dropped: the answer stands, and nobody else would log it.
    fn report_panics<R: McpResponse>(&self, response: &R, method: Method<'_>) {
        let masked = |event: &&Event| matches!(event, Event::Masked { .. });
        let mut since = response.trail().events().rev();
        let mut since = since.by_ref().take_while(|event| !masked(event));
        if since.any(|event| matches!(event, Event::Panicked { .. })) {
            let error_id = error_id::make(&*self.error_id);
            log::survived(&error_id, method, response.trail());
        }
    }
}

impl<F, T> fmt::Debug for ResponseFuture<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}
