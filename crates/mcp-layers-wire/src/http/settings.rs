//! Plain values that can be set.

use std::time::Duration;

/// The treatment of JSON-RPC batches, which only protocol version 2025-03-26 knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Batches {
    /// A batch is refused with HTTP status 400 and code -32600.
    #[default]
    Refuse,
    /// In a session of version 2025-03-26, each message of a batch goes its way as if it came alone;
    /// the requests run at the same time, and their answers are one batch. In others, it is refused.
    Split,
}

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) max_body: usize,
    pub(super) max_event: usize,
    pub(super) max_sessions: usize,
    pub(super) max_parked: usize,
    pub(super) park_for: Duration,
    pub(super) batches: Batches,
    /// The segments of the endpoint's path; `None` for every path.
    pub(super) path: Option<Vec<String>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_body: 16 << 20,
            max_event: 16 << 20,
            max_sessions: 10_000,
            max_parked: 1_000,
            park_for: Duration::from_secs(60),
            batches: Batches::Refuse,
            path: None,
        }
    }
}
