//! Which names of tools and prompts may become the value of a label.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use crate::table::Table;

/// Names the server is known to have. The caller's mere word adds none.
pub(crate) struct Names {
    table: Table<Box<str>>,
    hasher: RandomState,
}

impl Names {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            table: Table::new(max),
            hasher: RandomState::default(),
        }
    }

    /// The index of a known name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.table
            .find(self.hasher.hash_one(name), |have| **have == *name)
            .map(|(index, _)| index)
    }

    /// The index of a name that is known from now on; `None` where it cannot be a label or there
    /// is no room for it.
    pub(crate) fn learn(&self, name: &str) -> Option<usize> {
        if !is_label(name) {
            return None;
        }
        self.table
            .find_or_insert(
                self.hasher.hash_one(name),
                |have| **have == *name,
                || name.into(),
            )
            .map(|(index, _)| index)
    }

    /// Whether [`Names::learn`] could learn this name.
    pub(crate) fn could_learn(&self, name: &str) -> bool {
        !self.is_full() && is_label(name)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.table.is_full()
    }

    /// The name at an index.
    pub(crate) fn get(&self, index: usize) -> Option<&str> {
        self.table.get(index).map(|name| &**name)
    }
}

/// The longest name that becomes a label, in bytes: what the protocol asks tools to keep to
/// (2025-11-25, server/tools, "Tool Names").
const MAX_LEN: usize = 128;

/// Quotes, backslashes and control characters are escaped in Prometheus' text format, and not by
/// every exporter so that two names stay two.
fn is_label(name: &str) -> bool {
    (1..=MAX_LEN).contains(&name.len())
        && !name.contains(|c: char| c == '"' || c == '\\' || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn learns_up_to_its_bound_and_keeps_what_it_knows() {
        let names = Names::new(2);
        let echo = names.learn("echo").unwrap();
        assert!(names.could_learn("add"));
        assert!(names.learn("add").is_some());
        assert!(!names.could_learn("more"));
        assert_eq!(names.learn("more"), None);
        assert_eq!(names.find("more"), None);
        assert_eq!(names.learn("echo"), Some(echo));
        assert_eq!(names.get(echo), Some("echo"));
    }

    #[test]
    fn takes_no_name_that_is_empty_too_long_or_has_to_be_escaped() {
        let names = Names::new(8);
        for name in ["", "a\"b", "a\\b", "a\nb", "a\u{7f}b", &"x".repeat(129)] {
            assert_eq!(names.learn(name), None, "{name:?}");
        }
        for name in ["a.b/c-d_e", "größe", &"x".repeat(128)] {
            assert!(names.learn(name).is_some(), "{name:?}");
        }
    }
}
