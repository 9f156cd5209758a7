//! Decisions of the policy, made at once or pending. A policy that panics, fails or takes too long has
//! denied.

use std::{
    any::Any,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use mcp_layers_core::{BoxError, Event, Principal};

use crate::policy::{Decision, Evaluation, Operation, PendingDecision, Policy};

/// The rule that a failed policy denies by.
const FAILED: &str = "policy failed";

/// The decisions about one request, or about the entries of one list, in their order.
pub(crate) struct Decisions {
    decided: Vec<Decision>,
    failures: Vec<Event>,
    pending: Vec<(usize, PendingDecision)>,
    timeout: Duration,
}

impl Decisions {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self {
            decided: Vec::new(),
            failures: Vec::new(),
            pending: Vec::new(),
            timeout,
        }
    }

    /// Asks the policy.
    pub(crate) fn evaluate(
        &mut self,
        policy: &dyn Policy,
        operation: Operation<'_>,
        principal: &Arc<Principal>,
    ) {
        match catch_unwind(AssertUnwindSafe(|| policy.evaluate(operation, principal))) {
            Ok(Evaluation::Ready(decision)) => self.push(decision),
            Ok(Evaluation::Pending(future)) => {
                self.pending.push((self.decided.len(), future));
                self.push(Decision::deny(FAILED));
            }
            Err(payload) => {
                self.failures.push(panicked(&*payload));
                self.push(Decision::deny(FAILED));
            }
        }
    }

    /// Adds a decision that needs no policy.
    pub(crate) fn push(&mut self, decision: Decision) {
        self.decided.push(decision);
    }

    /// True if no decision is pending.
    pub(crate) fn is_complete(&self) -> bool {
        self.pending.is_empty()
    }

    /// Waits for the pending decisions, at most for the timeout.
    pub(crate) async fn wait(&mut self) {
        let timeout = self.timeout;
        let mut sleep = None;
        poll_fn(|cx| {
            self.poll_pending(cx);
            if self.pending.is_empty() {
                return Poll::Ready(());
            }
            // Made late, so that decisions that do not wait need no runtime.
            let sleep = sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
            sleep.as_mut().poll(cx)
        })
        .await;
        for late in std::mem::take(&mut self.pending) {
            drop_quietly(late);
            self.failures.push(Event::TimedOut { after: timeout });
        }
    }

    fn poll_pending(&mut self, cx: &mut Context<'_>) {
        let mut at = 0;
        while let Some((index, future)) = self.pending.get_mut(at) {
            let index = *index;
            match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
                Ok(Poll::Pending) => {
                    at += 1;
                    continue;
                }
                Ok(Poll::Ready(Ok(decision))) => self.decided[index] = decision,
                // The denial is in its place already.
                Ok(Poll::Ready(Err(error))) => self.failures.push(failed(&error)),
                Err(payload) => self.failures.push(panicked(&*payload)),
            }
            // A future that panicked may panic again when it is dropped.
            let done = self.pending.swap_remove(at);
            drop_quietly(done);
        }
    }

    /// Each decision, and the failures of the policy.
    pub(crate) fn take(self) -> (Vec<Decision>, Vec<Event>) {
        (self.decided, self.failures)
    }

    /// All decisions as one, and the failures of the policy.
    pub(crate) fn take_combined(self) -> (Decision, Vec<Event>) {
        let decided = self.decided.into_iter();
        let combined = decided.fold(Decision::Allow, Decision::and);
        (combined, self.failures)
    }
}

fn drop_quietly<T>(value: T) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(value)));
}

fn failed(error: &BoxError) -> Event {
    let mut cause = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        cause.push_str(": ");
        cause.push_str(&inner.to_string());
        source = inner.source();
    }
    Event::Failed {
        cause: cause.into(),
    }
}

fn panicked(payload: &(dyn Any + Send)) -> Event {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    Event::Panicked {
        message: text.unwrap_or("the policy panicked").into(),
    }
}
