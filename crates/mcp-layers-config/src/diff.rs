//! Settings by the paths of their keys.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{BuildHasher, RandomState},
};

use serde_json::{Value, json};

use crate::{
    error::{ConfigError, at, join},
    settings::Settings,
};

/// The values of all keys that are set, by their paths. A secret is its reference, and a hash of what
/// was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys(BTreeMap<String, Value>);

impl Keys {
    /// The keys of settings, whose secrets are read.
    pub(crate) fn of(settings: &Settings, hasher: &RandomState) -> Result<Self, ConfigError> {
        let mut keys = Self::default();
        keys.add(
            String::new(),
            serde_json::to_value(settings).map_err(at(""))?,
        );
        for (path, secret, _) in settings.secrets() {
            let hash = hasher.hash_one(secret.bytes().map_err(at(path.clone()))?);
            keys.0.insert(path, json!([secret.to_string(), hash]));
        }
        Ok(keys)
    }

    fn add(&mut self, path: String, value: Value) {
        match value {
            Value::Null => {}
            Value::Object(table) => {
                for (key, value) in table {
                    self.add(join(&path, &key), value);
                }
            }
            value => {
                self.0.insert(path, value);
            }
        }
    }

    /// Keeps the values that `other` has for some keys.
    pub(crate) fn keep(&mut self, other: &Self, paths: impl IntoIterator<Item = String>) {
        for path in paths {
            if let Some(value) = other.0.get(&path) {
                self.0.insert(path, value.clone());
            }
        }
    }

    /// The paths of the keys that differ, and of those that are equal.
    pub(crate) fn compare(&self, other: &Self) -> (Vec<String>, Vec<String>) {
        let paths: BTreeSet<_> = self.0.keys().chain(other.0.keys()).cloned().collect();
        paths
            .into_iter()
            .partition(|path| self.0.get(path) != other.0.get(path))
    }
}
