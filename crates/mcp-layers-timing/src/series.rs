//! The series of each metric, opened by the first measurement and kept.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use mcp_layers_core::{KeyHasher, Method};
use mcp_layers_util::conventions::CallOutcome;

use crate::{
    attributes::{self, OTHER, Wire},
    labels::Labels,
    metric::Metric,
    outcome::{Outcome, is_always_shown},
    recorder::{RecordActive, RecordDuration, Recorder},
    settings::{Settings, Side},
};

/// The most codes beyond those that are always shown.
const MAX_CODES: usize = 32;

/// The attributes that tell series apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) method: Method<'static>,
    pub(crate) name: Name,
    pub(crate) wire: Wire,
    pub(crate) outcome: Outcome,
}

/// The name of a tool or prompt, as a label value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Name {
    /// The method has no tool or prompt.
    None,
    Other,
    Known(Arc<str>),
}

impl From<Option<Arc<str>>> for Name {
    fn from(label: Option<Arc<str>>) -> Self {
        label.map_or(Self::Other, Self::Known)
    }
}

/// State that all clones of a layer share: label values and series. All of it is bounded.
pub(crate) struct Series {
    recorder: Arc<dyn Recorder>,
    pub(crate) tools: Labels,
    pub(crate) prompts: Labels,
    codes: RwLock<HashSet<i32>>,
    durations: RwLock<HashMap<Key, Arc<RecordDuration>, KeyHasher>>,
    /// Series for the measurements that find `durations` full: by method and outcome alone, so that
    /// there are at most eight for each method.
    coarse: RwLock<HashMap<Key, Arc<RecordDuration>, KeyHasher>>,
    active: RwLock<HashMap<Method<'static>, Arc<OnceLock<RecordActive>>, KeyHasher>>,
    overflowed: AtomicU64,
}

impl Series {
    pub(crate) fn new(recorder: Arc<dyn Recorder>) -> Self {
        Self {
            recorder,
            tools: Labels::default(),
            prompts: Labels::default(),
            codes: RwLock::default(),
            durations: RwLock::default(),
            coarse: RwLock::default(),
            active: RwLock::default(),
            overflowed: AtomicU64::new(0),
        }
    }

    /// Records the duration of a request.
    pub(crate) fn record(&self, settings: &Settings, mut key: Key, duration: Duration) {
        key.outcome = self.bounded(key.outcome, settings.side);
        let open = |key: &Key| open(&*self.recorder, settings.side, key);
        let record = find(&self.durations, &key, settings.max_series, open).or_else(|| {
            self.overflowed.fetch_add(1, Relaxed);
            let coarse = Key {
                method: key.method,
                name: match key.name {
                    Name::None => Name::None,
                    Name::Other | Name::Known(_) => Name::Other,
                },
                wire: Wire::default(),
                outcome: key.outcome.without_code(settings.side),
            };
            find(&self.coarse, &coarse, usize::MAX, open)
        });
        if let Some(record) = record {
            contain(|| record(duration));
        }
    }

    /// Adds `change` to the number of requests in flight.
    pub(crate) fn count_active(&self, side: Side, method: Method<'static>, change: i64) {
        let known = read(&self.active).get(&method).cloned();
        let slot = known.unwrap_or_else(|| {
            let mut active = self.active.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(active.entry(method).or_default())
        });
        let record = slot.get_or_init(|| {
            let metric = match side {
                Side::Server => Metric::ServerActiveRequests,
                Side::Client => Metric::ClientActiveRequests,
            };
            let attributes = attributes::of_method(method);
            let record = contain(|| self.recorder.active(metric, &attributes));
            record.unwrap_or_else(|| Box::new(|_| {}))
        });
        contain(|| record(change));
    }

    /// The number of series of durations, and the number of measurements that found them full.
    pub(crate) fn counts(&self) -> (usize, u64) {
        let series = read(&self.durations).len() + read(&self.coarse).len();
        (series, self.overflowed.load(Relaxed))
    }

    /// The server chooses the codes of its errors: only some are shown.
    fn bounded(&self, outcome: Outcome, side: Side) -> Outcome {
        let Outcome::Shown(CallOutcome::Code(code)) = outcome else {
            return outcome;
        };
        if is_always_shown(code) || read(&self.codes).contains(&code) {
            return outcome;
        }
        let mut codes = self.codes.write().unwrap_or_else(PoisonError::into_inner);
        if codes.len() < MAX_CODES || codes.contains(&code) {
            codes.insert(code);
            return outcome;
        }
        outcome.without_code(side)
    }
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// The series of a key, opened if there is room for it.
fn find(
    table: &RwLock<HashMap<Key, Arc<RecordDuration>, KeyHasher>>,
    key: &Key,
    max: usize,
    open: impl FnOnce(&Key) -> RecordDuration,
) -> Option<Arc<RecordDuration>> {
    if let Some(record) = read(table).get(key) {
        return Some(Arc::clone(record));
    }
    let mut table = table.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(record) = table.get(key) {
        return Some(Arc::clone(record));
    }
    if table.len() >= max {
        return None;
    }
    let record = Arc::new(open(key));
    table.insert(key.clone(), Arc::clone(&record));
    Some(record)
}

fn open(recorder: &dyn Recorder, side: Side, key: &Key) -> RecordDuration {
    let mut attributes = attributes::of_method(key.method);
    let name = match &key.name {
        Name::None => None,
        Name::Other => Some(OTHER),
        Name::Known(name) => Some(&**name),
    };
    attributes::describe_name(key.method, name, &mut attributes);
    key.wire.describe(&mut attributes);
    key.outcome.describe(side, &mut attributes);
    let metric = match (side, key.method.is_long_lived()) {
        (Side::Server, false) => Metric::ServerOperationDuration,
        (Side::Client, false) => Metric::ClientOperationDuration,
        (Side::Server, true) => Metric::ServerSubscriptionDuration,
        (Side::Client, true) => Metric::ClientSubscriptionDuration,
    };
    let record = contain(|| recorder.duration(metric, &attributes));
    record.unwrap_or_else(|| Box::new(|_| {}))
}

/// A recorder that panics loses a measurement. Measurements are taken while futures are dropped,
/// where a second panic would end the process.
fn contain<T>(record: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(record)).ok()
}

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (series, overflowed) = self.counts();
        f.debug_struct("Series")
            .field("series", &series)
            .field("overflowed", &overflowed)
            .finish_non_exhaustive()
    }
}
