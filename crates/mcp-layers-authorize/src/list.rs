//! The filter of lists.

use std::sync::Arc;

use mcp_layers_core::{
    Event, ListedKind, McpResponse, Principal,
    response::{CacheHint, CacheScope},
};

use crate::{
    decisions::Decisions,
    policy::{Decision, Operation},
    state::Guard,
};

/// A list, and a decision about each of its entries: the one about the request that would use it.
pub(crate) struct ListFilter<R> {
    decisions: Decisions,
    guard: Guard,
    is_modern: bool,
    response: R,
}

impl<R: McpResponse> ListFilter<R> {
    pub(crate) fn new(
        guard: Guard,
        principal: &Arc<Principal>,
        is_modern: bool,
        response: R,
    ) -> Self {
        let mut decisions = Decisions::new(guard.settings.policy_timeout);
        response.visit_listed(&mut |entry| {
            let is_foreign =
                entry.kind == ListedKind::Task && !guard.may_use_task(entry.name, principal);
            match Operation::listed(&entry) {
                Some(operation) if !is_foreign => {
                    decisions.evaluate(&*guard.policy, operation, principal);
                }
                _ => decisions.push(Decision::hide("not the caller's")),
            }
        });
        Self {
            decisions,
            guard,
            is_modern,
            response,
        }
    }

    pub(crate) fn is_decided(&self) -> bool {
        self.decisions.is_complete()
    }

    pub(crate) async fn wait(mut self) -> R {
        self.decisions.wait().await;
        self.finish()
    }

    /// The filtered list.
    pub(crate) fn finish(self) -> R {
        let mut response = self.response;
        let (decided, failures) = self.decisions.take();
        let mut decided = decided.into_iter();
        let entries = response.retain_listed(&mut |_| match decided.next() {
            Some(Decision::Allow) => true,
            Some(Decision::Deny(denial)) => self.guard.settings.list_denied && !denial.is_hidden,
            Some(Decision::Hide(_)) | None => false,
        });
        make_private(&mut response, self.is_modern);
        if entries > 0 || !failures.is_empty() {
            self.guard.state.count(|stats| {
                stats.filtered += entries as u64;
                stats.policy_failed += failures.len() as u64;
            });
        }
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
fn make_private<R: McpResponse>(response: &mut R, is_modern: bool) {
    let hint = response.cache_hint();
    let has_hint = hint.scope.is_some() || hint.ttl_ms.is_some();
    if hint.scope != Some(CacheScope::Private) && (is_modern || has_hint) {
        response.set_cache_hint(CacheHint::new(hint.ttl_ms, Some(CacheScope::Private)));
    }
}
