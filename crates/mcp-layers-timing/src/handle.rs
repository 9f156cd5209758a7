//! The handle, for operators.

use std::sync::Arc;

use crate::series::Series;

/// A handle to the state of a [`TimingLayer`](crate::TimingLayer). Clones share it.
#[derive(Debug, Clone)]
pub struct TimingHandle {
    pub(crate) series: Arc<Series>,
}

/// The size of a layer's state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimingStats {
    /// The series of durations that exist.
    pub series: usize,
    /// The measurements that went to a coarse series, because the others were full
    /// ([`TimingLayer::max_series`](crate::TimingLayer::max_series)).
    pub overflowed: u64,
    /// The names of tools that are label values.
    pub tools: usize,
    /// The names of prompts that are label values.
    pub prompts: usize,
}

impl TimingHandle {
    /// The size of the layer's state at this moment.
    #[must_use]
    pub fn stats(&self) -> TimingStats {
        let (series, overflowed) = self.series.counts();
        TimingStats {
            series,
            overflowed,
            tools: self.series.tools.len(),
            prompts: self.series.prompts.len(),
        }
    }
}
