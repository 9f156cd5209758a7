//! The settings of a cache.

use std::{fmt, sync::Arc, time::Duration};

use mcp_layers_core::Clock;

use crate::{AuthorizationContext, CacheStore, key::VaryBy, rules::Rules};

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) rules: Rules,
    pub(crate) context: AuthorizationContext,
    pub(crate) max_capacity: usize,
    pub(crate) max_entries: usize,
    pub(crate) max_entry_bytes: usize,
    pub(crate) max_time_to_live: Duration,
    pub(crate) max_wait: Duration,
    pub(crate) stale_while_revalidate: Duration,
    pub(crate) stale_if_error: Duration,
    pub(crate) vary_by_capabilities: bool,
    pub(crate) vary_by_meta: VaryBy,
    pub(crate) updates_are_prefixes: bool,
    pub(crate) reports_in_meta: bool,
    pub(crate) store: Option<Arc<dyn CacheStore>>,
    pub(crate) clock: Clock,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("rules", &self.rules)
            .field("context", &self.context)
            .field("max_capacity", &self.max_capacity)
            .field("max_entries", &self.max_entries)
            .field("max_entry_bytes", &self.max_entry_bytes)
            .field("max_time_to_live", &self.max_time_to_live)
            .field("max_wait", &self.max_wait)
            .field("stale_while_revalidate", &self.stale_while_revalidate)
            .field("stale_if_error", &self.stale_if_error)
            .field("vary_by_capabilities", &self.vary_by_capabilities)
            .field("vary_by_meta", &self.vary_by_meta)
            .field("updates_are_prefixes", &self.updates_are_prefixes)
            .field("reports_in_meta", &self.reports_in_meta)
            .finish_non_exhaustive()
    }
}
