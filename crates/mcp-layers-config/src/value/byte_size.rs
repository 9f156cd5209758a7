//! Sizes in bytes.

use std::{fmt, str::FromStr};

use mcp_layers_core::ConfigError;

use super::text::{Text, as_text};

/// A size in bytes with its unit: `"4MiB"`, `"512KiB"`, `"300B"`.
///
/// Units are `B`, `KiB`, `MiB` and `GiB` (powers of 1,024), and `kB`, `MB` and `GB` (powers of 1,000).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
];

impl ByteSize {
    /// A number of bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number of bytes, for memory.
    #[allow(dead_code)] // Not without tables.
    pub(crate) fn in_memory(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl From<usize> for ByteSize {
    fn from(bytes: usize) -> Self {
        Self(u64::try_from(bytes).unwrap_or(u64::MAX))
    }
}

impl FromStr for ByteSize {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let text = text.trim();
        let number = text.trim_start_matches(|c: char| c.is_ascii_digit());
        let (digits, unit) = (&text[..text.len() - number.len()], number.trim_start());
        if unit.is_empty() && !digits.is_empty() {
            return Err(ConfigError::new(Self::NUMBER));
        }
        let factor = UNITS.iter().find(|(name, _)| *name == unit);
        factor
            .zip(digits.parse::<u64>().ok())
            .and_then(|((_, factor), number)| number.checked_mul(*factor))
            .map(Self)
            .ok_or_else(|| {
                ConfigError::new("not a size: write \"4MiB\", \"512KiB\", \"1MB\" or \"300B\"")
            })
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, factor): &&(&str, u64)| self.0 != 0 && self.0.is_multiple_of(*factor);
        let (unit, factor) = UNITS[..4].iter().find(fits).unwrap_or(&("B", 1));
        write!(f, "{}{unit}", self.0 / factor)
    }
}

impl Text for ByteSize {
    const EXPECTED: &'static str = "a size with a unit, such as \"4MiB\"";
    const NUMBER: &'static str = "a number without a unit: write \"4MiB\" or \"300B\"";
}

as_text!(ByteSize, r"^\s*\d+\s*(B|[KMG]iB|[kMG]B)\s*$");
