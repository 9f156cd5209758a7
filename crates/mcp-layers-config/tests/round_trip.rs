//! Settings are the same after they are written and read.

#![cfg(feature = "full")]
#![allow(clippy::unwrap_used)]

use std::{fmt::Display, num::NonZeroU32, str::FromStr, time::Duration};

use mcp_layers_config::{
    ByteSize, Per, Percent, Rate, Secret, Settings, TimeSpan,
    audit::{AuditFileSettings, AuditSettings, OverflowSettings, SyncSettings},
    authenticate::{ApiKeySettings, AuthenticateSettings},
    authorize::{AccessSettings, AuthorizeSettings},
    cache::{CacheSettings, FreshnessSettings, Scope},
    circuit_breaker::{CircuitBreakerSettings, SlowCallSettings, WindowSettings},
    rate_limit::{KeyPart, RateLimitSettings, RuleSettings},
    retry::RetrySettings,
    timeout::{LimitsSettings, TimeoutSettings},
};
use proptest::{collection::btree_map, option, prelude::*};
use serde_json::Value;

fn span() -> impl Strategy<Value = TimeSpan> {
    (0..u64::MAX / 4, 0..1_000_000_000_u32).prop_map(|(s, n)| Duration::new(s, n).into())
}

fn size() -> impl Strategy<Value = ByteSize> {
    prop_oneof![any::<u64>(), (0..64_u32).prop_map(|bits| 1 << bits)].prop_map(ByteSize::new)
}

fn number() -> impl Strategy<Value = NonZeroU32> {
    (1..=u32::MAX).prop_map(|n| NonZeroU32::new(n).unwrap())
}

fn rate() -> impl Strategy<Value = Rate> {
    let per = prop_oneof![
        Just(Per::Second),
        Just(Per::Minute),
        Just(Per::Hour),
        Just(Per::Day)
    ];
    (number(), per, option::of(number())).prop_map(|(calls, per, burst)| Rate { calls, per, burst })
}

fn percent() -> impl Strategy<Value = Percent> {
    any::<u16>().prop_map(Percent::new)
}

fn secret() -> impl Strategy<Value = Secret> {
    prop_oneof![".+".prop_map(Secret::env), ".+".prop_map(Secret::file)]
}

fn timeout() -> impl Strategy<Value = TimeoutSettings> {
    let limits = (span(), option::of(span())).prop_map(|(maximum, idle)| LimitsSettings {
        idle,
        ..LimitsSettings::new(maximum)
    });
    (
        span(),
        option::of(span()),
        btree_map(".*", limits, 0..3),
        any::<bool>(),
    )
        .prop_map(|(maximum, idle, tool, as_tool_error)| TimeoutSettings {
            idle,
            tool,
            as_tool_error,
            ..TimeoutSettings::new(maximum)
        })
}

fn rate_limit() -> impl Strategy<Value = RateLimitSettings> {
    let key = prop_oneof![
        Just(vec![]),
        Just(vec![KeyPart::Tenant, KeyPart::ClientAddress])
    ];
    let rule = (
        rate(),
        key,
        option::of(Just(vec!["db_*".to_owned()])),
        number(),
    );
    let rule = rule.prop_map(|(quota, key, tools, cost)| RuleSettings {
        key,
        tools,
        cost,
        ..RuleSettings::new(quota)
    });
    (btree_map(".*", rule, 0..3), span()).prop_map(|(rules, max_wait)| RateLimitSettings {
        rules,
        max_wait,
        ..RateLimitSettings::default()
    })
}

fn cache() -> impl Strategy<Value = CacheSettings> {
    let scope = option::of(prop_oneof![Just(Scope::Public), Just(Scope::Private)]);
    let freshness = (span(), scope);
    let freshness = freshness.prop_map(|(time_to_live, scope)| FreshnessSettings {
        time_to_live,
        scope,
    });
    (size(), btree_map(".*", freshness, 0..3)).prop_map(|(max_capacity, tool)| CacheSettings {
        max_capacity,
        tool,
        ..CacheSettings::default()
    })
}

