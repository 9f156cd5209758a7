//! What layers tell layers further in.

use std::{sync::Arc, time::Instant};

use crate::{Catalog, Principal, Progress};

/// What layers tell layers further in, as fields of the request: no map, no allocation.
#[derive(Debug, Clone, Default)]
pub struct CallContext {
    principal: Option<Arc<Principal>>,
    deadline: Option<Instant>,
    repeated: bool,
    progress: Option<Progress>,
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
}
