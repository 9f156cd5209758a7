//! To `tracing`.

use std::{fmt, sync::Arc};

use super::{Loss, Offer, Sink};
use crate::{Encode, Json, Record};

/// Emits each record as one event of `tracing`: target `mcp_layers_audit::record`, level `INFO`, the
/// encoded record in the field `record`.
///
/// Encoding and whatever the subscriber does happen on the path of the request; where nobody listens
/// to the target, neither does. For a record that holds, use [`FileSink`](crate::FileSink).
pub struct TracingSink<E = Json> {
    encode: E,
}

impl TracingSink {
    /// Emits JSON.
    #[must_use]
    pub fn new() -> Self {
        Self {
            encode: Json::new(),
        }
    }
}

impl<E: Encode> TracingSink<E> {
    /// Emits another format.
    #[must_use]
    pub fn encoder<E2: Encode>(self, encode: E2) -> TracingSink<E2> {
        TracingSink { encode }
    }
}

impl Default for TracingSink {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Encode> Sink for TracingSink<E> {
    fn offer(&self, record: &Arc<Record>, _: bool) -> Offer {
        if tracing::enabled!(target: "mcp_layers_audit::record", tracing::Level::INFO) {
            let mut out = Vec::with_capacity(1024);
            self.encode.encode(record, &mut out);
            let record = String::from_utf8_lossy(&out);
            tracing::info!(target: "mcp_layers_audit::record", record = %record);
        }
        Offer::Taken
    }

    fn lost(&self, loss: Loss) {
        tracing::error!(target: "mcp_layers_audit::record", ?loss, "a request has no audit record");
    }
}

impl<E> fmt::Debug for TracingSink<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracingSink").finish_non_exhaustive()
    }
}
