//! Emptying the cache, and watching it.

use std::{fmt, sync::Arc};

use mcp_layers_core::{McpNotification, Method, Principal};

use crate::{Stats, state::State};

/// Empties a cache and watches it. Clones are handles of the same cache.
///
/// What is invalidated is not served from then on, and no answer is stored whose request was under
/// way before. A second level forgets it for every process; what another process holds in its own
/// memory stays there until its time is over, or until that process is told too. The bytes are
/// freed when an entry is looked at next, or evicted.
#[derive(Clone)]
pub struct CacheHandle {
    state: Arc<State>,
}

impl CacheHandle {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }

    /// Forgets everything.
    pub fn invalidate_all(&self) {
        self.state.invalidate_all();
    }

    /// Forgets every answer to a method: all pages of a list, all reads, all calls.
    pub fn invalidate_method(&self, method: Method<'_>) {
        self.state.invalidate_method(method);
    }

    /// Forgets the answers to a method about one target: a resource's uri, the name of a tool or a
    /// prompt.
    pub fn invalidate_target(&self, method: Method<'_>, target: &str) {
        self.state.invalidate_target(method, target);
    }

    /// Forgets the reads of every resource whose uri begins so. A second level forgets all reads.
    pub fn invalidate_uri_prefix(&self, prefix: &str) {
        self.state.invalidate_prefix(prefix);
    }

    /// Forgets every private answer to a principal, by whatever credential it asked, and every one
    /// that it shared with others of its authorization context.
    pub fn invalidate_principal(&self, principal: &Principal) {
        self.state.invalidate_principal(principal);
    }

    /// Forgets what a notification says has changed (2026-07-28, server/utilities/caching):
    /// `tools/list_changed` every page of the list, prompts likewise; `resources/list_changed` the
    /// lists of resources and templates; `resources/updated` the reads of its uri, or of every uri
    /// that begins so ([`CacheLayer::updates_are_prefixes`](crate::CacheLayer)). Others change
    /// nothing.
    pub fn observe(&self, notification: &impl McpNotification) {
        match notification.method() {
            Method::ToolsListChanged => self.invalidate_method(Method::ListTools),
            Method::PromptsListChanged => self.invalidate_method(Method::ListPrompts),
            Method::ResourcesListChanged => {
                self.invalidate_method(Method::ListResources);
                self.invalidate_method(Method::ListResourceTemplates);
            }
            Method::ResourceUpdated => match notification.resource_uri() {
                Some(uri) if self.state.settings.updates_are_prefixes => {
                    self.invalidate_uri_prefix(uri);
                }
                Some(uri) => self.invalidate_target(Method::ReadResource, uri),
                // Of which one is not said.
                None => self.invalidate_method(Method::ReadResource),
            },
            _ => {}
        }
    }

    /// What the cache has done so far, and what it holds.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.state.stats()
    }
}

impl fmt::Debug for CacheHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheHandle").finish_non_exhaustive()
    }
}
