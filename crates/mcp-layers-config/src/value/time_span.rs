//! Durations.

use std::{fmt, str::FromStr, time::Duration};

use jiff::fmt::friendly::{SpanParser, SpanPrinter};
use mcp_layers_core::ConfigError;

use super::text::{Text, as_text};

/// A duration with its unit: `"30s"`, `"500ms"`, `"1h 30m"`.
///
/// Units are `h`, `m` (minutes), `s`, `ms`, `us` and `ns`. A day is `"24h"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeSpan(Duration);

impl TimeSpan {
    /// A whole number of seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// A whole number of milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// The duration.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl From<Duration> for TimeSpan {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl FromStr for TimeSpan {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        if text.trim().parse::<f64>().is_ok() {
            return Err(ConfigError::new(Self::NUMBER));
        }
        // `01:30` has no unit either.
        let parsed = match text.contains(':') {
            true => None,
            false => SpanParser::new().parse_unsigned_duration(text).ok(),
        };
        let parsed = parsed.ok_or_else(|| {
            ConfigError::new("not a duration: write \"30s\", \"500ms\" or \"1h 30m\"")
        })?;
        Ok(Self(parsed))
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&SpanPrinter::new().unsigned_duration_to_string(&self.0))
    }
}

impl Text for TimeSpan {
    const EXPECTED: &'static str = "a duration with a unit, such as \"30s\"";
    const NUMBER: &'static str = "a number without a unit: write \"30s\"";
}

as_text!(
    TimeSpan,
    r"^\s*\d+(\.\d+)?\s*[a-zµ]+([\s,]*\d+(\.\d+)?\s*[a-zµ]+)*\s*$"
);
