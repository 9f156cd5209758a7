//! What is left to do when an allowed request was answered.

use std::sync::Arc;

use mcp_layers_core::{
    CacheHint, CacheScope, ListedKind, McpRequest, McpResponse, Method, Outcome, Principal, code,
};

use super::{Filtering, Settings, Shared, ask::About, unknown};
use crate::Policy;

/// What is known of an allowed request once it is gone.
pub(crate) struct After<P, To> {
    pub(super) shared: Arc<Shared<P>>,
    pub(super) settings: Settings,
    pub(super) principal: Arc<Principal>,
    /// `None` for a method that is not known.
    method: Option<Method<'static>>,
    kind: Option<ListedKind>,
    modern: bool,
    to: To,
    /// Of the target, where an error about it could be that of an unknown name.
    name: Option<u64>,
}

impl<P: Policy, To> After<P, To> {
    pub(super) fn of<Req: McpRequest<ReplyTo = To>>(
        shared: &Arc<Shared<P>>,
        settings: Settings,
        principal: Arc<Principal>,
        about: About,
        request: &Req,
    ) -> Self {
        let About { method, kind } = about;
        // Whose task it is was checked before.
        let named = kind.filter(|kind| shared.hides && *kind != ListedKind::Task);
        let name = named.zip(request.target());
        Self {
            name: name.map(|(kind, name)| shared.catalogue.hash(kind, name)),
            shared: Arc::clone(shared),
            settings,
            principal,
            method,
            kind,
            modern: request.is_modern(),
            to: request.reply_to(),
        }
    }

    /// Makes of an answer what its caller gets. `Some` for a list, which has to be filtered yet.
    pub(super) fn settle<R: McpResponse<ReplyTo = To>>(self, response: &mut R) -> Option<Self> {
        match response.outcome() {
            Outcome::Protocol { code, .. } if self.is_unknown(code) => {
                self.answer_unknown(response);
                None
            }
            Outcome::Protocol { .. } => None,
            Outcome::TaskCreated => {
                if let Some(task) = response.task_id() {
                    self.shared.tasks.bind(task, &self.principal);
                }
                None
            }
            _ => self
                .method
                .is_some_and(|method| method.is_list())
                .then_some(self),
        }
    }

    /// Leaves of a list what its caller may see.
    pub(super) fn filter<R: McpResponse>(self, list: R) -> Filtering<P, R> {
        Filtering::new(
            &self.shared,
            self.settings,
            &self.principal,
            self.modern,
            list,
        )
    }

    /// Whether the error can be that of an unknown name. A name that was listed is not unknown: its
    /// errors speak of arguments.
    fn is_unknown(&self, code: i32) -> bool {
        let says_so = matches!(
            code,
            code::INVALID_PARAMS | code::METHOD_NOT_FOUND | code::RESOURCE_NOT_FOUND
        );
        says_so
            && self
                .name
                .is_some_and(|name| !self.shared.catalogue.contains(name))
    }

    /// The answer that a hidden name gets, word for word.
    fn answer_unknown<R: McpResponse<ReplyTo = To>>(self, response: &mut R) {
        let earlier = std::mem::take(response.trail_mut());
        let method = self.method.unwrap_or(Method::Other(""));
        let mut answer = R::from_error(self.to, unknown(method, self.kind, self.modern));
        answer.trail_mut().prepend(earlier);
        *response = answer;
    }
}

/// A list is the caller's own once it was filtered (2026-07-28, server/utilities/caching). Peers of
/// earlier revisions get a hint only where the server gave one.
pub(super) fn make_private<R: McpResponse>(response: &mut R, modern: bool) {
    let hint = response.cache_hint();
    let hinted = hint.scope.is_some() || hint.ttl_ms.is_some();
    if hint.scope != Some(CacheScope::Private) && (modern || hinted) {
        response.set_cache_hint(CacheHint::new(hint.ttl_ms, Some(CacheScope::Private)));
    }
}
