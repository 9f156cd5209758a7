//! Shares in percent.

use std::{fmt, str::FromStr};

use mcp_layers_core::ConfigError;

use super::text::{Text, as_text};

/// A share in whole percent: `"50%"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u16);

impl Percent {
    /// A number of percent.
    #[must_use]
    pub const fn new(percent: u16) -> Self {
        Self(percent)
    }

    /// The number of percent.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl FromStr for Percent {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        if text.trim().parse::<f64>().is_ok() {
            return Err(ConfigError::new(Self::NUMBER));
        }
        let digits = text.trim().strip_suffix('%').map(str::trim_end);
        // `parse` accepts a sign.
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        digits
            .and_then(|digits| digits.parse().ok())
            .map(Self)
            .ok_or_else(|| ConfigError::new("not a share: write \"50%\", without a fraction"))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

impl Text for Percent {
    const EXPECTED: &'static str = "a share in percent, such as \"50%\"";
    const NUMBER: &'static str = "a number without a unit: write \"50%\"";
}

as_text!(Percent, r"^\s*\d+\s*%\s*$");
