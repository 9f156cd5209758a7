//! The future of a recorded request.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use mcp_layers_core::{End, McpRequest, McpResponse, Observer, RefusalAddress, observe::Observe};
use pin_project_lite::pin_project;

use crate::{
    CallOutcome, Decision, Record,
    refusal::{NOT_RUN, UNKNOWN, event, unavailable},
    state::{Admission, Pending, Shared},
};

/// Waits until a record is safe; false when it will not be.
type Settle = Pin<Box<dyn Future<Output = bool> + Send>>;

pin_project! {
    /// The future of [`Audit`](crate::Audit). Dropped before it is ready, it records a cancelled
    /// request. With a durable sink it is ready once the record is synced.
    pub struct ResponseFuture<F, R, E>
    where
        R: McpResponse,
    {
        #[pin]
        call: Observe<F, R, Recorder>,
        // The opening record, which is safe before the call is polled.
        opening: Option<Settle>,
        // The answer, while its record is not safe yet.
        answered: Option<Box<(Result<R, E>, Settle)>>,
        address: Option<RefusalAddress<R::ReplyTo>>,
    }
}

impl<F, R: McpResponse, E> ResponseFuture<F, R, E> {
    /// The future of the call that `call` makes. With an address, an answer whose record is not safe
    /// is replaced.
    pub(crate) fn new(
        recorder: Recorder,
        opening: Option<Pending>,
        address: Option<RefusalAddress<R::ReplyTo>>,
        call: impl FnOnce() -> F,
    ) -> Self {
        Self {
            call: Observe::call(recorder, call),
            opening: opening.map(|pending| Box::pin(pending.settle()) as Settle),
            answered: None,
            address,
        }
    }
}

impl<F, R, E> Future for ResponseFuture<F, R, E>
where
    F: Future<Output = Result<R, E>>,
    R: McpResponse,
{
    type Output = Result<R, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(opening) = this.opening {
            let safe = ready!(opening.as_mut().poll(cx));
            *this.opening = None;
            if !safe && let Some(address) = this.address.take() {
                this.call.as_mut().observer_mut().refused();
                let error = unavailable(NOT_RUN);
                return Poll::Ready(Ok(address.answer(error, event("unavailable"))));
            }
        }
        if this.answered.is_none() {
            let output = ready!(this.call.as_mut().poll(cx));
            match this.call.as_mut().observer_mut().pending.take() {
                Some(pending) if !pending.is_settled() => {
                    *this.answered = Some(Box::new((output, Box::pin(pending.settle()))));
                }
                _ => return Poll::Ready(output),
            }
        }
        let answered = this
            .answered
            .as_mut()
            .expect("set above, or by an earlier poll");
        let safe = ready!(answered.1.as_mut().poll(cx));
        let answered = this.answered.take().expect("polled right above");
        Poll::Ready(match this.address.take() {
            Some(address) if !safe => {
                Ok(address.answer(unavailable(UNKNOWN), event("unacknowledged")))
            }
            _ => answered.0,
        })
    }
}

/// Records how a request ended, exactly once.
pub(crate) struct Recorder {
    shared: Arc<Shared>,
    started: Instant,
    /// The record until the request ends. An opening record that waits to be written shares it.
    record: Option<(Arc<Record>, Admission)>,
    /// The record afterwards.
    pending: Option<Pending>,
}

impl Recorder {
    pub(crate) fn start<Req: McpRequest>(
        shared: &Arc<Shared>,
        request: &Req,
        admission: Admission,
    ) -> Self {
        let started = shared.settings.clock.now();
        let mut record = Record::of(&shared.settings, request);
        record.sequence = shared.counters.next_sequence();
        record.time = shared.settings.clock.wall();
        record.monotonic = shared.elapsed(started);
        Self {
            shared: Arc::clone(shared),
            started,
            record: Some((Arc::new(record), admission)),
            pending: None,
        }
    }

    /// Submits an opening record. With `move_places`, it takes the reserved places: those of a
    /// subscription are not held as long as it lasts.
    pub(crate) fn open(&mut self, move_places: bool) -> Option<Pending> {
        let (record, admission) = self.record.as_mut()?;
        Arc::make_mut(record).opened = true;
        let places = if move_places {
            std::mem::take(admission)
        } else {
            admission.share_only()
        };
        Some(self.shared.submit(Arc::clone(record), places))
    }

    /// Ends the request without its having run.
    pub(crate) fn refused(&mut self) {
        let refused = Decision::AUDIT;
        self.submit(|_, record| record.end(CallOutcome::Error(503), refused));
        self.pending = None;
    }

    fn submit(&mut self, end: impl FnOnce(&Shared, &mut Record)) {
        if let Some((mut shared_record, admission)) = self.record.take() {
            let now = self.shared.settings.clock.now();
            let record = Arc::make_mut(&mut shared_record);
            record.duration = Some(now.saturating_duration_since(self.started));
            end(&self.shared, record);
            self.pending = Some(self.shared.submit(shared_record, admission));
        }
    }
}

impl<R: McpResponse> Observer<R> for Recorder {
    fn on_end(&mut self, end: End<'_, R>) {
        self.submit(|shared, record| match end {
            End::Answered(response) => record.read_response(&shared.settings, response),
            End::Failed => record.end(CallOutcome::Failed, Decision::FAILED),
            End::Panicked => record.end(CallOutcome::Panicked, Decision::PANICKED),
            _ => record.end(CallOutcome::Cancelled, Decision::DROPPED),
        });
    }
}

impl<F, R: McpResponse, E> fmt::Debug for ResponseFuture<F, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("answered", &self.answered.is_some())
            .finish_non_exhaustive()
    }
}
