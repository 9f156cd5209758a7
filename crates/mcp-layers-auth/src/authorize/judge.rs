//! Decisions of the policy, at once or later; whatever goes wrong with one is a denial.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use mcp_layers_core::{BoxError, Event, Principal};
use tokio::time::Sleep;

use crate::{Decision, Operation, Policy, Verdict};

/// The rule that a failed policy denies by.
pub(crate) const FAILED: &str = "policy failed";

/// Collects the decisions about one request, or about the entries of one list.
pub(crate) struct Judge<F> {
    /// What they come to.
    pub(crate) decision: Decision,
    /// Each by itself, where that was asked for.
    pub(crate) each: Vec<Decision>,
    keep_each: bool,
    /// What went wrong.
    pub(crate) failures: Vec<Event>,
    waiting: Vec<(usize, Pin<Box<F>>)>,
    timeout: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<F: Future<Output = Result<Decision, BoxError>>> Judge<F> {
    /// One decision about all.
    pub(crate) fn of_all(timeout: Duration) -> Self {
        Self {
            decision: Decision::Allow,
            each: Vec::new(),
            keep_each: false,
            failures: Vec::new(),
            waiting: Vec::new(),
            timeout,
            sleep: None,
        }
    }

    /// One decision about each.
    pub(crate) fn of_each(timeout: Duration) -> Self {
        Self {
            keep_each: true,
            ..Self::of_all(timeout)
        }
    }

    /// Asks the policy. Allocates nothing if it allows at once.
    pub(crate) fn ask<P: Policy<Future = F>>(
        &mut self,
        policy: &P,
        operation: Operation<'_>,
        principal: &Arc<Principal>,
    ) {
        self.hear(ask(policy, operation, principal));
    }

    /// Takes what the policy said.
    pub(crate) fn hear(&mut self, said: Said<F>) {
        match said {
            Ok(Verdict::Now(decision)) => self.decide(decision),
            Ok(Verdict::Later(future)) => {
                self.waiting.push((self.each.len(), Box::pin(future)));
                if self.keep_each {
                    // Nobody reads it before it is replaced.
                    self.each.push(Decision::deny(FAILED));
                }
            }
            Err(payload) => {
                self.failures.push(panicked(&*payload));
                self.decide(Decision::deny(FAILED));
            }
        }
    }

    /// Adds a decision that needs no policy.
    pub(crate) fn decide(&mut self, decision: Decision) {
        if self.keep_each {
            self.each.push(decision);
        } else {
            self.combine(decision);
        }
    }

    fn combine(&mut self, decision: Decision) {
        let so_far = std::mem::replace(&mut self.decision, Decision::Allow);
        self.decision = so_far.and(decision);
    }

    fn decide_later(&mut self, index: usize, decision: Decision) {
        match self.each.get_mut(index) {
            Some(each) if self.keep_each => *each = decision,
            _ => self.combine(decision),
        }
    }

    fn fail_later(&mut self, index: usize, event: Event) {
        self.failures.push(event);
        self.decide_later(index, Decision::deny(FAILED));
    }

    /// What they come to, and what went wrong.
    pub(crate) fn take(&mut self) -> (Decision, Vec<Event>) {
        let decision = std::mem::replace(&mut self.decision, Decision::Allow);
        (decision, std::mem::take(&mut self.failures))
    }

    /// Whether every decision is there.
    pub(crate) fn is_done(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Waits for every decision, until the time is up.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut at = 0;
        while let Some((index, future)) = self.waiting.get_mut(at) {
            let index = *index;
            let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
            match polled {
                Ok(Poll::Pending) => {
                    at += 1;
                    continue;
                }
                Ok(Poll::Ready(Ok(decision))) => self.decide_later(index, decision),
                Ok(Poll::Ready(Err(error))) => self.fail_later(index, failed(&error)),
                Err(payload) => self.fail_later(index, panicked(&*payload)),
            }
            // The one that panicked may panic again when it is dropped.
            let done = self.waiting.swap_remove(at);
            drop_quietly(done);
        }
        if self.waiting.is_empty() {
            return Poll::Ready(());
        }
        let timeout = self.timeout;
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        if sleep.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        for (index, future) in std::mem::take(&mut self.waiting) {
            drop_quietly(future);
            self.fail_later(index, Event::TimedOut { after: timeout });
        }
        Poll::Ready(())
    }
}

/// What a policy said, or what it panicked with.
pub(crate) type Said<F> = Result<Verdict<F>, Box<dyn Any + Send>>;

/// Asks the policy.
pub(crate) fn ask<P: Policy>(
    policy: &P,
    operation: Operation<'_>,
    principal: &Arc<Principal>,
) -> Said<P::Future> {
    catch_unwind(AssertUnwindSafe(|| policy.decide(operation, principal)))
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
