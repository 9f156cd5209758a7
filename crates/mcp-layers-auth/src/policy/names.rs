//! Names and prefixes of names, each with its rule: found by hash, or by a walk that is as long as
//! prefixes lie inside each other.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use mcp_layers_core::ConfigError;

/// What holds for names, most specific first: the name itself, then the longest prefix.
#[derive(Debug)]
pub(super) struct Names<T> {
    exact: HashMap<Box<str>, T, RandomState>,
    /// Sorted by their text.
    prefixes: Vec<Prefix<T>>,
}

#[derive(Debug)]
struct Prefix<T> {
    /// The first bytes of the text, which nearly always tell two apart.
    head: u128,
    text: Box<str>,
    value: T,
    /// The longest other prefix that this one begins with.
    outer: Option<usize>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self {
            exact: HashMap::default(),
            prefixes: Vec::new(),
        }
    }
}

impl<T> Names<T> {
    /// The table of patterns: a name, or the beginning of one with a `*` at its end.
    pub(super) fn new(
        patterns: impl IntoIterator<Item = (String, T)>,
    ) -> Result<Self, ConfigError> {
        let mut names = Self::default();
        for (pattern, value) in patterns {
            let fault = |text| ConfigError::new(format!("{pattern:?} {text}"));
            if pattern.is_empty() || pattern.contains(char::is_control) {
                return Err(fault("can never match"));
            }
            let prefix = pattern.strip_suffix('*');
            if prefix.unwrap_or(&pattern).contains('*') {
                return Err(fault("has a `*` elsewhere than at its end"));
            }
            match prefix {
                None => {
                    let name = pattern.clone().into_boxed_str();
                    if names.exact.insert(name, value).is_some() {
                        return Err(fault("has two rules"));
                    }
                }
                Some(text) => names.prefixes.push(Prefix {
                    head: head(text),
                    text: text.into(),
                    value,
                    outer: None,
                }),
            }
        }
        names.nest()?;
        Ok(names)
    }

    fn nest(&mut self) -> Result<(), ConfigError> {
        self.prefixes.sort_by(|a, b| a.text.cmp(&b.text));
        for index in 1..self.prefixes.len() {
            let text = &self.prefixes[index].text;
            if *text == self.prefixes[index - 1].text {
                return Err(ConfigError::new(format!("\"{text}*\" has two rules")));
            }
            let outer = self.walk(Some(index - 1), text);
            self.prefixes[index].outer = outer;
        }
        Ok(())
    }

    /// From a prefix outward, the first that the name begins with.
    fn walk(&self, mut at: Option<usize>, name: &str) -> Option<usize> {
        while let Some(index) = at {
            if name.starts_with(&*self.prefixes[index].text) {
                break;
            }
            at = self.prefixes[index].outer;
        }
        at
    }

    /// What holds for the name alone.
    pub(super) fn exact(&self, name: &str) -> Option<&T> {
        self.exact.get(name)
    }

    /// What holds for the longest prefix of the name.
    pub(super) fn by_prefix(&self, name: &str) -> Option<&T> {
        // Whatever sorts between a prefix of the name and the name begins with that prefix, so that
        // the walk outward from the last one before the name meets them all.
        let key = (head(name), name);
        let before = self
            .prefixes
            .partition_point(|prefix| (prefix.head, &*prefix.text) <= key);
        let found = self.walk(before.checked_sub(1), name)?;
        Some(&self.prefixes[found].value)
    }

    /// The names that have a rule of their own.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.exact.keys().map(AsRef::as_ref)
    }
}

/// The first bytes as a number that sorts as they do. Texts that sort otherwise differ in them.
fn head(text: &str) -> u128 {
    let mut bytes = [0; 16];
    let length = text.len().min(bytes.len());
    bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
    u128::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::Names;
    use proptest::prelude::{prop, prop_assert_eq, proptest};

    proptest! {
        #[test]
        fn the_most_specific_pattern_is_found(
            // Some are equal in their first 16 bytes.
            patterns in prop::collection::btree_set("(a{15})?[ab]{0,4}\\*?", 0..20),
            name in "(a{15})?[ab]{1,6}",
        ) {
            let patterns: Vec<_> = patterns.into_iter().filter(|text| !text.is_empty()).collect();
            let names = Names::new(patterns.iter().map(|text| (text.clone(), text.clone()))).unwrap();
            let found = names.exact(&name).or_else(|| names.by_prefix(&name));
            let expected = patterns.iter().filter(|text| match text.strip_suffix('*') {
                Some(prefix) => name.starts_with(prefix),
                None => **text == name,
            });
            let expected = expected.max_by_key(|text| (!text.ends_with('*'), text.len()));
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn what_can_never_match_or_stands_twice_is_refused() {
        let table =
            |patterns: &[&str]| Names::new(patterns.iter().map(|text| (text.to_string(), ())));
        for patterns in [
            &[""][..],
            &["a*b"],
            &["**"],
            &["a\n"],
            &["a", "a"],
            &["a*", "b", "a*"],
        ] {
            assert!(table(patterns).is_err(), "{patterns:?}");
        }
        assert!(table(&["a", "a*", "*"]).is_ok());
    }
}
