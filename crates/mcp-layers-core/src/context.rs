//! Values that outer layers set for inner layers.

use std::{sync::Arc, time::Instant};

use crate::{Catalog, Clock, Principal, input_wait::InputWait, progress::Progress};

/// Values that outer layers set for inner layers, as fields of the request: no map, no allocation.
#[derive(Debug, Clone, Default)]
pub struct CallContext {
    principal: Option<Arc<Principal>>,
    deadline: Option<Instant>,
    repeated: bool,
    attempt: u32,
    progress: Option<Progress>,
    input_wait: Option<InputWait>,
    catalog: Option<Catalog>,
    /// True if the catalog was found to know the request's target; false if the server has none of it.
    has_target: Option<bool>,
}

impl CallContext {
    /// An empty context.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The verified principal that calls; `None` without one.
    #[must_use]
    pub fn principal(&self) -> Option<&Arc<Principal>> {
        self.principal.as_ref()
    }

    /// Sets the principal that calls.
    pub fn set_principal(&mut self, principal: Arc<Principal>) {
        self.principal = Some(principal);
    }

    /// The names that the server is known to offer, if a [`CatalogLayer`](crate::CatalogLayer) is in
    /// the stack.
    #[must_use]
    pub fn catalog(&self) -> Option<&Catalog> {
        self.catalog.as_ref()
    }

    /// Sets the catalog of the names that the server is known to offer.
    pub fn set_catalog(&mut self, catalog: Catalog) {
        self.enter_catalog(catalog, None);
    }

    /// Sets the catalog, and whether it has the target: inner layers then need not look it up.
    pub(crate) fn enter_catalog(&mut self, catalog: Catalog, has_target: Option<bool>) {
        (self.catalog, self.has_target) = (Some(catalog), has_target);
    }

    /// True if the server has the request's target, false if it has not; `None` unless an outer layer
    /// found that by `catalog`.
    pub(crate) fn has_target(&self, catalog: &Catalog) -> Option<bool> {
        let own = self.catalog.as_ref()?;
        self.has_target.filter(|_| own.is_same(catalog))
    }

    /// The deadline, by the monotonic clock. Later, the response is of no use.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Sets a deadline. Of several, the earliest holds.
    pub fn limit_deadline(&mut self, deadline: Instant) {
        self.deadline = Some(self.deadline.map_or(deadline, |have| have.min(deadline)));
    }

    /// Returns true if an outer layer repeats this request when it fails. Inner layers do not repeat it
    /// too, so that attempts do not multiply.
    #[must_use]
    pub fn is_repeated(&self) -> bool {
        self.repeated
    }

    /// Marks the request as one that a layer repeats when it fails.
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

    /// The progress that the request has reported, if an outer layer watches for it.
    #[must_use]
    pub fn progress(&self) -> Option<&Progress> {
        self.progress.as_ref()
    }

    /// Watches for progress from here on. A watch that exists is kept. One allocation, so a layer
    /// calls it only where there can be progress: when the caller sent a token
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
