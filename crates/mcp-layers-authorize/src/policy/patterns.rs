//! Names and prefixes of names, each with its rule.

use std::collections::HashMap;

use mcp_layers_core::{ConfigError, KeyHasher, ToolPattern};

/// A table of names and prefixes, found by hash: one lookup for the name, and one for each length that
/// a prefix in the table has.
#[derive(Debug)]
pub(super) struct Patterns<T> {
    exact: HashMap<Box<str>, T, KeyHasher>,
    prefixes: HashMap<Box<str>, T, KeyHasher>,
    /// The lengths of the prefixes in bytes, the longest first.
    lengths: Vec<usize>,
}

impl<T> Default for Patterns<T> {
    fn default() -> Self {
        Self {
            exact: HashMap::default(),
            prefixes: HashMap::default(),
            lengths: Vec::new(),
        }
    }
}

impl<T> Patterns<T> {
    /// Adds the rule of a pattern: a name, or the beginning of one with a `*` at its end. False if
    /// the pattern has one already.
    pub(super) fn insert(&mut self, pattern: &str, value: T) -> Result<bool, ConfigError> {
        if pattern.contains(char::is_control) {
            return Err(ConfigError::new(format!("{pattern:?} can never match")));
        }
        let (is_exact, length) = ToolPattern::new(pattern)?.specificity();
        let text = Box::from(&pattern[..length]);
        if is_exact {
            return Ok(self.exact.insert(text, value).is_none());
        }
        if let Err(at) = self.lengths.binary_search_by(|other| length.cmp(other)) {
            self.lengths.insert(at, length);
        }
        Ok(self.prefixes.insert(text, value).is_none())
    }

    /// The rule of the name itself.
    pub(super) fn exact(&self, name: &str) -> Option<&T> {
        self.exact.get(name)
    }

    /// The rule of the longest prefix of the name that is accepted, with the length of that prefix. The
    /// rule of `*` always is.
    pub(super) fn longest_prefix(
        &self,
        name: &str,
        accepts: impl Fn(&T) -> bool,
    ) -> Option<(usize, &T)> {
        self.lengths.iter().find_map(|length| {
            let value = self.prefixes.get(name.get(..*length)?)?;
            (*length == 0 || accepts(value)).then_some((*length, value))
        })
    }

    /// The most specific rule that is accepted: that of the name, otherwise that of its longest prefix.
    pub(super) fn get(&self, name: &str, accepts: impl Fn(&T) -> bool) -> Option<&T> {
        let exact = self.exact(name).filter(|value| accepts(value));
        exact.or_else(|| Some(self.longest_prefix(name, accepts)?.1))
    }

    /// The rule of the pattern `*`.
    pub(super) fn catch_all(&self) -> Option<&T> {
        self.prefixes.get("")
    }

    /// Every name and prefix with its rule.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        let both = self.exact.iter().chain(&self.prefixes);
        both.map(|(text, value)| (&**text, value))
    }
}

#[cfg(test)]
#[path = "../../tests/unit/patterns.rs"]
mod tests;
