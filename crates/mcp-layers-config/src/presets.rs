//! The settings of each profile.

use crate::{profile::Profile, settings::Settings};

impl Settings {
    /// The settings of the development profile: errors are shown, requests may take 10 minutes.
    #[must_use]
    pub fn development() -> Self {
        Self {
            profile: Some(Profile::Development),
            #[cfg(feature = "error-mask")]
            error_mask: Some(crate::error_mask::ErrorMaskSettings {
                unmasked_for_development: true,
                ..Default::default()
            }),
            #[cfg(feature = "timeout")]
            timeout: Some(crate::timeout::TimeoutSettings::new(
                crate::TimeSpan::from_secs(600),
            )),
            ..Self::default()
        }
    }

    /// The settings of the production profile: errors are masked; each principal has 10 calls a second for
    /// each tool, with a burst of 20, and 32 calls in flight; a request may take 30 seconds. The audit log,
    /// which is required, is to be added.
    #[must_use]
    pub fn production() -> Self {
        Self {
            profile: Some(Profile::Production),
            #[cfg(feature = "error-mask")]
            error_mask: Some(Default::default()),
            #[cfg(feature = "rate-limit")]
            rate_limit: Some(production_limits()),
            #[cfg(feature = "rate-limit")]
            concurrency_limit: Some(crate::concurrency_limit::ConcurrencyLimitSettings::new(
                const { std::num::NonZeroUsize::new(32).unwrap() },
            )),
            #[cfg(feature = "timeout")]
            timeout: Some(crate::timeout::TimeoutSettings::new(
                crate::TimeSpan::from_secs(30),
            )),
            ..Self::default()
        }
    }

    /// The settings that a profile has where no key is set.
    pub(crate) fn of_profile(profile: Option<Profile>) -> Self {
        match profile {
            None => Self::default(),
            Some(Profile::Development) => Self::development(),
            Some(Profile::Production) => Self::production(),
        }
    }

    /// True if the profile's demand for an audit log is met.
    pub(crate) fn has_required_audit(&self) -> bool {
        #[cfg(feature = "audit")]
        let has_audit = self.audit.is_some();
        #[cfg(not(feature = "audit"))]
        let has_audit = false;
        has_audit || self.profile != Some(Profile::Production)
    }
}

#[cfg(feature = "rate-limit")]
fn production_limits() -> crate::rate_limit::RateLimitSettings {
    use crate::{
        Per, Rate,
        rate_limit::{RateLimitSettings, RuleSettings},
    };
    use std::num::NonZeroU32;

    let quota = Rate {
        calls: const { NonZeroU32::new(10).unwrap() },
        per: Per::Second,
        burst: NonZeroU32::new(20),
    };
    RateLimitSettings::new("per_tool", RuleSettings::new(quota))
}
