//! The filter of lists.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers_core::{
    BoxError, Event, ListedKind, McpResponse, Principal,
    response::{CacheHint, CacheScope},
};

use crate::{
    check::may_use_task,
    decisions::Decisions,
    policy::{Decision, Operation, Policy},
    settings::Settings,
    state::{Counters, State},
};

/// A list, and a decision about each of its entries: the one about the request that would use it.
pub(crate) struct ListFilter<F, R> {
    decisions: Decisions<F>,
    list_denied: bool,
    modern: bool,
    response: Option<R>,
    counters: Arc<Counters>,
}

impl<F: Future<Output = Result<Decision, BoxError>>, R: McpResponse> ListFilter<F, R> {
    pub(crate) fn new<P: Policy<Future = F>>(
        state: &State<P>,
        policy: &P,
        settings: Settings,
        principal: &Arc<Principal>,
        modern: bool,
        response: R,
    ) -> Self {
        let mut decisions = Decisions::new(settings.policy_timeout);
        response.visit_listed(&mut |entry| {
            let is_foreign = entry.kind == ListedKind::Task
                && !may_use_task(state, &settings, entry.name, principal);
            match Operation::listed(&entry) {
                Some(operation) if !is_foreign => decisions.evaluate(policy, operation, principal),
                _ => decisions.push(Decision::hide("not the caller's")),
            }
        });
        Self {
            decisions,
            list_denied: settings.list_denied,
            modern,
            response: Some(response),
            counters: Arc::clone(&state.counters),
        }
    }

    /// The filtered list, if no decision is pending.
    pub(crate) fn finish_now(&mut self) -> Option<R> {
        self.decisions.is_complete().then(|| self.finish())
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<R> {
        self.decisions.poll(cx).map(|()| self.finish())
    }

    fn finish(&mut self) -> R {
        let mut response = self.response.take().expect("polled after completion");
        let (decided, failures) = self.decisions.take();
        let mut decided = decided.into_iter();
        let entries = response.retain_listed(&mut |_| match decided.next() {
            Some(Decision::Allow) => true,
            Some(Decision::Deny(_)) => self.list_denied,
            Some(Decision::Hide(_)) | None => false,
        });
        make_private(&mut response, self.modern);
        Counters::add(&self.counters.policy_failed, failures.len());
        Counters::add(&self.counters.filtered, entries);
        let trail = response.trail_mut();
        failures.into_iter().for_each(|event| trail.push(event));
        if entries > 0 {
            trail.push(Event::Filtered { entries });
        }
        response
    }
}

/// A filtered list is the caller's own (2026-07-28, server/utilities/caching). Peers of earlier
/// revisions get a hint only where the server gave one.
fn make_private<R: McpResponse>(response: &mut R, modern: bool) {
    let hint = response.cache_hint();
    let has_hint = hint.scope.is_some() || hint.ttl_ms.is_some();
    if hint.scope != Some(CacheScope::Private) && (modern || has_hint) {
        response.set_cache_hint(CacheHint::new(hint.ttl_ms, Some(CacheScope::Private)));
    }
}
