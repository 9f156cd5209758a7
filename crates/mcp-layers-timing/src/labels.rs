//! Names of tools or prompts that are label values.

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
};

/// The names that are label values so far. Names are added up to a bound, and never removed: a
/// series that exists keeps its name.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    names: RwLock<HashSet<Arc<str>>>,
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

#[cfg(test)]
mod tests {
    use super::Labels;
    use std::thread;

    #[test]
    fn names_are_added_up_to_the_bound_and_stay() {
        let labels = Labels::default();
        assert_eq!(labels.of("echo", 2).as_deref(), Some("echo"));
        assert_eq!(labels.of("add", 2).as_deref(), Some("add"));
        assert_eq!(labels.of("more", 2), None);
        assert_eq!(labels.of("echo", 2).as_deref(), Some("echo"));
        assert_eq!(labels.len(), 2);
    }

    #[test]
    fn names_that_are_empty_too_long_or_have_to_be_escaped_are_no_labels() {
        let labels = Labels::default();
        for name in ["", "a\"b", "a\\b", "a\nb", "a\u{7f}b", &"x".repeat(129)] {
            assert_eq!(labels.of(name, 8), None, "{name:?}");
        }
        for name in ["a.b/c-d_e", "größe", &"x".repeat(128)] {
            assert!(labels.of(name, 8).is_some(), "{name:?}");
        }
    }

    #[test]
    fn threads_that_race_for_the_last_place_fill_it_once() {
        let labels = Labels::default();
        thread::scope(|scope| {
            for thread in 0..8 {
                let labels = &labels;
                scope.spawn(move || {
                    for name in 0..64 {
                        labels.of(&format!("{}", (name + thread) % 64), 10);
                    }
                });
            }
        });
        assert_eq!(labels.len(), 10);
    }
}
