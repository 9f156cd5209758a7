//! The times of the look-ups at the server.

use std::time::Instant;

use tokio::sync::Mutex;

use crate::ListedKind;

/// The time of the last look-up of each kind of name. The lock is held during a look-up.
#[derive(Default)]
pub(crate) struct Lookups([Mutex<Option<Instant>>; 6]);

impl Lookups {
    pub(crate) fn of(&self, kind: ListedKind) -> &Mutex<Option<Instant>> {
        &self.0[match kind {
            ListedKind::Tool => 0,
            ListedKind::Prompt => 1,
            ListedKind::Resource => 2,
            ListedKind::ResourceTemplate => 3,
            ListedKind::Skill => 4,
            ListedKind::Task => 5,
        }]
    }

    /// Allows the next look-up at once.
    pub(super) fn clear(&self) {
        for last in &self.0 {
            if let Ok(mut last) = last.try_lock() {
                *last = None;
            }
        }
    }
}
