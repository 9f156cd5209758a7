//! Errors of settings, with the path of the key.

use std::{error::Error, fmt};

/// An error in the settings: the path of the key, and the problem with its value.
///
/// Errors of [`Settings::read`](crate::Settings::read) never repeat a value, which could be a secret in the
/// wrong place. Errors of layers can name a pattern, a scope or a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    path: String,
    message: String,
}

impl ConfigError {
    /// An error at a key, by its dotted path such as `timeout.maximum`. An empty path is the whole.
    pub fn new(path: impl Into<String>, message: impl fmt::Display) -> Self {
        Self {
            path: path.into(),
            message: message.to_string(),
        }
    }

    /// The dotted path of the key, such as `rate_limit.rules.per_tool.quota`; empty if the settings as
    /// a whole are at fault.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The problem, without the path.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl Error for ConfigError {}

/// Adds the path of the key to an error.
pub(crate) fn at<E: fmt::Display>(path: impl Into<String>) -> impl FnOnce(E) -> ConfigError {
    move |error| ConfigError::new(path, error)
}

/// The path of a key in a table by name. A name that is no bare key of TOML is quoted.
pub(crate) fn join(path: &str, name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let name = if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else {
        format!("{name:?}")
    };
    match path {
        "" => name,
        path => format!("{path}.{name}"),
    }
}
