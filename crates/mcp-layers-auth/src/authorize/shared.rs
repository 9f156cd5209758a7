//! What the clones of a layer, and the HTTP layer beside it, have in common.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use super::catalogue::Catalogue;
use crate::{Bindings, Policy};

pub(crate) struct Shared<P> {
    pub(crate) policy: P,
    pub(crate) hides: bool,
    pub(crate) tasks: Bindings,
    pub(crate) sessions: Bindings,
    pub(crate) catalogue: Catalogue,
    /// Whether a layer at the HTTP edge binds the sessions.
    edge: AtomicBool,
    /// Whether the MCP layer was put around something.
    stands: AtomicBool,
}

impl<P: Policy> Shared<P> {
    pub(crate) fn new(policy: P) -> Self {
        let catalogue = Catalogue::default();
        policy.visit_names(&mut |kind, name| catalogue.add(kind, name));
        Self {
            hides: policy.hides(),
            policy,
            tasks: Bindings::new(),
            sessions: Bindings::new(),
            catalogue,
            edge: AtomicBool::new(false),
            stands: AtomicBool::new(false),
        }
    }
}

impl<P> Shared<P> {
    pub(crate) fn set_edge(&self) {
        self.edge.store(true, Ordering::Release);
    }

    pub(crate) fn has_edge(&self) -> bool {
        self.edge.load(Ordering::Acquire)
    }

    pub(crate) fn set_stands(&self) {
        self.stands.store(true, Ordering::Release);
    }

    pub(crate) fn stands(&self) -> bool {
        self.stands.load(Ordering::Acquire)
    }
}

/// What the setters set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) tool_errors: bool,
    pub(crate) list_denied: bool,
    pub(crate) unbound_tasks: bool,
    pub(crate) timeout: Duration,
}
