//! Names that are label values, bounded.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

/// The value in place of every name that is not shown.
pub(crate) const OTHER: &str = "_OTHER";

/// The most names of each label, unless another number is set.
pub(crate) const MAX_NAMES: usize = 128;

/// The longest name that becomes a label value, in bytes.
const MAX_LEN: usize = 128;

/// The values of each label so far. A value stays for as long as the layer lives.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<HashMap<&'static str, HashSet<Box<str>>>>);

impl Names {
    /// The name itself if it is among the first `max` values of the label, else [`OTHER`].
    pub(crate) fn bounded<'a>(&self, label: &'static str, name: &'a str, max: usize) -> &'a str {
        if !is_label(name) {
            return OTHER;
        }
        let mut labels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let names = labels.entry(label).or_default();
        if names.contains(name) {
            return name;
        }
        if names.len() >= max {
            return OTHER;
        }
        names.insert(name.into());
        name
    }
}

/// Not every exporter escapes quotes, backslashes and control characters so that two names stay two.
fn is_label(name: &str) -> bool {
    (1..=MAX_LEN).contains(&name.len())
        && !name.contains(|c: char| c == '"' || c == '\\' || c.is_control())
}
