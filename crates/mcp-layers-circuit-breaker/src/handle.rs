//! The circuits, for operators.

use std::{
    borrow::Cow,
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    Counts, Mode, State,
    key::Name,
    registry::{Entry, Place, Registry},
};

/// The circuits of a layer, to look at and to change while it runs. Clones are the same.
///
/// Circuits are named as in [`CircuitStatus::circuit`].
#[derive(Clone)]
pub struct CircuitBreakerHandle {
    registry: Arc<Registry>,
    now: Arc<dyn Fn() -> Instant + Send + Sync>,
}

/// How one circuit is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CircuitStatus {
    /// Its name: `tools/call NAME` for a tool, else the method, `upstream`, or `_OTHER` for the
    /// tools without a circuit of their own.
    pub circuit: Cow<'static, str>,
    /// Where it stands.
    pub state: State,
    /// Who decides.
    pub mode: Mode,
    /// What its window holds.
    pub counts: Counts,
    /// When it is tried again, if it is open.
    pub retry_after: Option<Duration>,
}

impl CircuitBreakerHandle {
    pub(crate) fn new(
        registry: Arc<Registry>,
        now: impl Fn() -> Instant + Send + Sync + 'static,
    ) -> Self {
        Self {
            registry,
            now: Arc::new(now),
        }
    }

    /// Every circuit of a tool, and every other that has counted calls or is not closed and
    /// automatic; sorted by name.
    #[must_use]
    pub fn circuits(&self) -> Vec<CircuitStatus> {
        let all = self.registry.entries().map(|entry| self.status(entry));
        let idle = |status: &CircuitStatus| {
            let tool = status.circuit.starts_with("tools/call ");
            let quiet = status.state == State::Closed && status.mode == Mode::Automatic;
            !tool && quiet && status.counts.calls == 0
        };
        let mut all: Vec<_> = all.filter(|status| !idle(status)).collect();
        all.sort_by(|a, b| a.circuit.cmp(&b.circuit));
        all
    }

    /// One circuit; `None` when there is none of this name.
    #[must_use]
    pub fn circuit(&self, circuit: &str) -> Option<CircuitStatus> {
        let name = Name::read(circuit)?;
        let (place, entry) = self.registry.find(name);
        let shared = place == Place::OTHER && name != Name::Other;
        (!shared).then(|| self.status(entry))
    }

    /// Whether every circuit is closed: for a health page in one word.
    #[must_use]
    pub fn all_closed(&self) -> bool {
        let mut all = self.registry.entries();
        all.all(|entry| {
            entry
                .shared
                .with(|circuit| circuit.state() == State::Closed)
        })
    }

    /// Says who decides about a circuit. A tool that was never called gets one. False when there
    /// is no such circuit and no room for it.
    pub fn set_mode(&self, circuit: &str, mode: Mode) -> bool {
        self.change(circuit, |entry| {
            entry.shared.with(|circuit| circuit.set_mode(mode));
        })
    }

    /// Closes a circuit and forgets its calls; its mode stays. False when there is none.
    pub fn reset(&self, circuit: &str) -> bool {
        self.circuit(circuit).is_some()
            && self.change(circuit, |entry| entry.shared.with(crate::Circuit::reset))
    }

    fn change(&self, circuit: &str, change: impl FnOnce(&Entry)) -> bool {
        let Some(name) = Name::read(circuit) else {
            return false;
        };
        let place = self.registry.find_or_make(name);
        if place == Place::OTHER && name != Name::Other {
            return false;
        }
        change(self.registry.entry(place));
        true
    }

    fn status(&self, entry: &Entry) -> CircuitStatus {
        let now = (self.now)();
        entry.shared.with(|circuit| CircuitStatus {
            circuit: entry.label.clone(),
            state: circuit.state(),
            mode: circuit.mode(),
            counts: circuit.counts(now),
            retry_after: circuit.retry_after(now),
        })
    }
}

impl fmt::Debug for CircuitBreakerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreakerHandle")
            .field("circuits", &self.circuits())
            .finish_non_exhaustive()
    }
}
