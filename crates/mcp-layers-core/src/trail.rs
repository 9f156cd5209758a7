//! What layers tell layers further out.

use std::{borrow::Cow, time::Duration};

use serde_json::Value;

use crate::McpError;

/// What the layers that a response has passed decided, the innermost first.
///
/// A trail stays inside the process: it is never sent, and a stored response is stored without it.
/// Empty, it costs no allocation, and a response that goes from layer to layer carries one word of
/// it.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    noted: Option<Box<Noted>>,
}

#[derive(Debug, Clone, Default)]
struct Noted {
    events: Vec<Event>,
    public: bool,
}

impl Trail {
    /// An empty trail.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what a layer decided.
    pub fn push(&mut self, event: Event) {
        self.noted.get_or_insert_default().events.push(event);
    }

    /// The events, the innermost first.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &Event> + ExactSizeIterator {
        let events = self.noted.as_deref().map(|noted| &*noted.events);
        events.unwrap_or_default().iter()
    }

    /// Whether there is no event.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.events().len() == 0
    }

    /// Whether the error of this response was declared public ([`McpError::public`]).
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.noted.as_ref().is_some_and(|noted| noted.public)
    }

    /// Declares the error of this response public, or no longer so.
    pub fn set_public(&mut self, public: bool) {
        if public != self.is_public() {
            self.noted.get_or_insert_default().public = public;
        }
    }

    /// Puts the events of an earlier response, such as that of a failed attempt, before the own.
    pub fn prepend(&mut self, earlier: Self) {
        if let Some(earlier) = earlier.noted
            && !earlier.events.is_empty()
        {
            let events = &mut self.noted.get_or_insert_default().events;
            let later = std::mem::replace(events, earlier.events);
            events.extend(later);
        }
    }
}

impl PartialEq for Trail {
    fn eq(&self, other: &Self) -> bool {
        self.is_public() == other.is_public() && self.events().eq(other.events())
    }
}

/// What a layer decided about one request.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A policy refused the request.
    Denied {
        /// The rule that decided.
        rule: Cow<'static, str>,
    },
    /// A policy took entries out of a list.
    Filtered {
        /// How many.
        entries: usize,
    },
    /// A limit refused the request.
    Limited {
        /// The rule that decided.
        rule: Cow<'static, str>,
        /// When the same request could pass.
        retry_after: Duration,
    },
    /// The request waited for a limit.
    Waited {
        /// The rule it waited for.
        rule: Cow<'static, str>,
        /// For how long.
        waited: Duration,
    },
    /// What a cache did.
    Cache(CacheEvent),
    /// One try of a request that is repeated when it fails.
    Attempt {
        /// Which: 1 for the first.
        number: u32,
        /// How many there may be.
        of: u32,
        /// The error code with which it ended; `None` for a result or a failed transport.
        code: Option<i32>,
    },
    /// A layer would have repeated the request, but did not.
    GaveUp {
        /// The reason.
        reason: GiveUpReason,
    },
    /// An open circuit refused the request.
    CircuitOpen {
        /// The circuit.
        circuit: Cow<'static, str>,
        /// When it is tried again.
        retry_after: Duration,
    },
    /// The outcome of this request opened or closed a circuit.
    CircuitChanged {
        /// The circuit.
        circuit: Cow<'static, str>,
        /// The new state.
        state: CircuitState,
    },
    /// The request took too long and was dropped.
    TimedOut {
        /// The limit.
        after: Duration,
    },
    /// The caller cancelled the request, and its future was dropped.
    Cancelled,
    /// An error was replaced before the caller saw it.
    Masked {
        /// What the caller got to quote.
        error_id: Box<str>,
        /// The error as it was.
        original: Box<McpError>,
    },
    /// The handler or a layer panicked.
    Panicked {
        /// What the panic said.
        message: Box<str>,
    },
    /// A layer or the transport failed.
    Failed {
        /// What the error and its causes said.
        cause: Box<str>,
    },
    /// What any other layer wants to say.
    Custom {
        /// The layer.
        layer: &'static str,
        /// What happened, as a word.
        name: &'static str,
        /// What else there is to say.
        detail: Box<Value>,
    },
}

/// What a cache did with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheEvent {
    /// The stored answer was fresh.
    Hit {
        /// Its age.
        age: Duration,
    },
    /// The stored answer was stale, and served all the same.
    Stale {
        /// Its age.
        age: Duration,
    },
    /// Nothing was stored; the request went on.
    Miss,
    /// Nothing was stored, but another request for the same was under way.
    Coalesced,
    /// The cache had no say.
    Bypass {
        /// The reason.
        reason: BypassReason,
    },
}

/// The reason why a failed request was not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GiveUpReason {
    /// The retry budget is spent.
    Budget,
    /// The next attempt would begin after the deadline.
    Deadline,
    /// All attempts were made.
    Attempts,
    /// Repeating the request is not safe.
    Unsafe,
    /// The request has reported progress, which must increase (basic/patterns/progress).
    Progress,
    /// The caller cancelled the request.
    Cancelled,
    /// A circuit of an inner layer is open.
    CircuitOpen,
}

impl GiveUpReason {
    /// The reason as a label: `budget`, `deadline`, `attempts`, `unsafe`, `progress`,
    /// `cancelled`, `circuit_open`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::Deadline => "deadline",
            Self::Attempts => "attempts",
            Self::Unsafe => "unsafe",
            Self::Progress => "progress",
            Self::Cancelled => "cancelled",
            Self::CircuitOpen => "circuit_open",
        }
    }
}

/// The state of a circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CircuitState {
    /// Requests pass.
    Closed,
    /// Requests are refused.
    Open,
    /// A few requests pass, to find out whether the service works again.
    HalfOpen,
}

impl CircuitState {
    /// The state as a label: `closed`, `open`, `half_open`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// The reason why a cache left a request alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BypassReason {
    /// Nobody declared its answers cacheable.
    Undeclared,
    /// It continues an earlier request.
    Continuation,
    /// Its answers are private, and nobody is authenticated.
    NoContext,
    /// Its key is too large.
    TooLarge,
}

impl BypassReason {
    /// Every reason.
    pub const ALL: [Self; 4] = [
        Self::Undeclared,
        Self::Continuation,
        Self::NoContext,
        Self::TooLarge,
    ];

    /// The reason as a label: `undeclared`, `continuation`, `no_context`, `too_large`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Undeclared => "undeclared",
            Self::Continuation => "continuation",
            Self::NoContext => "no_context",
            Self::TooLarge => "too_large",
        }
    }
}
