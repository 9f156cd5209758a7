//! The settings of the layer.

use std::{sync::Arc, time::Duration};

use mcp_layers_audit_log::{Digester, Key};
use mcp_layers_core::{Clock, ConfigError, Refusal};

use crate::{AllowList, Sink, TraceId, opaque::Opaque};

/// The treatment of requests while a sink takes no records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OverflowPolicy {
    /// Requests are refused with 503 before they run; the lifecycle passes. If the sink is durable and
    /// fails after a request ran, its answer is replaced by 503: what is not recorded is not
    /// acknowledged.
    Refuse,
    /// Requests run, and their answers wait for room this long at most; then the record is dropped
    /// and counted. Needs tokio's time driver. `Duration::MAX` means no limit.
    Wait(Duration),
    /// Requests run; a record that finds no room is dropped and counted.
    Drop,
}

type CurrentTrace = Opaque<Arc<dyn Fn() -> Option<TraceId> + Send + Sync>>;

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) sinks: Vec<Opaque<Arc<dyn Sink>>>,
    pub(crate) overflow: OverflowPolicy,
    /// The number of requests that one caller may have under way; `None` for a quarter of the room.
    pub(crate) max_per_caller: Option<usize>,
    pub(crate) refusal: Refusal,
    pub(crate) digester: Digester,
    pub(crate) digest_arguments: bool,
    pub(crate) digest_results: bool,
    pub(crate) arguments: Option<AllowList>,
    pub(crate) openings: bool,
    pub(crate) originals: bool,
    pub(crate) sizes: bool,
    pub(crate) trace_id: Option<CurrentTrace>,
    pub(crate) clock: Clock,
}

impl Settings {
    /// The defaults.
    pub(crate) fn new(sink: impl Sink) -> Result<Self, ConfigError> {
        let key =
            Key::random().map_err(|error| ConfigError::new(format!("no random key: {error}")))?;
        Ok(Self {
            sinks: vec![Opaque(Arc::new(sink))],
            overflow: OverflowPolicy::Refuse,
            max_per_caller: None,
            refusal: Refusal::new(),
            digester: Digester::new(&key),
            digest_arguments: false,
            digest_results: false,
            arguments: None,
            openings: false,
            originals: false,
            sizes: false,
            trace_id: None,
            clock: Clock::system(),
        })
    }
}
