//! The state that all services of a layer share.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{calls::Calls, sessions::Sessions, settings::Settings};
use crate::id::Id;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) sessions: Sessions,
    pub(super) calls: Calls,
    /// The number of ids that were made here.
    made: AtomicU64,
}

impl Shared {
    pub(super) fn new(settings: Settings) -> Self {
        let max_bytes = settings.max_body.saturating_mul(4);
        let max_answers = settings.max_event.saturating_mul(4);
        Self {
            sessions: Sessions::new(settings.max_sessions, max_bytes),
            calls: Calls::new(settings.max_parked, max_answers, settings.park_for),
            settings,
            made: AtomicU64::new(0),
        }
    }

    /// An id for a further attempt.
    pub(super) fn make_id(&self) -> Id {
        let number = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        Id::Small(format!("mcp-layers-{number}").as_str().into())
    }
}
