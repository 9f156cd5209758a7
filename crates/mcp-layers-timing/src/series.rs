//! Which series a measurement goes to.

use std::{
    hash::{BuildHasher, Hash, Hasher},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
    time::Duration,
};

use foldhash::fast::RandomState;
use mcp_layers_core::{ListedKind, McpRequest, McpResponse, Method};

use crate::{
    Metric, RecordActive, RecordDuration, Recorder,
    attribute::{self, Named, OTHER, Wire},
    end::{End, Side, is_known_code},
    layer::Settings,
    names::Names,
    table::Table,
};

/// How many codes beyond the known ones are told.
const MAX_CODES: usize = 32;

/// What all clones of a layer's services share: the names they know and the series they opened.
/// All of it is bounded, and read without a lock.
pub(crate) struct Series<R> {
    recorder: Arc<R>,
    side: Side,
    hasher: RandomState,
    tools: Names,
    prompts: Names,
    codes: Table<i32>,
    durations: Table<Box<Entry>>,
    /// Where measurements go once `durations` is full.
    coarse: Table<Box<Entry>>,
    /// By the method's position.
    active: Box<[OnceLock<RecordActive>]>,
}

struct Entry {
    key: Key,
    record: RecordDuration,
}

/// What tells series apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    method: Method<'static>,
    name: Name,
    wire: Wire,
    end: End,
}

/// In few steps: a derived hash takes one for each field and each variant.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let name = match self.name {
            Name::None => 0,
            Name::Other => 1,
            Name::At(index) => index + 2,
        };
        state.write_usize(name << 8 | position(self.method));
        state.write_u32(self.wire.bits());
        self.end.hash(state);
    }
}

/// The method's place in a table of all, the last for those that the protocol does not have.
fn position(method: Method<'_>) -> usize {
    method.position().unwrap_or(Method::KNOWN.len())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    None,
    Other,
    At(usize),
}

/// What a request leaves behind for when it ends.
#[derive(Debug)]
pub(crate) struct Call {
    method: Method<'static>,
    target: Target,
    wire: Wire,
}

/// A name as far as it was known when the request came.
#[derive(Debug)]
enum Target {
    Is(Name),
    /// Not known, but it may turn out to be the server's.
    Perhaps(Box<str>),
}

impl<R> Series<R> {
    pub(crate) fn new(recorder: Arc<R>, settings: &Settings) -> Self {
        let methods = Method::KNOWN.len() + 1;
        let max_names = usize::from(settings.max_names.get());
        let series = Self {
            recorder,
            side: settings.side,
            hasher: RandomState::default(),
            tools: Names::new(max_names),
            prompts: Names::new(max_names),
            codes: Table::new(MAX_CODES),
            durations: Table::new(usize::from(settings.max_series.get())),
            // Twice what there can be, so that threads in a race never find these full.
            coarse: Table::new(2 * methods * End::KINDS),
            active: (0..methods).map(|_| OnceLock::new()).collect(),
        };
        for (named, name) in &settings.known {
            series.names(*named).learn(name);
        }
        series
    }

    /// Learns the names in an answer to `tools/list` or `prompts/list`.
    pub(crate) fn learn_listed<Res: McpResponse>(&self, call: &Call, response: &Res) {
        let (names, kind) = match call.method {
            Method::ListTools => (&self.tools, ListedKind::Tool),
            Method::ListPrompts => (&self.prompts, ListedKind::Prompt),
            _ => return,
        };
        if !names.is_full() {
            response.visit_listed(&mut |listed| {
                if listed.kind == kind {
                    names.learn(listed.name);
                }
            });
        }
    }

    /// Reads what the measurement will need of a request.
    pub(crate) fn call_of<Req: McpRequest>(&self, request: &Req) -> Call {
        let method = attribute::method_of(request);
        let name = Named::by(method).and_then(|named| Some((named, request.target()?)));
        let target = match name {
            Some((named, name)) => self.target(self.names(named), name),
            None => Target::Is(Name::None),
        };
        Call {
            method,
            target,
            wire: Wire::of(request),
        }
    }

    fn target(&self, names: &Names, name: &str) -> Target {
        match names.find(name) {
            Some(index) => Target::Is(Name::At(index)),
            None if names.could_learn(name) => Target::Perhaps(name.into()),
            None => Target::Is(Name::Other),
        }
    }

