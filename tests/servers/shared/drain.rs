//! The drain and its flag.

use std::{error::Error, sync::OnceLock, time::Duration};

use mcp_layers::drain::{DrainHandle, DrainLayer};

use super::{
    layers::{PutAround, put},
    settings::{Flag, Settings},
};

const NOTICE: Flag = Flag {
    name: "--notice",
    value: "MS",
    help: "drain: be not ready for so long before the drain, so that load balancers notice",
};

pub(super) const FLAGS: &[Flag] = &[NOTICE];

/// The handle of this process, and the time in which load balancers notice.
static DRAIN: OnceLock<(DrainHandle, Duration)> = OnceLock::new();

pub(super) fn make(settings: &Settings) -> Result<PutAround, Box<dyn Error>> {
    let notice = Duration::from_millis(settings.parse(&NOTICE)?.unwrap_or(0));
    keep(DrainLayer::new(), notice)
}

/// Puts the layer into the stack, and keeps its handle for the end.
pub(super) fn keep(layer: DrainLayer, notice: Duration) -> Result<PutAround, Box<dyn Error>> {
    DRAIN.get_or_init(|| (layer.handle(), notice));
    put(layer)
}

/// Refuses new requests and waits for those in flight. Returns false if the layer is not there.
pub(super) async fn drain(limit: Duration) -> bool {
    let Some((handle, notice)) = DRAIN.get() else {
        return false;
    };
    handle.set_ready(false);
    tokio::time::sleep(*notice).await;
    let drained = handle.drain(limit).await;
    tracing::warn!(?drained, "drained");
    true
}

/// Returns false while the server drains.
#[allow(dead_code, reason = "not every server has a readiness probe")]
pub(crate) fn is_ready() -> bool {
    DRAIN.get().is_none_or(|(handle, _)| handle.is_ready())
}
