//! Records as events of `tracing`.

use super::{Entry, Sink, Written};
use crate::{Encode, Json};

/// Emits each record as a `tracing` event: target `mcp_layers_audit::record`, level `INFO`, the encoded
/// record in the field `record`.
///
/// Encoding and the subscriber run on the path of the request, and only if the target is enabled. For
/// a durable record, use [`FileSink`](crate::FileSink).
#[derive(Debug, Clone, Default)]
pub struct TracingSink<E = Json> {
    encode: E,
}

impl TracingSink {
    /// A sink that emits JSON.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl<E: Encode> TracingSink<E> {
    /// Emits another format.
    #[must_use]
    pub fn encoder<E2: Encode>(self, encode: E2) -> TracingSink<E2> {
        TracingSink { encode }
    }
}

impl<E: Encode> Sink for TracingSink<E> {
    fn write(&self, entry: Entry) -> Written {
        match entry {
            Entry::Record(record, _) => {
                if tracing::enabled!(target: "mcp_layers_audit::record", tracing::Level::INFO) {
                    let mut out = Vec::with_capacity(1024);
                    self.encode.encode(&record, &mut out);
                    let record = String::from_utf8_lossy(&out);
                    tracing::info!(target: "mcp_layers_audit::record", record = %record);
                }
            }
            Entry::Lost(loss) => {
                tracing::debug!(target: "mcp_layers_audit", ?loss, "a request has no audit record");
            }
        }
        Written::Taken
    }
}
