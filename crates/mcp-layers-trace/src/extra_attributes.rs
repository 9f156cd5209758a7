//! Attributes that callbacks add.

use opentelemetry::{Key, KeyValue, Value};

/// The attributes that a callback adds to a span.
///
/// A span keeps all attributes that it is given, so use a prefix of your own, and no name that this crate
/// sets. What is added is exported: add no secrets.
#[derive(Debug, Default)]
pub struct Attributes(Vec<KeyValue>);

impl Attributes {
    /// Adds an attribute.
    pub fn add(&mut self, key: impl Into<Key>, value: impl Into<Value>) {
        self.0.push(KeyValue::new(key, value));
    }

    pub(crate) fn into_vec(self) -> Vec<KeyValue> {
        self.0
    }
}
