//! The future of [`Drain`](crate::Drain).

use std::{
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
    time::Duration,
};

use mcp_layers_core::{
    Event, McpError, McpRequest, Method, Refusal, RefusalAddress, ReplyFuture, StoredResponse,
    code, request::RequestId,
};
use pin_project_lite::pin_project;
use serde_json::{Value, json};
use tokio_util::{
    sync::{CancellationToken, WaitForCancellationFutureOwned},
    task::task_tracker::TaskTrackerToken,
};

use crate::state::State;

pin_project! {
    /// The future of [`Drain`](crate::Drain).
    pub struct ResponseFuture<F, R, T> {
        #[pin]
        reply: Option<ReplyFuture<F, R>>,
        #[pin]
        signal: Option<WaitForCancellationFutureOwned>,
        in_flight: Option<InFlight<T>>,
    }
}

/// The end of the message for a tool that was dropped.
const UNKNOWN_OUTCOME: &str =
    ": the outcome is unknown, the call may have taken effect: check before you repeat it";

/// A request in flight, and what is needed to answer it without the inner service.
pub(crate) struct InFlight<T> {
    state: Arc<State>,
    refusal: RefusalAddress<T>,
    ending: Ending<T>,
    _counted: TaskTrackerToken,
}

/// The way in which a drain ends a request.
enum Ending<T> {
    /// At the limit, with a refusal.
    Cut { retry_after: Duration },
    /// At the limit, with an error: the tool may have done its work or a part of it.
    CutTool,
    /// At once, with the result that ends a subscription, as JSON.
    Subscription { reply_to: T, result: Vec<u8> },
    /// At once, with a refusal.
    TaskResult { retry_after: Duration },
}

impl<T> InFlight<T> {
    pub(crate) fn new<Req: McpRequest<ReplyTo = T>>(
        request: &Req,
        refusal: Refusal,
        retry_after: Duration,
        state: &Arc<State>,
        counted: TaskTrackerToken,
    ) -> Self {
        let ending = match request.method() {
            Method::Listen => Ending::Subscription {
                reply_to: request.reply_to(),
                result: subscription_ended(request.id()),
            },
            Method::TaskResult => Ending::TaskResult { retry_after },
            Method::CallTool => Ending::CutTool,
            _ => Ending::Cut { retry_after },
        };
        Self {
            state: Arc::clone(state),
            refusal: refusal.address(request),
            ending,
            _counted: counted,
        }
    }

    fn signal(&self) -> &CancellationToken {
        match self.ending {
            Ending::Cut { .. } | Ending::CutTool => &self.state.cut,
            Ending::Subscription { .. } | Ending::TaskResult { .. } => &self.state.draining,
        }
    }

    fn answer<R: StoredResponse<ReplyTo = T>>(self) -> R {
        let (count, name) = match self.ending {
            Ending::Cut { .. } | Ending::CutTool => (&self.state.cut_requests, "cut"),
            Ending::Subscription { .. } | Ending::TaskResult { .. } => (&self.state.ended, "ended"),
        };
        count.fetch_add(1, Relaxed);
        match self.ending {
            Ending::Cut { retry_after } | Ending::TaskResult { retry_after } => {
                let error = unavailable().try_again_in(retry_after);
                self.refusal.answer(error, event(name))
            }
            Ending::CutTool => {
                let mut error = unavailable().with("outcome", "unknown");
                error.message.to_mut().push_str(UNKNOWN_OUTCOME);
                let mut response: R = self.refusal.answer(error, event(name));
                response.trail_mut().push(Event::OutcomeUnknown);
                response
            }
            Ending::Subscription { reply_to, result } => {
                match R::from_json(reply_to, Method::Listen, &result) {
                    Some(mut response) => {
                        response.trail_mut().push(event(name));
                        response
                    }
                    None => self.refusal.answer(unavailable(), event(name)),
                }
            }
        }
    }
}

/// The result by which a server ends a subscription. Its id is that of the request.
fn subscription_ended(id: Option<RequestId<'_>>) -> Vec<u8> {
    let id = match id {
        Some(RequestId::Number(number)) => Value::from(number),
        Some(RequestId::String(text)) => Value::from(text),
        _ => Value::Null,
    };
    let meta = json!({ "io.modelcontextprotocol/subscriptionId": id });
    let result = json!({ "resultType": "complete", "_meta": meta });
    result.to_string().into_bytes()
}

pub(crate) fn unavailable() -> McpError {
    McpError::public(code::UNAVAILABLE, "Server is shutting down").with("reason", "draining")
}

pub(crate) fn event(name: &'static str) -> Event {
    Event::Custom {
        layer: "drain",
        name,
        detail: Box::default(),
    }
}

impl<F, R, T> ResponseFuture<F, R, T> {
    pub(crate) fn new(future: F, in_flight: InFlight<T>) -> Self {
        Self {
            reply: Some(ReplyFuture::inner(future)),
            signal: None,
            in_flight: Some(in_flight),
        }
    }

    pub(crate) fn ready(response: R) -> Self {
        Self {
            reply: Some(ReplyFuture::ready(response)),
            signal: None,
            in_flight: None,
        }
    }
}

impl<F, R, E> Future for ResponseFuture<F, R, R::ReplyTo>
where
    F: Future<Output = Result<R, E>>,
    R: StoredResponse,
{
    type Output = Result<R, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let reply = this.reply.as_mut().as_pin_mut();
        // An answer that comes at the last moment wins.
        if let Poll::Ready(output) = reply.expect("polled after completion").poll(cx) {
            this.reply.set(None);
            *this.in_flight = None;
            return Poll::Ready(output);
        }
        let Some(in_flight) = &this.in_flight else {
            return Poll::Pending;
        };
        if this.signal.is_none() {
            let signal = in_flight.signal().clone().cancelled_owned();
            this.signal.set(Some(signal));
        }
        if let Some(signal) = this.signal.as_mut().as_pin_mut() {
            ready!(signal.poll(cx));
        }
        // Dropping the inner future ends the handler's work.
        this.reply.set(None);
        let in_flight = this.in_flight.take().expect("it was there above");
        Poll::Ready(Ok(in_flight.answer()))
    }
}

mcp_layers_core::opaque_debug!(ResponseFuture<F, R, T>);
