//! The layer that decided about a request, read from the trail of its response.

use std::{sync::Arc, time::Duration};

use mcp_layers_core::{Event, McpError, trail::CacheEvent};

use crate::text::{NAME_LIMIT, Text, cut};

/// The length of internal texts (an original error, the message of a panic), in bytes.
const DETAIL_LIMIT: usize = 4096;

/// The layer that decided about a request, and its verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// The concern: `handler`, `authentication` (a denial at the HTTP edge, of a request without a
    /// verified principal), `authorization`, `rate_limit`, `cache`, `circuit_breaker`, `timeout`,
    /// `cancel`, `service`, `caller`, `audit`.
    pub layer: &'static str,
    /// The verdict as a label: `answered`, `denied`, `limited`, `hit`, `stale`, `coalesced`,
    /// `open`, `timed_out`, `cancelled`, `dropped`, `panicked`, `failed`, `unavailable`.
    pub verdict: &'static str,
    /// The rule, the circuit or the like.
    pub rule: Option<Text>,
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

    /// Files a denial at the HTTP edge under authentication, because it knew no verified principal.
    #[cfg(feature = "http")]
    pub(crate) fn at_edge_without_principal(&mut self) {
        if self.layer == "authorization" {
            self.layer = "authentication";
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
    pub(crate) fn of(event: &CacheEvent) -> Option<Self> {
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
    pub message: Text,
    /// The data of the error as JSON, cut to 4 KiB.
    pub data: Option<Text>,
}

impl Original {
    pub(crate) fn of(message: &str, error: Option<&McpError>) -> Arc<Self> {
        let data = error.and_then(|error| error.data.as_ref());
        Arc::new(Self {
            code: error.map(|error| error.code),
            message: cut(message, DETAIL_LIMIT),
            data: data.map(|data| cut(&data.to_string(), DETAIL_LIMIT)),
        })
    }
}
