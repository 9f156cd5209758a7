//! Names, labels and levels of the events.

use std::borrow::Cow;

use mcp_layers_core::{
    Event,
    trail::{CacheEvent, CircuitState},
};
use tracing::Level;

/// An event as it is counted and logged.
pub(crate) struct Description<'a> {
    pub(crate) event: &'static str,
    pub(crate) level: Level,
    pub(crate) label: Option<Label<'a>>,
}

/// The label that an event has in addition to its name.
pub(crate) struct Label<'a> {
    pub(crate) key: &'static str,
    pub(crate) value: Cow<'a, str>,
}

impl<'a> Description<'a> {
    pub(crate) fn of(event: &'a Event) -> Self {
        let (event, level, label) = match event {
            Event::Denied { rule } => ("denied", Level::INFO, label("rule", &**rule)),
            Event::Filtered { .. } => ("filtered", Level::DEBUG, None),
            Event::Limited { rule, .. } => ("limited", Level::INFO, label("rule", &**rule)),
            Event::Waited { rule, .. } => ("waited", Level::DEBUG, label("rule", &**rule)),
            Event::Cache(event) => {
                let (event, reason) = cache(*event);
                (event, Level::DEBUG, reason)
            }
            Event::Attempt { number: 0 | 1, .. } => ("attempt", Level::DEBUG, None),
            Event::Attempt { .. } => ("retry", Level::INFO, None),
            Event::GaveUp { reason } => ("gave_up", Level::INFO, label("reason", reason.as_str())),
            Event::OutcomeUnknown => ("outcome_unknown", Level::WARN, None),
            Event::CircuitOpen { circuit, .. } => {
                ("circuit_refused", Level::INFO, label("circuit", &**circuit))
            }
            Event::CircuitChanged { circuit, state } => {
                let (event, level) = match state {
                    CircuitState::Open => ("circuit_opened", Level::WARN),
                    CircuitState::HalfOpen => ("circuit_half_opened", Level::INFO),
                    _ => ("circuit_closed", Level::INFO),
                };
                (event, level, label("circuit", &**circuit))
            }
            Event::TimedOut { .. } => ("timed_out", Level::INFO, None),
            Event::Cancelled => ("cancelled", Level::DEBUG, None),
            Event::Masked { .. } => ("masked", Level::INFO, None),
            Event::Panicked { .. } => ("panicked", Level::WARN, None),
            Event::Failed { .. } => ("failed", Level::WARN, None),
            Event::Custom { layer, name, .. } => {
                let name = format!("{layer}.{name}");
                ("custom", Level::INFO, label("layer", name))
            }
            _ => ("other", Level::DEBUG, None),
        };
        Self {
            event,
            level,
            label,
        }
    }
}

fn label<'a>(key: &'static str, value: impl Into<Cow<'a, str>>) -> Option<Label<'a>> {
    let value = value.into();
    Some(Label { key, value })
}

fn cache(event: CacheEvent) -> (&'static str, Option<Label<'static>>) {
    match event {
        CacheEvent::Hit { .. } => ("cache_hit", None),
        CacheEvent::Stale { .. } => ("cache_stale", None),
        CacheEvent::Miss => ("cache_miss", None),
        CacheEvent::Coalesced => ("cache_coalesced", None),
        CacheEvent::Bypass { reason } => ("cache_bypass", label("reason", reason.as_str())),
        _ => ("cache_other", None),
    }
}
