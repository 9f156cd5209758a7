//! The layer that decided about a request, read from the trail of its response.

use std::time::Duration;

use mcp_layers_core::{Event, Trail, trail::CacheEvent};

use crate::text::cut;

/// The length of internal texts (an original error, the message of a panic), in bytes.
const DETAIL_LIMIT: usize = 4096;
/// The length of names of rules and error ids, in bytes.
const NAME_LIMIT: usize = 128;

/// The layer that decided about a request, and its verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// The concern: `handler`, `authorization`, `rate_limit`, `cache`, `circuit_breaker`,
    /// `timeout`, `cancel`, `service`, `caller`, `audit`.
    pub layer: &'static str,
    /// The verdict as a label: `answered`, `denied`, `limited`, `hit`, `stale`, `coalesced`,
    /// `open`, `timed_out`, `cancelled`, `dropped`, `panicked`, `failed`, `unavailable`.
    pub verdict: &'static str,
    /// The rule, the circuit or the like.
    pub rule: Option<Box<str>>,
}

impl Decision {
    pub(crate) const HANDLER: Self = Self::new("handler", "answered");
    pub(crate) const DROPPED: Self = Self::new("caller", "dropped");
    pub(crate) const PANICKED: Self = Self::new("service", "panicked");
    pub(crate) const FAILED: Self = Self::new("service", "failed");

    pub(crate) const AUDIT: Self = Self::new("audit", "unavailable");

    const fn new(layer: &'static str, verdict: &'static str) -> Self {
        Self {
            layer,
            verdict,
            rule: None,
        }
    }

    fn with_rule(self, rule: &str) -> Self {
        Self {
            rule: Some(cut(rule, NAME_LIMIT)),
            ..self
        }
    }

    /// The decision that an event reports; `None` when the request continued after it.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        Some(match event {
            Event::Denied { rule } => Self::new("authorization", "denied").with_rule(rule),
            Event::Limited { rule, .. } => Self::new("rate_limit", "limited").with_rule(rule),
            Event::Cache(CacheEvent::Hit { .. }) => Self::new("cache", "hit"),
            Event::Cache(CacheEvent::Stale { .. }) => Self::new("cache", "stale"),
            Event::Cache(CacheEvent::Coalesced) => Self::new("cache", "coalesced"),
            Event::CircuitOpen { circuit, .. } => {
                Self::new("circuit_breaker", "open").with_rule(circuit)
            }
            Event::TimedOut { .. } => Self::new("timeout", "timed_out"),
            Event::Cancelled => Self::new("cancel", "cancelled"),
            Event::Panicked { .. } => Self::PANICKED,
            Event::Failed { .. } => Self::FAILED,
            _ => return None,
        })
    }
}

/// The part of a cache in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheState {
    /// `hit`, `stale`, `miss`, `coalesced`, `bypass`.
    pub state: &'static str,
    /// The age of the answer.
    pub age: Option<Duration>,
}

impl CacheState {
    fn of(event: &CacheEvent) -> Option<Self> {
        let (state, age) = match event {
            CacheEvent::Hit { age } => ("hit", Some(*age)),
            CacheEvent::Stale { age } => ("stale", Some(*age)),
            CacheEvent::Miss => ("miss", None),
            CacheEvent::Coalesced => ("coalesced", None),
            CacheEvent::Bypass { .. } => ("bypass", None),
            _ => return None,
        };
        Some(Self { state, age })
    }
}

/// An error as it was before it was masked, or the message of a panic or a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Original {
    /// The code, if it was a protocol error.
    pub code: Option<i32>,
    /// The message, cut to 4 KiB.
    pub message: Box<str>,
    /// The data of the error as JSON, cut to 4 KiB.
    pub data: Option<Box<str>>,
}

/// The content of the trail of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FromTrail {
    pub(crate) decision: Decision,
    pub(crate) attempts: u32,
    pub(crate) cache: Option<CacheState>,
    pub(crate) error_id: Option<Box<str>>,
    pub(crate) original: Option<Original>,
    pub(crate) filtered: usize,
}

impl FromTrail {
    /// Reads a trail. Where several layers decided, the outermost counts: it was the last to do so.
    pub(crate) fn read(trail: &Trail, originals: bool) -> Self {
        let mut read = Self {
            decision: Decision::HANDLER,
            attempts: 1,
            cache: None,
            error_id: None,
            original: None,
            filtered: 0,
        };
        for event in trail.events() {
            if let Some(decision) = Decision::of(event) {
                read.decision = decision;
            }
            match event {
                Event::Attempt { number, .. } => read.attempts = read.attempts.max(*number),
                Event::Cache(event) => read.cache = CacheState::of(event),
                Event::Filtered { entries } => read.filtered += entries,
                Event::Masked { error_id, original } => {
                    read.error_id = Some(cut(error_id, NAME_LIMIT));
                    let data = original.data.as_ref().map(ToString::to_string);
                    read.original = originals.then(|| Original {
                        code: Some(original.code),
                        message: cut(&original.message, DETAIL_LIMIT),
                        data: data.map(|data| cut(&data, DETAIL_LIMIT)),
                    });
                }
                Event::Panicked { message: text } | Event::Failed { cause: text } if originals => {
                    read.original = Some(Original {
                        code: None,
                        message: cut(text, DETAIL_LIMIT),
                        data: None,
                    });
                }
                _ => {}
            }
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::{Decision, FromTrail};
    use mcp_layers_core::{Event, McpError, Trail, trail::CacheEvent};

    #[test]
    fn the_outermost_layer_that_decided_counts() {
        let mut trail = Trail::new();
        for number in 1..=3 {
            trail.push(Event::Attempt {
                number,
                of: 3,
                code: Some(-32603),
            });
        }
        let message = "boom".into();
        trail.push(Event::Panicked { message });
        trail.push(Event::Cache(CacheEvent::Miss));
        let read = FromTrail::read(&trail, true);
        assert_eq!(read.attempts, 3);
        assert_eq!(read.decision, Decision::PANICKED);
        assert_eq!(read.cache.unwrap().state, "miss");
        assert_eq!(&*read.original.unwrap().message, "boom");
        let rule = "no-admin".into();
        trail.push(Event::Denied { rule });
        let read = FromTrail::read(&trail, false);
        assert_eq!(
            (read.decision.layer, read.decision.verdict),
            ("authorization", "denied")
        );
        assert_eq!(read.decision.rule.as_deref(), Some("no-admin"));
        assert_eq!(read.original, None);
    }

    #[test]
    fn the_original_of_a_masked_error_goes_with_its_id() {
        let mut trail = Trail::new();
        let message = "x".into();
        trail.push(Event::Panicked { message });
        let original = Box::new(McpError::new(-32603, "db password=hunter2").with("a", 1));
        let error_id = "e-1".into();
        trail.push(Event::Masked { error_id, original });
        let read = FromTrail::read(&trail, true);
        let kept = read.original.unwrap();
        assert_eq!(read.error_id.as_deref(), Some("e-1"));
        assert_eq!(
            (kept.code, &*kept.message),
            (Some(-32603), "db password=hunter2")
        );
        assert_eq!(kept.data.as_deref(), Some(r#"{"a":1}"#));
        assert_eq!(FromTrail::read(&trail, false).original, None);
    }
}
