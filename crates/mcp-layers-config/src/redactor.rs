//! Redactors of texts.

use std::collections::BTreeMap;

use mcp_layers_redact::Redactor;
use serde::{Deserialize, Serialize};

use crate::{
    error::{ConfigError, at, join},
    table::switch_on,
};

/// Settings of a [`Redactor`]: what is taken out of texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RedactorSettings {
    /// Replaces credentials.
    pub credentials: bool,
    /// Replaces absolute paths.
    pub paths: bool,
    /// Replaces IP and MAC addresses and the names of private hosts.
    pub addresses: bool,
    /// Replaces the frames of stack traces.
    pub stack_traces: bool,
    /// Replaces e-mail addresses.
    pub emails: bool,
    /// Replaces long words that look random.
    pub random_words: bool,
    /// Replaces the matches of regular expressions, by the name of each.
    pub pattern: BTreeMap<String, String>,
    /// One label for all credentials, instead of `[secret]`, `[key]` and `[token]`.
    pub label: Option<String>,
}

impl Default for RedactorSettings {
    fn default() -> Self {
        Self {
            credentials: true,
            paths: false,
            addresses: false,
            stack_traces: false,
            emails: false,
            random_words: false,
            pattern: BTreeMap::new(),
            label: None,
        }
    }
}

impl RedactorSettings {
    /// The redactor; `path` is that of the table.
    pub(crate) fn redactor(&self, path: &str) -> Result<Redactor, ConfigError> {
        let mut redactor = match self.credentials {
            true => Redactor::credentials(),
            false => Redactor::none(),
        };
        redactor = switch_on(
            redactor,
            [
                (self.stack_traces, Redactor::stack_traces),
                (self.addresses, Redactor::addresses),
                (self.paths, Redactor::paths),
                (self.emails, Redactor::emails),
                (self.random_words, Redactor::random_words),
            ],
        );
        for (name, pattern) in &self.pattern {
            let path = join(&format!("{path}.pattern"), name);
            redactor = redactor.pattern(name, pattern).map_err(at(path))?;
        }
        Ok(match &self.label {
            Some(label) => redactor.label(label.as_str()),
            None => redactor,
        })
    }
}
