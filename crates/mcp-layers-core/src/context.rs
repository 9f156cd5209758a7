//! What layers tell layers further in.

use std::{sync::Arc, time::Instant};

use crate::{Catalog, Clock, Principal, input_wait::InputWait, progress::Progress};

/// What layers tell layers further in, as fields of the request: no map, no allocation.
#[derive(Debug, Clone, Default)]
pub struct CallContext {
    principal: Option<Arc<Principal>>,
    deadline: Option<Instant>,
    repeated: bool,
    attempt: u32,
    progress: Option<Progress>,
    input_wait: Option<InputWait>,
    catalog: Option<Catalog>,
}

impl CallContext {
    /// An empty context.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Who is calling; `None` when nobody is known.
    #[must_use]
    pub fn principal(&self) -> Option<&Arc<Principal>> {
        self.principal.as_ref()
    }

    /// Sets who is calling.
    pub fn set_principal(&mut self, principal: Arc<Principal>) {
        self.principal = Some(principal);
    }

    /// What the server is known to offer, if a [`CatalogLayer`](crate::CatalogLayer) is in the stack.
    #[must_use]
    pub fn catalog(&self) -> Option<&Catalog> {
        self.catalog.as_ref()
    }

    /// Sets what the server is known to offer.
    pub fn set_catalog(&mut self, catalog: Catalog) {
        self.catalog = Some(catalog);
    }

    /// When the answer stops being of use, by the monotonic clock.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Brings the deadline forward; a later one than there is changes nothing.
    pub fn limit_deadline(&mut self, deadline: Instant) {
        self.deadline = Some(self.deadline.map_or(deadline, |have| have.min(deadline)));
    }

    /// Whether a layer further out repeats this request when it fails. Layers further in do not
    /// repeat it too, so that attempts do not multiply.
    #[must_use]
    pub fn is_repeated(&self) -> bool {
        self.repeated
    }

    /// Says that a layer repeats this request when it fails.
    pub fn set_repeated(&mut self) {
        self.repeated = true;
    }

    /// The number of this attempt of a request that an outer layer repeats: 1 for the first. Layers
    /// that count calls count a call once, not its attempts.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt.max(1)
    }

    /// Sets the number of this attempt.
    pub fn set_attempt(&mut self, attempt: u32) {
        self.attempt = attempt;
    }

    /// Whether the request has reported progress, if a layer further out watches for it.
    #[must_use]
    pub fn progress(&self) -> Option<&Progress> {
        self.progress.as_ref()
    }

    /// Watches for progress from here on; what is watched already stays the same. One allocation,
    /// so that a layer asks for it only where there can be progress: when the caller sent a token
    /// ([`McpRequest::progress_token`](crate::McpRequest::progress_token)).
    pub fn watch_progress(&mut self) -> &Progress {
        self.progress.get_or_insert_default()
    }

    /// The time that the request waits for its client, if an outer layer tracks it.
    #[must_use]
    pub fn input_wait(&self) -> Option<&InputWait> {
        self.input_wait.as_ref()
    }

    /// Tracks the time that the request waits for its client, by `clock`. A tracker that is there
    /// already stays. One allocation.
    pub fn track_input_wait(&mut self, clock: &Clock) -> &InputWait {
        self.input_wait
            .get_or_insert_with(|| InputWait::new(clock.clone()))
    }
}
