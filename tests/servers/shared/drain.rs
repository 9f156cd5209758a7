//! The drain.

use std::{error::Error, sync::OnceLock, time::Duration};

use mcp_layers::drain::{DrainHandle, DrainLayer};

use super::{
    layers::{PutAround, put},
    settings::Settings,
};

/// The handle of this process.
static DRAIN: OnceLock<DrainHandle> = OnceLock::new();

pub(super) fn make(_: &Settings) -> Result<PutAround, Box<dyn Error>> {
    keep(DrainLayer::new())
}

/// Puts the layer into the stack, and keeps its handle for the end.
pub(super) fn keep(layer: DrainLayer) -> Result<PutAround, Box<dyn Error>> {
    DRAIN.get_or_init(|| layer.handle());
    put(layer)
}

/// Refuses new requests and waits for those in flight. Returns false if the layer is not there.
pub(super) async fn drain(limit: Duration) -> bool {
    let Some(handle) = DRAIN.get() else {
        return false;
    };
    let drained = handle.drain(limit).await;
    tracing::warn!(?drained, "drained");
    true
}

/// Returns false while the server drains.
#[allow(dead_code, reason = "not every server has a readiness probe")]
pub(crate) fn is_ready() -> bool {
    DRAIN.get().is_none_or(DrainHandle::is_ready)
}
