//! The cost of a call under one rule.

use std::{num::NonZeroU32, sync::Arc};

use governor::Quota;
use mcp_layers_core::KeyWriter;

/// The cost of a call under one rule, and the bucket that it is charged to.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Cost {
    /// The name of the rule.
    pub rule: Arc<str>,
    /// The key of the bucket. It begins with the rule's name, and so is unique among rules.
    pub key: Vec<u8>,
    /// The present quota of the rule.
    pub quota: Quota,
    /// The number of calls that this one counts as.
    pub amount: NonZeroU32,
    /// A hash of the caller to whose share of a bounded store a new key counts; `None` if callers
    /// have no influence on the key.
    pub caller: Option<u64>,
}

impl Cost {
    /// A cost whose key `write_key` completes.
    pub fn new(
        rule: impl Into<Arc<str>>,
        quota: Quota,
        amount: NonZeroU32,
        write_key: impl FnOnce(&mut KeyWriter<'_>),
    ) -> Self {
        let rule = rule.into();
        let mut key = Vec::with_capacity(128);
        write_key(KeyWriter::new(&mut key).text(&rule));
        Self {
            rule,
            key,
            quota,
            amount,
            caller: None,
        }
    }

    /// Sets the caller.
    #[must_use]
    pub fn with_caller(self, caller: Option<u64>) -> Self {
        Self { caller, ..self }
    }
}
