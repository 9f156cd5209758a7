//! Settings of the layer, as plain values.

pub(crate) use mcp_layers_util::conventions::Side;

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) side: Side,
    /// The most names of tools, and of prompts, that become label values.
    pub(crate) max_names: usize,
    /// The most series of durations.
    pub(crate) max_series: usize,
}

impl Settings {
    pub(crate) fn new(side: Side) -> Self {
        Self {
            side,
            max_names: 512,
            max_series: 1_600,
        }
    }
}
