//! The settings of all layers.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{error::ConfigError, profile::Profile, table::Change, value::Secret};

#[allow(unused_imports)] // Not without tables.
use crate::table::Table;

/// A secret with the path of its key, and true if it takes effect when it is read again.
type SecretAt<'a> = (String, &'a Secret, bool);

/// Defines one field for each table, in three structs.
macro_rules! tables {
    ($($feature:literal $key:ident: $settings:ty => $layer:ty, $doc:literal;)*) => {
        /// The settings of all layers: a table for each, and a profile.
        ///
        /// Without a table there is no such layer, unless the profile has one. [`Settings::read`] reads
        /// them from any deserializer.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(default, deny_unknown_fields)]
        pub struct Settings {
            /// The values of keys that are not set; none by default, so that tables have the defaults
            /// of their layers.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub profile: Option<Profile>,
            /// Lets a server with the development profile listen on any address. By default
            /// [`Settings::check_address`] refuses all but loopback.
            pub allow_development_anywhere: bool,
            $(
                #[doc = $doc]
                #[cfg(feature = $feature)]
                #[cfg_attr(docsrs, doc(cfg(feature = $feature)))]
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $key: Option<$settings>,
            )*
        }

        /// The layers that the settings ask for, to be put into a stack with
        /// `ServiceBuilder::option_layer`. The fields are in the recommended order, from the outermost
        /// to the innermost.
        #[derive(Debug, Clone)]
        #[non_exhaustive]
        pub struct Layers {
            $(
                #[doc = $doc]
                #[cfg(feature = $feature)]
                #[cfg_attr(docsrs, doc(cfg(feature = $feature)))]
                pub $key: Option<$layer>,
            )*
        }

        /// The parts of the running layers that a reload changes.
        pub(crate) struct Live {
            $(
                #[cfg(feature = $feature)]
                pub(crate) $key: Option<<$settings as Table>::Live>,
            )*
        }

        impl Settings {
            pub(crate) fn build_layers(&self) -> Result<(Layers, Live), ConfigError> {
                $(
                    #[cfg(feature = $feature)]
                    let $key = self.$key.as_ref().map(Table::build).transpose()?.unzip();
                )*
                let layers = Layers { $(#[cfg(feature = $feature)] $key: $key.0,)* };
                let live = Live { $(#[cfg(feature = $feature)] $key: $key.1,)* };
                Ok((layers, live))
            }

            /// Checks all tables.
            pub(crate) fn check_tables(&self) -> Result<(), ConfigError> {
                $(
                    #[cfg(feature = $feature)]
                    self.$key.as_ref().map_or(Ok(()), Table::check)?;
                )*
                Ok(())
            }

            /// These settings, with the keys of `new` that can change while the layers run.
            pub(crate) fn with_live_keys_of(&self, new: &Self) -> Self {
                let _ = new;
                Self {
                    $(
                        #[cfg(feature = $feature)]
                        $key: match (&self.$key, &new.$key) {
                            (Some(running), Some(new)) => Some(running.with_live_keys_of(new)),
                            (running, _) => running.clone(),
                        },
                    )*
                    ..self.clone()
                }
            }

            /// Prepares the change of the layers that run with other settings to these.
            pub(crate) fn prepare(
                &self,
                running: &Self,
                live: &Live,
            ) -> Result<Vec<Change>, ConfigError> {
                let _ = (running, live);
                #[allow(unused_mut)]
                let mut changes = Vec::new();
                $(
                    #[cfg(feature = $feature)]
                    if let (Some(next), Some(running), Some(live)) =
                        (&self.$key, &running.$key, &live.$key)
                        && (next != running || <$settings as Table>::RELOADS_SECRETS)
                    {
                        changes.extend(next.prepare(running, live)?);
                    }
                )*
                Ok(changes)
            }

            /// All secrets.
            pub(crate) fn secrets(&self) -> Vec<SecretAt<'_>> {
                #[allow(unused_mut)]
                let mut secrets = Vec::new();
                $(
                    #[cfg(feature = $feature)]
                    for (path, secret) in self.$key.iter().flat_map(Table::secrets) {
                        secrets.push((path, secret, <$settings as Table>::RELOADS_SECRETS));
                    }
                )*
                secrets
            }
        }
    };
}

tables! {
    "rate-limit-http" address_limit: crate::address_limit::AddressLimitSettings
        => mcp_layers_rate_limit::AddressLimitLayer,
        "A rate limit per client IP address, around HTTP.";
    "authenticate" authenticate: crate::authenticate::AuthenticateSettings
        => mcp_layers_authenticate::AuthenticateLayer,
        "Authentication, around HTTP.";
    "util" local_principal: crate::local_principal::LocalPrincipalSettings
        => mcp_layers_util::LocalPrincipalLayer,
        "The principal of a server over standard input and output.";
    "trace" trace: crate::trace::TraceSettings
        => mcp_layers_trace::TraceLayer,
        "Spans of OpenTelemetry.";
    "timing" timing: crate::timing::TimingSettings
        => mcp_layers_timing::TimingLayer,
        "Metrics of durations and outcomes.";
    "events" events: crate::events::EventsSettings
        => mcp_layers_events::EventsLayer,
        "Counters and `tracing` events of the decisions of layers.";
    "audit" audit: crate::audit::AuditSettings
        => mcp_layers_audit::AuditLayer,
        "The audit log.";
    "error-mask" error_mask: crate::error_mask::ErrorMaskSettings
        => mcp_layers_error_mask::ErrorMaskLayer,
        "The mask of internal errors.";
    "drain" drain: crate::drain::DrainSettings
        => mcp_layers_drain::DrainLayer,
        "Graceful shutdown.";
    "authorize" authorize: crate::authorize::AuthorizeSettings
        => mcp_layers_authorize::AuthorizeLayer,
        "Authorization: who may see and use what.";
    "rate-limit" rate_limit: crate::rate_limit::RateLimitSettings
        => mcp_layers_rate_limit::RateLimitLayer,
        "Rate limits by rules.";
    "rate-limit" concurrency_limit: crate::concurrency_limit::ConcurrencyLimitSettings
        => mcp_layers_rate_limit::ConcurrencyLimitLayer,
        "A limit of calls in flight.";
    "cache" cache: crate::cache::CacheSettings
        => mcp_layers_cache::CacheLayer,
        "Response caching.";
    "retry" retry: crate::retry::RetrySettings
        => mcp_layers_retry::RetryLayer,
        "Retries of requests that are safe to repeat.";
    "circuit-breaker" circuit_breaker: crate::circuit_breaker::CircuitBreakerSettings
        => mcp_layers_circuit_breaker::CircuitBreakerLayer,
        "Circuit breakers.";
    "timeout" timeout: crate::timeout::TimeoutSettings
        => mcp_layers_timeout::TimeoutLayer,
        "Timeouts.";
}

impl Settings {
    /// Checks that the server may listen on an address: the development profile shows the insides of the
    /// server to its callers, and is for loopback addresses alone.
    ///
    /// # Errors
    /// If the profile is [`Profile::Development`], the address is not loopback, and
    /// `allow_development_anywhere` is not set.
    pub fn check_address(&self, address: SocketAddr) -> Result<(), ConfigError> {
        let is_development = self.profile == Some(Profile::Development);
        if is_development && !self.allow_development_anywhere && !address.ip().is_loopback() {
            let problem = format!(
                "the development profile shows errors to every caller, and is refused on {address}: listen \
                 on a loopback address, use the production profile, or set `allow_development_anywhere`"
            );
            return Err(ConfigError::new("profile", problem));
        }
        Ok(())
    }
}
