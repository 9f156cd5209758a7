//! The future, and what it holds for the record.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use mcp_layers_core::{Clock, McpRequest, McpResponse};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

use crate::{
    Decision, Ending, Record, Trouble,
    service::{Admission, Pending, Shared, unavailable},
};

pin_project! {
    /// The future of [`Audit`](crate::Audit). Dropped before it is done, it records a cancelled
    /// request. With a durable sink it is ready once the record is synced.
    pub struct ResponseFuture<F, T, C>
    where
        F: Future,
        C: Clock,
    {
        #[pin]
        future: F,
        running: Running<C>,
        reply_to: Option<T>,
        // The answer, while its record is not safe yet. A box, because that is seldom, and all that
        // is around this future would be as much larger.
        answered: Option<Box<Answered<F::Output>>>,
    }
}

struct Answered<O> {
    output: O,
    settle: Settle,
}

impl<F: Future, T, C: Clock> ResponseFuture<F, T, C> {
    pub(crate) fn new(future: F, mut running: Running<C>, reply_to: Option<T>) -> Self {
        running.inside = false;
        Self {
            future,
            running,
            reply_to,
            answered: None,
        }
    }
}

impl<F, T, C, Res, E> Future for ResponseFuture<F, T, C>
where
    F: Future<Output = Result<Res, E>>,
    C: Clock,
    Res: McpResponse<ReplyTo = T>,
{
    type Output = Result<Res, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.answered.is_none() {
            this.running.inside = true;
            let poll = this.future.poll(cx);
            this.running.inside = false;
            let pending = match &poll {
                Poll::Ready(output) => this.running.end(output),
                Poll::Pending => None,
            };
            match (pending, poll) {
                (Some(pending), Poll::Ready(output)) if !pending.is_settled() => {
                    let settle = Settle::new(Arc::clone(&this.running.shared), pending);
                    *this.answered = Some(Box::new(Answered { output, settle }));
                }
                (_, poll) => return poll,
            }
        }
        let Some(answered) = this.answered else {
            return Poll::Pending;
        };
        let safe = ready!(answered.settle.poll(cx));
        let Some(answered) = this.answered.take() else {
            return Poll::Pending;
        };
        match this.reply_to.take() {
            Some(to) if !safe => {
                let error = unavailable("the call ran; its outcome is not known");
                Poll::Ready(Ok(Res::from_error(to, error)))
            }
            _ => Poll::Ready(answered.output),
        }
    }
}

/// A request in flight. Dropped, it records how the request ended: once, whatever happens.
// The bound stands here because `Drop` needs it.
pub(crate) struct Running<C: Clock> {
    shared: Arc<Shared>,
    clock: C,
    started: Instant,
    /// Nobody else has it before it goes to the sinks.
    record: Option<Arc<Record>>,
    reserved: bool,
    /// Whether the inner service is at work. Dropped meanwhile, it has panicked.
    inside: bool,
}

impl<C: Clock> Running<C> {
    pub(crate) fn start<Req: McpRequest>(
        shared: Arc<Shared>,
        clock: C,
        request: &Req,
        admission: Admission,
    ) -> Self {
        let started = clock.now();
        let record = Arc::new(shared.begin(request, started));
        let mut reserved = admission == Admission::Reserved;
        if record.long_lived {
            // Room for the close record is not held as long as a subscription lasts.
            let open = Arc::new(Record::clone(&record));
            drop(Settle::new(
                Arc::clone(&shared),
                shared.submit(open, reserved),
            ));
            reserved = false;
        }
        Self {
            shared,
            clock,
            started,
            record: Some(record),
            reserved,
            inside: true,
        }
    }

    fn end<Res: McpResponse, E>(&mut self, output: &Result<Res, E>) -> Option<Pending> {
        self.submit(|shared, record| match output {
            Ok(response) => record.look_at_response(&shared.settings, response),
            Err(_) => record.end(Ending::Failed, Decision::FAILED),
        })
    }

    fn submit(&mut self, end: impl FnOnce(&Shared, &mut Record)) -> Option<Pending> {
        let mut record = self.record.take()?;
        if let Some(record) = Arc::get_mut(&mut record) {
            let now = self.clock.now();
            record.duration = Some(now.saturating_duration_since(self.started));
            end(&self.shared, record);
        }
        Some(self.shared.submit(record, self.reserved))
    }
}

impl<C: Clock> Drop for Running<C> {
    fn drop(&mut self) {
        let (ending, decision) = if self.inside {
            (Ending::Panicked, Decision::PANICKED)
        } else {
            (Ending::Cancelled, Decision::DROPPED)
        };
        if let Some(pending) = self.submit(|_, record| record.end(ending, decision)) {
            drop(Settle::new(Arc::clone(&self.shared), pending));
        }
    }
}

/// Waits until a record is safe, or it is known that it will not be.
struct Settle {
    shared: Arc<Shared>,
    pending: Pending,
    safe: bool,
    // A box, because it is there only in trouble.
    patience: Option<Pin<Box<Sleep>>>,
}

impl Settle {
    fn new(shared: Arc<Shared>, pending: Pending) -> Self {
        Self {
            shared,
            safe: true,
            pending,
            patience: None,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if !self.pending.without.is_empty()
            && self.shared.poll_room(&mut self.pending, cx).is_pending()
        {
            if let Trouble::Wait(patience) = self.shared.settings.trouble {
                let patience = self
                    .patience
                    .get_or_insert_with(|| Box::pin(sleep(patience)));
                ready!(patience.as_mut().poll(cx));
            }
            self.shared.give_up(&mut self.pending);
        }
        let safe = &mut self.safe;
        self.pending
            .receipts
            .retain(|receipt| match receipt.poll_synced(cx) {
                Poll::Ready(synced) => {
                    *safe &= synced;
                    false
                }
                Poll::Pending => true,
            });
        if !self.pending.receipts.is_empty() {
            return Poll::Pending;
        }
        if !self.safe {
            self.shared.counters.unacknowledged();
        }
        Poll::Ready(self.safe)
    }
}

/// Nobody waits any longer.
impl Drop for Settle {
    fn drop(&mut self) {
        self.shared.give_up(&mut self.pending);
    }
}

impl<F: Future, T, C: Clock> fmt::Debug for ResponseFuture<F, T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("answered", &self.answered.is_some())
            .finish_non_exhaustive()
    }
}
