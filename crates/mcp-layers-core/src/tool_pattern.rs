//! Patterns of tool names.

use std::fmt;

use crate::ConfigError;

/// A tool's exact name, or a prefix followed by `*`: `db_query`, `db_*`.
///
/// ```
/// use mcp_layers_core::ToolPattern;
///
/// let databases = ToolPattern::new("db_*")?;
/// assert!(databases.matches("db_query") && !databases.matches("web_query"));
/// assert!(ToolPattern::new("*_query").is_err());
/// # Ok::<(), mcp_layers_core::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ToolPattern {
    text: Box<str>,
    is_prefix: bool,
}

impl ToolPattern {
    /// Reads a pattern. `*` alone matches every name.
    ///
    /// # Errors
    /// When the pattern is empty, or has a `*` anywhere but at its end.
    pub fn new(pattern: impl AsRef<str>) -> Result<Self, ConfigError> {
        let pattern = pattern.as_ref();
        let (text, is_prefix) = match pattern.strip_suffix('*') {
            Some(prefix) => (prefix, true),
            None => (pattern, false),
        };
        if pattern.is_empty() || text.contains('*') {
            return Err(ConfigError::new(format!(
                "`{pattern}` is no tool pattern: write an exact name, or a prefix followed by `*`"
            )));
        }
        Ok(Self {
            text: text.into(),
            is_prefix,
        })
    }

    /// Returns true if the pattern matches a tool's name. Case matters.
    #[must_use]
    pub fn matches(&self, tool: &str) -> bool {
        if self.is_prefix {
            tool.starts_with(&*self.text)
        } else {
            *self.text == *tool
        }
    }

    /// The name, if the pattern is an exact one.
    #[must_use]
    pub fn exact(&self) -> Option<&str> {
        (!self.is_prefix).then_some(&*self.text)
    }

    /// The length of the part that has to match, in bytes: of two patterns that match the same
    /// name, the one with the larger value is the more specific. An exact name beats every prefix.
    #[must_use]
    pub fn specificity(&self) -> (bool, usize) {
        (!self.is_prefix, self.text.len())
    }
}

impl fmt::Display for ToolPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        f.write_str(if self.is_prefix { "*" } else { "" })
    }
}
