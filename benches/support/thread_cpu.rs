//! Time of this thread on the processor. On a busy machine it is steadier than the time of day.

use std::time::Duration;

use cpu_time::ThreadTime;
use criterion::{
    BatchSize,
    measurement::{Measurement, ValueFormatter, WallTime},
};

/// How many calls are prepared at a time. Their requests stay in the processor's caches, as one
/// does that a server has just read; thousands would not, and would hide what a layer costs.
pub(crate) const BATCH: BatchSize = BatchSize::NumIterations(100);

pub(crate) struct ThreadCpu;

impl Measurement for ThreadCpu {
    type Intermediate = ThreadTime;
    type Value = Duration;

    fn start(&self) -> ThreadTime {
        ThreadTime::now()
    }

    fn end(&self, start: ThreadTime) -> Duration {
        start.elapsed()
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}