    fn names(&self, named: Named) -> &Names {
        match named {
            Named::Tool => &self.tools,
            Named::Prompt => &self.prompts,
        }
    }

    /// The key of a call that ended; learns its name where the end proves it.
    fn key(&self, call: &Call, end: End) -> Key {
        let name = match (&call.target, Named::by(call.method)) {
            (Target::Is(name), _) => *name,
            (Target::Perhaps(_), None) => Name::None,
            (Target::Perhaps(name), Some(named)) => {
                let names = self.names(named);
                let index = if end.proves_name() {
                    names.learn(name)
                } else {
                    names.find(name)
                };
                index.map_or(Name::Other, Name::At)
            }
        };
        Key {
            method: call.method,
            name,
            wire: call.wire,
            end: self.bounded(end),
        }
    }

    /// The server chooses the codes of its errors: only so many are told.
    fn bounded(&self, end: End) -> End {
        match end {
            End::Code(code) if !is_known_code(code) => {
                let hash = self.hasher.hash_one(code);
                match self
                    .codes
                    .find_or_insert(hash, |have| *have == code, || code)
                {
                    Some(_) => end,
                    None => end.kind(self.side),
                }
            }
            end => end,
        }
    }
}

impl<R: Recorder> Series<R> {
    /// Records how long a call took.
    pub(crate) fn record(&self, call: &Call, end: End, duration: Duration) {
        let key = self.key(call, end);
        let entry = self.entry(&self.durations, key).or_else(|| {
            let name = match key.name {
                Name::None => Name::None,
                Name::Other | Name::At(_) => Name::Other,
            };
            let coarse = Key {
                name,
                wire: Wire::default(),
                end: key.end.kind(self.side),
                ..key
            };
            self.entry(&self.coarse, coarse)
        });
        if let Some(entry) = entry {
            contain(|| (entry.record)(duration));
        }
    }

    /// Counts a call in.
    pub(crate) fn enter(&self, call: &Call) {
        let make = || {
            let attributes = attribute::of_method(call.method);
            let active = contain(|| self.recorder.active(self.active_metric(), &attributes));
            active.unwrap_or_else(|| Box::new(|_| {}))
        };
        if let Some(slot) = self.active.get(position(call.method)) {
            let record = slot.get_or_init(make);
            contain(|| record(1));
        }
    }

    /// Counts a call out.
    pub(crate) fn leave(&self, call: &Call) {
        let slot = self.active.get(position(call.method));
        if let Some(record) = slot.and_then(OnceLock::get) {
            contain(|| record(-1));
        }
    }

    fn entry<'a>(&self, table: &'a Table<Box<Entry>>, key: Key) -> Option<&'a Entry> {
        let make = || Box::new(self.open(key));
        let found = table.find_or_insert(self.hasher.hash_one(key), |have| have.key == key, make);
        found.map(|(_, entry)| &**entry)
    }

    fn open(&self, key: Key) -> Entry {
        let mut attributes = attribute::of_method(key.method);
        let name = match (key.name, Named::by(key.method)) {
            (Name::Other, _) => Some(OTHER),
            (Name::At(index), Some(named)) => self.names(named).get(index),
            _ => None,
        };
        attribute::describe_name(key.method, name, &mut attributes);
        key.wire.describe(&mut attributes);
        key.end.describe(self.side, &mut attributes);
        let record = contain(|| {
            self.recorder
                .duration(self.duration_metric(key.method), &attributes)
        });
        Entry {
            key,
            record: record.unwrap_or_else(|| Box::new(|_| {})),
        }
    }

    fn duration_metric(&self, method: Method<'_>) -> Metric {
        match (self.side, method.is_long_lived()) {
            (Side::Server, false) => Metric::ServerOperationDuration,
            (Side::Client, false) => Metric::ClientOperationDuration,
            (Side::Server, true) => Metric::ServerSubscriptionDuration,
            (Side::Client, true) => Metric::ClientSubscriptionDuration,
        }
    }

    fn active_metric(&self) -> Metric {
        match self.side {
            Side::Server => Metric::ServerActiveRequests,
            Side::Client => Metric::ClientActiveRequests,
        }
    }
}

/// A recorder that panics costs a measurement, not the request.
fn contain<T>(record: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(record)).ok()
}