fn circuit_breaker() -> impl Strategy<Value = CircuitBreakerSettings> {
    let window = prop_oneof![
        number().prop_map(WindowSettings::Calls),
        span().prop_map(WindowSettings::Time)
    ];
    let slow =
        (span(), percent()).prop_map(|(slower_than, rate)| SlowCallSettings { slower_than, rate });
    (window, option::of(slow)).prop_map(|(window, slow_call_rate)| CircuitBreakerSettings {
        window,
        slow_call_rate,
        ..CircuitBreakerSettings::default()
    })
}

fn audit() -> impl Strategy<Value = AuditSettings> {
    let overflow = prop_oneof![
        Just(OverflowSettings::Drop),
        span().prop_map(OverflowSettings::Wait)
    ];
    let sync = prop_oneof![
        Just(SyncSettings::Each),
        span().prop_map(SyncSettings::Interval)
    ];
    (secret(), overflow, sync).prop_map(|(key, on_overflow, sync)| AuditSettings {
        file: Some(AuditFileSettings {
            sync,
            ..AuditFileSettings::new("audit.jsonl", key)
        }),
        on_overflow,
        ..AuditSettings::default()
    })
}

fn people() -> impl Strategy<Value = (AuthenticateSettings, AuthorizeSettings)> {
    let keys = btree_map(".*", secret().prop_map(ApiKeySettings::new), 0..3);
    let access = any::<[bool; 3]>().prop_map(|[any_principal, nobody, hidden]| AccessSettings {
        any_principal,
        nobody,
        hidden,
        ..AccessSettings::default()
    });
    (keys, btree_map(".*", access, 0..3)).prop_map(|(api_keys, tool)| {
        let authenticate = AuthenticateSettings {
            api_keys,
            ..AuthenticateSettings::default()
        };
        (
            authenticate,
            AuthorizeSettings {
                tool,
                ..AuthorizeSettings::default()
            },
        )
    })
}

prop_compose! {
    fn settings()(
        timeout in option::of(timeout()),
        rate_limit in option::of(rate_limit()),
        cache in option::of(cache()),
        circuit_breaker in option::of(circuit_breaker()),
        audit in option::of(audit()),
        people in option::of(people()),
        attempts in option::of(number()),
    ) -> Settings {
        let (authenticate, authorize) = people.unzip();
        Settings {
            timeout,
            rate_limit,
            cache,
            circuit_breaker,
            audit,
            authenticate,
            authorize,
            retry: attempts.map(RetrySettings::new),
            ..Settings::default()
        }
    }
}

#[track_caller]
fn same_text<
    T: Display + FromStr<Err = mcp_layers_core::ConfigError> + PartialEq + std::fmt::Debug,
>(
    value: &T,
) {
    assert_eq!(&value.to_string().parse::<T>().unwrap(), value);
}

proptest! {
    #[test]
    fn values_are_read_as_they_are_written(
        span in span(), size in size(), rate in rate(), percent in percent(), secret in secret(),
    ) {
        same_text(&span);
        same_text(&size);
        same_text(&rate);
        same_text(&percent);
        same_text(&secret);
    }

    #[test]
    fn texts_never_panic(text in ".*") {
        let _ = (text.parse::<TimeSpan>(), text.parse::<ByteSize>(), text.parse::<Rate>());
        let _ = (text.parse::<Percent>(), text.parse::<Secret>());
    }

    #[test]
    fn settings_are_read_as_they_are_written(settings in settings()) {
        let json = serde_json::to_value(&settings).unwrap();
        prop_assert_eq!(&Settings::read(json).unwrap(), &settings);
        let text = toml::to_string(&settings).unwrap();
        let table: toml::Table = text.parse().unwrap();
        prop_assert_eq!(&Settings::read(table).unwrap(), &settings);
        let plain: Settings = serde_json::from_str(&serde_json::to_string(&settings).unwrap()).unwrap();
        prop_assert_eq!(&plain, &settings);
    }
}

#[test]
fn profiles_are_read_as_they_are_written() {
    for settings in [Settings::development(), Settings::production()] {
        let json: Value = serde_json::to_value(&settings).unwrap();
        assert_eq!(Settings::read(json).unwrap(), settings);
    }
}
