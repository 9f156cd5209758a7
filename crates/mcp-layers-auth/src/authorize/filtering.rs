//! A list on its way to its caller.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers_core::{BoxError, Event, ListedKind, McpResponse, Principal};

use super::{Judge, Settings, Shared, after::make_private, ask::may_use_task};
use crate::{Decision, Operation, Policy};

/// A list, and a decision about each of its entries: that about the call that would use it.
pub(crate) struct Filtering<P: Policy, R> {
    judge: Judge<P::Future>,
    list_denied: bool,
    modern: bool,
    response: Option<R>,
}

impl<P: Policy, R: McpResponse> Filtering<P, R> {
    pub(super) fn new(
        shared: &Shared<P>,
        settings: Settings,
        principal: &Arc<Principal>,
        modern: bool,
        response: R,
    ) -> Self {
        if shared.hides {
            shared.catalogue.learn_from(&response);
        }
        let mut judge = Judge::of_each(settings.timeout);
        response.visit_listed(&mut |entry| {
            let foreign = entry.kind == ListedKind::Task
                && !may_use_task(shared, &settings, entry.name, principal);
            match Operation::listed(&entry) {
                Some(operation) if !foreign => judge.ask(&shared.policy, operation, principal),
                _ => judge.decide(Decision::hide("not the caller's")),
            }
        });
        Self {
            judge,
            list_denied: settings.list_denied,
            modern,
            response: Some(response),
        }
    }

    /// Whether every decision is there.
    pub(super) fn is_done(&self) -> bool {
        self.judge.is_done()
    }

    /// The list, once every decision is there. Polled again after that, it stays pending.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<R>
    where
        P::Future: Future<Output = Result<Decision, BoxError>>,
    {
        if self.judge.poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.finish().map_or(Poll::Pending, Poll::Ready)
    }

    /// The list, with what the decisions leave of it.
    pub(super) fn finish(&mut self) -> Option<R> {
        let mut response = self.response.take()?;
        let mut decisions = std::mem::take(&mut self.judge.each).into_iter();
        let entries = response.retain_listed(&mut |_| match decisions.next() {
            Some(Decision::Allow) => true,
            Some(Decision::Deny(_)) => self.list_denied,
            Some(Decision::Hide(_)) | None => false,
        });
        make_private(&mut response, self.modern);
        let trail = response.trail_mut();
        self.judge
            .failures
            .drain(..)
            .for_each(|event| trail.push(event));
        if entries > 0 {
            trail.push(Event::Filtered { entries });
        }
        Some(response)
    }
}
