//! Decisions that inner layers report to outer layers.

use std::{borrow::Cow, fmt, time::Duration};

use serde_json::Value;
use smallvec::SmallVec;

use crate::McpError;

/// The decisions of the layers that a response has passed, the innermost first.
///
/// A trail stays inside the process: it is never sent, and a stored response is stored without it.
/// An empty trail needs no allocation, and takes one word of a response.
#[derive(Clone, Default)]
pub struct Trail {
    noted: Option<Box<Noted>>,
}

#[derive(Clone, Default)]
struct Noted {
    /// Most trails have one event, which needs no allocation of its own.
    events: SmallVec<[Event; 1]>,
    public: bool,
}

impl Trail {
    /// An empty trail.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the decision of a layer.
    pub fn push(&mut self, event: Event) {
        self.noted.get_or_insert_default().events.push(event);
    }

    /// The events, the innermost first.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &Event> + ExactSizeIterator {
        let events = self.noted.as_deref().map(|noted| &*noted.events);
        events.unwrap_or_default().iter()
    }

    /// Returns true if there is no event.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.events().len() == 0
    }

    /// Returns true if the error of this response was declared public ([`McpError::public`]).
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

    /// Inserts the events of an earlier response, such as a failed attempt, before those of this one.
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

/// Leaves out what callers must not read: masked errors, the messages of panics and of failures.
impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = self.events().map(|event| match event {
            Event::Masked { error_id, .. } => format!("Masked {{ error_id: {error_id:?}, .. }}"),
            Event::Panicked { .. } => "Panicked { .. }".to_owned(),
            Event::Failed { .. } => "Failed { .. }".to_owned(),
            event => format!("{event:?}"),
        });
        let events: Vec<_> = events.collect();
        f.debug_struct("Trail")
            .field("events", &events)
            .field("public", &self.is_public())
            .finish()
    }
}

impl PartialEq for Trail {
    fn eq(&self, other: &Self) -> bool {
        self.is_public() == other.is_public() && self.events().eq(other.events())
    }
}

/// A decision of a layer about one request.
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
        /// The number of entries.
        entries: usize,
    },
    /// A limit refused the request.
    Limited {
        /// The rule that decided.
        rule: Cow<'static, str>,
        /// The time until the same request could pass.
        retry_after: Duration,
    },
    /// The request waited for a limit.
    Waited {
        /// The rule that it waited for.
        rule: Cow<'static, str>,
        /// The time that it waited.
        waited: Duration,
    },
    /// A decision of a cache.
    Cache(CacheEvent),
    /// One attempt of a request that is repeated when it fails.
    Attempt {
        /// The number of the attempt: 1 for the first.
        number: u32,
        /// The most attempts.
        of: u32,
        /// The error code with which it ended; `None` for a result or a failed transport.
        code: Option<i32>,
    },
    /// A layer would have repeated the request, but did not.
    GaveUp {
        /// The reason.
        reason: GiveUpReason,
    },
    /// The request failed after it may have taken effect. Its error says so: `data.outcome` is
    /// `unknown`.
    OutcomeUnknown,
    /// An open circuit refused the request.
    CircuitOpen {
        /// The circuit.
        circuit: Cow<'static, str>,
        /// The time until it is tried again.
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
        /// The id that the caller can quote.
        error_id: Box<str>,
        /// The error as it was.
        original: Box<McpError>,
    },
    /// The handler or a layer panicked.
    Panicked {
        /// The message of the panic.
        message: Box<str>,
    },
    /// A layer or the transport failed.
    Failed {
        /// The texts of the error and its causes.
        cause: Box<str>,
    },
    /// An event of any other layer.
    Custom {
        /// The layer.
        layer: &'static str,
        /// The name of the event, as a word.
        name: &'static str,
        /// Further details.
        detail: Box<Value>,
    },
}

/// A decision of a cache about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheEvent {
    /// The stored answer was fresh.
    Hit {
        /// Its age.
        age: Duration,
    },
    /// The stored answer was stale, and was served.
    Stale {
        /// Its age.
        age: Duration,
    },
    /// No answer was stored; the request went on.
    Miss,
    /// No answer was stored, but the same request was already running.
    Coalesced,
    /// The cache was bypassed.
    Bypass {
        /// The reason.
        reason: BypassReason,
    },
}

macro_rules! labels {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $label:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$of])* #[doc = concat!("Label `", $label, "`.")] $variant,)+
        }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value as a label.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $label,)+
                }
            }
        }
    };
}

labels! {
    /// The reason why a failed request was not repeated.
    GiveUpReason {
        /// The retry budget is spent.
        Budget = "budget",
        /// The next attempt would begin after the deadline.
        Deadline = "deadline",
        /// The answer asks for a longer wait than the layer allows.
        RetryAfter = "retry_after",
        /// All attempts were made.
        Attempts = "attempts",
        /// Repeating the request is not safe.
        Unsafe = "unsafe",
        /// The request has reported progress, which must increase (basic/patterns/progress).
        Progress = "progress",
        /// The caller cancelled the request.
        Cancelled = "cancelled",
        /// A circuit of an inner layer is open.
        CircuitOpen = "circuit_open",
    }
}

labels! {
    /// The state of a circuit.
    CircuitState {
        /// Requests pass.
        Closed = "closed",
        /// Requests are refused.
        Open = "open",
        /// A few requests pass, to find out whether the service works again.
        HalfOpen = "half_open",
    }
}

labels! {
    /// The reason why a cache left a request alone.
    BypassReason {
        /// Its answers are not declared cacheable.
        Undeclared = "undeclared",
        /// The request continues an earlier one.
        Continuation = "continuation",
        /// Its answers are private, and no principal is authenticated.
        NoContext = "no_context",
        /// Its key is too large.
        TooLarge = "too_large",
    }
}
