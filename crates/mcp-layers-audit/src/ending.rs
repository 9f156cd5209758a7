//! How a request ended, and which layer decided so.

use std::time::Duration;

use mcp_layers_core::{CacheEvent, Event, Outcome, Trail};

use crate::text::clamped;

/// How much of an internal text (an original error, a panic's message) is kept.
const DETAIL_LIMIT: usize = 4096;
/// How much of a rule's name or an error id is kept.
const NAME_LIMIT: usize = 128;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ending {
    /// It has not: the record says that a long-lived request began.
    Open,
    /// A complete result.
    Success,
    /// A result with `isError: true`.
    ToolError,
    /// An error of the protocol, with its code.
    Error(i32),
    /// The server asked for input first.
    InputRequired,
    /// The work goes on as a task.
    TaskCreated,
    /// The service gave its own error: a layer or the transport failed.
    Failed,
    /// The service panicked.
    Panicked,
    /// The future was dropped: the caller cancelled, or went away.
    Cancelled,
}

impl Ending {
    pub(crate) fn of(outcome: &Outcome<'_>) -> Self {
        match outcome {
            Outcome::ToolError => Self::ToolError,
            Outcome::Protocol { code, .. } => Self::Error(*code),
            Outcome::InputRequired => Self::InputRequired,
            Outcome::TaskCreated => Self::TaskCreated,
            // `Success`, and what a later version of the vocabulary may add.
            _ => Self::Success,
        }
    }

    /// The ending as a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Success => "success",
            Self::ToolError => "tool_error",
            Self::Error(_) => "error",
            Self::InputRequired => "input_required",
            Self::TaskCreated => "task_created",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::Cancelled => "cancelled",
        }
    }

    /// The code of an error of the protocol.
    #[must_use]
    pub fn code(self) -> Option<i32> {
        match self {
            Self::Error(code) => Some(code),
            _ => None,
        }
    }

    /// Whether the request did not do what it was sent for.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(
            self,
            Self::ToolError | Self::Error(_) | Self::Failed | Self::Panicked | Self::Cancelled
        )
    }
}

/// Which layer decided how a request ended, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// The concern: `handler`, `authorization`, `rate_limit`, `cache`, `circuit_breaker`,
    /// `timeout`, `cancel`, `service`.
    pub layer: &'static str,
    /// What it decided, as a word: `answered`, `denied`, `limited`, `hit`, `stale`, `coalesced`,
    /// `open`, `timed_out`, `cancelled`, `panicked`, `failed`.
    pub verdict: &'static str,
    /// The rule, the circuit or the like.
    pub rule: Option<Box<str>>,
}

impl Decision {
    pub(crate) const HANDLER: Self = Self::new("handler", "answered");
    pub(crate) const DROPPED: Self = Self::new("caller", "dropped");
    pub(crate) const PANICKED: Self = Self::new("service", "panicked");
    pub(crate) const FAILED: Self = Self::new("service", "failed");

    const fn new(layer: &'static str, verdict: &'static str) -> Self {
        Self {
            layer,
            verdict,
            rule: None,
        }
    }

    fn with_rule(self, rule: &str) -> Self {
        Self {
            rule: Some(clamped(rule, NAME_LIMIT)),
            ..self
        }
    }

    /// What one event decided; `None` when the request went on after it.
    fn of(event: &Event) -> Option<Self> {
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

/// What a cache did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheState {
    /// `hit`, `stale`, `miss`, `coalesced`, `bypass`.
    pub state: &'static str,
    /// How old the answer was.
    pub age: Option<Duration>,
}

/// An error as it was before it was masked, or what a panic or a failure said.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Original {
    /// The code, if it was an error of the protocol.
    pub code: Option<i32>,
    /// The text, cut to 4 KiB.
    pub message: Box<str>,
    /// The data of the error as JSON, cut to 4 KiB.
    pub data: Option<Box<str>>,
}

/// What the trail of a response says.
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
                Event::Cache(event) => read.cache = cache_state(event),
                Event::Filtered { entries } => read.filtered += entries,
                Event::Masked { error_id, original } => {
                    read.error_id = Some(clamped(error_id, NAME_LIMIT));
                    let data = original.data.as_ref().map(ToString::to_string);
                    read.original = originals.then(|| Original {
                        code: Some(original.code),
                        message: clamped(&original.message, DETAIL_LIMIT),
                        data: data.map(|data| clamped(&data, DETAIL_LIMIT)),
                    });
                }
                Event::Panicked { message: text } | Event::Failed { cause: text } if originals => {
                    read.original = Some(Original {
                        code: None,
                        message: clamped(text, DETAIL_LIMIT),
                        data: None,
                    });
                }
                _ => {}
            }
        }
        read
    }
}

fn cache_state(event: &CacheEvent) -> Option<CacheState> {
    let (state, age) = match event {
        CacheEvent::Hit { age } => ("hit", Some(*age)),
        CacheEvent::Stale { age } => ("stale", Some(*age)),
        CacheEvent::Miss => ("miss", None),
        CacheEvent::Coalesced => ("coalesced", None),
        CacheEvent::Bypass { .. } => ("bypass", None),
        _ => return None,
    };
    Some(CacheState { state, age })
}

#[cfg(test)]
mod tests {
    use super::{Decision, FromTrail};
    use mcp_layers_core::{CacheEvent, Event, McpError, Trail};

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
        trail.push(Event::Panicked {
            message: "boom".into(),
        });
        trail.push(Event::Cache(CacheEvent::Miss));
        let read = FromTrail::read(&trail, true);
        assert_eq!(read.attempts, 3);
        assert_eq!(read.decision, Decision::PANICKED);
        assert_eq!(read.cache.unwrap().state, "miss");
        assert_eq!(&*read.original.unwrap().message, "boom");
        trail.push(Event::Denied {
            rule: "no-admin".into(),
        });
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
        trail.push(Event::Panicked {
            message: "x".into(),
        });
        let original = McpError::new(-32603, "db password=hunter2").with("a", 1);
        trail.push(Event::Masked {
            error_id: "e-1".into(),
            original: Box::new(original),
        });
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
