//! Quotas: calls for each unit of time.

use std::{fmt, num::NonZeroU32, str::FromStr};

use mcp_layers_core::ConfigError;

use super::text::{Text, as_text};

/// A quota: a number of calls for each unit of time, `"100/min"`, with the calls that may come at once,
/// `"100/min burst 20"`.
///
/// Units are `s`, `min`, `h` and `day`. Without a burst, all calls of one unit may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The calls.
    pub calls: NonZeroU32,
    /// The unit of time in which so many calls are replenished.
    pub per: Per,
    /// The calls that may come at once; `None` for as many as [`Rate::calls`].
    pub burst: Option<NonZeroU32>,
}

/// A unit of time in a [`Rate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// A second, `s`.
    Second,
    /// A minute, `min`.
    Minute,
    /// An hour, `h`.
    Hour,
    /// 24 hours, `day`.
    Day,
}

impl Per {
    const ALL: [(&'static str, Self, u64); 4] = [
        ("s", Self::Second, 1),
        ("min", Self::Minute, 60),
        ("h", Self::Hour, 3_600),
        ("day", Self::Day, 86_400),
    ];

    fn find(self) -> (&'static str, u64) {
        let found = Self::ALL.iter().find(|(_, per, _)| *per == self);
        found.map_or(("s", 1), |(name, _, seconds)| (name, *seconds))
    }
}

impl Rate {
    /// The quota.
    ///
    /// # Errors
    /// If more calls are replenished in a unit than it has nanoseconds.
    #[cfg(feature = "rate-limit")]
    #[cfg_attr(docsrs, doc(cfg(feature = "rate-limit")))]
    pub fn quota(self) -> Result<mcp_layers_rate_limit::Quota, ConfigError> {
        let period = std::time::Duration::from_secs(self.per.find().1) / self.calls.get();
        let quota = mcp_layers_rate_limit::Quota::with_period(period)
            .ok_or_else(|| ConfigError::new("more calls than there are nanoseconds"))?;
        Ok(quota.allow_burst(self.burst.unwrap_or(self.calls)))
    }
}

impl FromStr for Rate {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let wrong = || {
            ConfigError::new(
                "not a quota: write \"10/s\", \"100/min\", \"2/h\", \"5/day\" or \"100/min burst 20\"",
            )
        };
        if text.trim().parse::<f64>().is_ok() {
            return Err(ConfigError::new(Self::NUMBER));
        }
        let (rate, burst) = match text.split_once("burst") {
            None => (text, None),
            Some((rate, burst)) => (rate, Some(number(burst).ok_or_else(wrong)?)),
        };
        let (calls, unit) = rate.split_once('/').ok_or_else(wrong)?;
        let mut units = Per::ALL.iter();
        let per = units.find(|(name, ..)| *name == unit.trim());
        let (_, per, _) = per.ok_or_else(wrong)?;
        Ok(Self {
            calls: number(calls).ok_or_else(wrong)?,
            per: *per,
            burst,
        })
    }
}

/// A number without a sign.
fn number(text: &str) -> Option<NonZeroU32> {
    let text = text.trim();
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.calls, self.per.find().0)?;
        match self.burst {
            Some(burst) => write!(f, " burst {burst}"),
            None => Ok(()),
        }
    }
}

impl Text for Rate {
    const EXPECTED: &'static str = "a quota, such as \"100/min\" or \"100/min burst 20\"";
    const NUMBER: &'static str = "a number without a unit: write \"100/min\"";
}

as_text!(Rate, r"^\s*\d+\s*/\s*(s|min|h|day)(\s*burst\s*\d+)?\s*$");
