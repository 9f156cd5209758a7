//! The cache, and the flag that names tools.

use std::{error::Error, time::Duration};

use mcp_layers::cache::{CacheLayer, Freshness};

use super::{
    layers::{PutAround, put},
    settings::{Flag, Settings},
};

const TOOL: Flag = Flag {
    name: "--cache-tool",
    value: "NAME",
    help: "answer calls of this tool from memory for a minute; may be repeated",
};

pub(crate) const FLAGS: &[Flag] = &[TOOL];

/// For how long a tool's answer is fresh.
const FRESH: Duration = Duration::from_secs(60);

/// The protocol's caching, and the tools that are named. Where callers are told apart, a tool's
/// answer is for its caller alone.
pub(crate) fn make(settings: &Settings) -> Result<PutAround, Box<dyn Error>> {
    let freshness = if settings.has_layer("auth") {
        Freshness::new(FRESH).private()
    } else {
        Freshness::new(FRESH).public()
    };
    let mut layer = CacheLayer::new();
    for name in settings.all(&TOOL) {
        layer = layer.tool(name, freshness)?;
    }
    keep(settings, layer)
}

/// Puts the layer into the stack, and keeps its handle for the server.
pub(super) fn keep(settings: &Settings, layer: CacheLayer) -> Result<PutAround, Box<dyn Error>> {
    let handle = layer.handle();
    settings.set_cache(handle.clone());
    settings.gauges(move |gauges| {
        let stats = handle.stats();
        gauges.set("mcp_layers.cache.entries", stats.entries as f64);
        gauges.set("mcp_layers.cache.bytes", stats.bytes as f64);
    });
    put(layer)
}
