//! The handle: invalidation and read-out at run time.

use std::sync::Arc;

use mcp_layers_core::{McpNotification, Method, Principal};

use crate::{Group, Stats, groups, state::State};

/// Invalidates entries of a cache and reads its counters. Clones are handles of the same cache.
///
/// An invalidated result is not served any more, and a result whose request began before the
/// invalidation is not stored. A second level drops it for all processes; the memory of another
/// process keeps what it holds until its time to live is over, or until that process is notified
/// too. Memory is freed when an entry is next looked up, or evicted.
#[derive(Clone)]
pub struct CacheHandle(pub(crate) Arc<State>);

impl CacheHandle {
    /// Invalidates all entries.
    pub fn invalidate_all(&self) {
        self.0.invalidate(&Group::all());
        self.0.memory.clear();
    }

    /// Invalidates all results of a method: all pages of a list, all reads, all calls.
    pub fn invalidate_method(&self, method: Method<'_>) {
        self.0.invalidate(&groups::of_method(method));
    }

    /// Invalidates the results of a method about one target: the uri of a resource, the name of a
    /// tool or a prompt.
    pub fn invalidate_target(&self, method: Method<'_>, target: &str) {
        self.0.invalidate(&groups::of_target(method, Some(target)));
    }

    /// Invalidates the reads of every resource whose uri begins with this prefix. A second level
    /// invalidates all reads.
    pub fn invalidate_uri_prefix(&self, prefix: &str) {
        self.0.generations.invalidate_prefix(prefix);
        // A store knows no prefixes.
        if let Some(store) = &self.0.settings.store {
            store.invalidate(&groups::of_method(Method::ReadResource));
        }
    }

    /// Invalidates all private results of a principal: those of its subject, with any credential,
    /// and those that it shares with its authorization context.
    pub fn invalidate_principal(&self, principal: &Principal) {
        self.0.invalidate(&groups::of_subject(principal));
        let mut context = Vec::new();
        let written = self.0.settings.context.write(principal, &mut context);
        if written.is_some() {
            self.0.invalidate(&groups::of_context(&context));
        }
    }

    /// Invalidates what a notification announces as changed (2026-07-28, server/utilities/caching):
    /// `tools/list_changed` every page of the list, and likewise prompts; `resources/list_changed`
    /// the lists of resources and templates; `resources/updated` the reads of its uri, or of every
    /// uri that begins with it
    /// ([`CacheLayer::updates_are_prefixes`](crate::CacheLayer::updates_are_prefixes)). Other
    /// notifications change nothing.
    pub fn observe(&self, notification: &impl McpNotification) {
        match notification.method() {
            Method::ToolsListChanged => self.invalidate_method(Method::ListTools),
            Method::PromptsListChanged => self.invalidate_method(Method::ListPrompts),
            Method::ResourcesListChanged => {
                self.invalidate_method(Method::ListResources);
                self.invalidate_method(Method::ListResourceTemplates);
            }
            Method::ResourceUpdated => match notification.resource_uri() {
                Some(uri) if self.0.settings.updates_are_prefixes => {
                    self.invalidate_uri_prefix(uri);
                }
                Some(uri) => self.invalidate_target(Method::ReadResource, uri),
                // The notification does not name the resource.
                None => self.invalidate_method(Method::ReadResource),
            },
            _ => {}
        }
    }

    /// Returns the counters and the size of the cache.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.stats()
    }
}

mcp_layers_core::opaque_debug!(CacheHandle);
