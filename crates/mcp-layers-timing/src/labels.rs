//! Names of tools or prompts that are label values.

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
};

use mcp_layers_core::KeyHasher;

/// The names that are label values so far. Names are added up to a bound, and never removed: a
/// series that exists keeps its name.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    names: RwLock<HashSet<Arc<str>, KeyHasher>>,
}

impl Labels {
    /// The label value of a name that the server has; `None` when the name cannot be one, or when
    /// `max` other names are label values already.
    pub(crate) fn of(&self, name: &str, max: usize) -> Option<Arc<str>> {
        if let Some(known) = self.get(name) {
            return Some(known);
        }
        if !is_label(name) {
            return None;
        }
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get(name) {
            return Some(Arc::clone(known));
        }
        if names.len() >= max {
            return None;
        }
        let name: Arc<str> = name.into();
        names.insert(Arc::clone(&name));
        Some(name)
    }

    pub(crate) fn len(&self) -> usize {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        names.len()
    }

    fn get(&self, name: &str) -> Option<Arc<str>> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        names.get(name).cloned()
    }
}

/// The longest name that becomes a label value, in bytes: the length that tools should keep to
/// (2025-11-25, server/tools, "Tool Names").
const MAX_LEN: usize = 128;

/// Quotes, backslashes and control characters have to be escaped in Prometheus' text format. Not
/// every exporter escapes them so that two names stay two.
fn is_label(name: &str) -> bool {
    (1..=MAX_LEN).contains(&name.len())
        && !name.contains(|c: char| c == '"' || c == '\\' || c.is_control())
}
