//! A second level, beyond the process.

use std::{error::Error, fmt, pin::Pin, sync::Arc, time::Duration};

use mcp_layers_core::{BoxError, CacheScope};

/// What a [`CacheStore`] gives a question: it may wait for the network.
pub type StoreFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Where entries are kept beyond the memory of one process, so that several share them.
///
/// A cache asks it when its own memory has nothing, once for each flight, and tells it what it has
/// learned. A store that fails is a miss.
///
/// # Rules
///
/// 1. [`CacheStore::get`] ends after a bounded time, whatever the network does.
/// 2. [`CacheStore::put`] and [`CacheStore::invalidate`] return at once and work on elsewhere. What
///    a store cannot put it drops. What it cannot invalidate it keeps trying, and finds nothing
///    meanwhile.
/// 3. An entry that was put with an epoch is found only while none of its groups was invalidated
///    since that epoch was read.
/// 4. Entries are found by all bytes of their key.
pub trait CacheStore: Send + Sync + 'static {
    /// Looks for an entry that is not older than its time to live.
    fn get(&self, key: StoreKey) -> StoreFuture<Result<Lookup, StoreError>>;

    /// Keeps an entry, in place of an earlier one.
    fn put(&self, key: StoreKey, epoch: StoreEpoch, entry: StoredEntry);

    /// Declares every entry of the group out of date, those included that are being made.
    fn invalidate(&self, group: &Group);
}

/// Under what an entry is kept, and what it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreKey {
    bytes: Arc<[u8]>,
    groups: Arc<[Group]>,
}

impl StoreKey {
    /// A key and the groups that its entry belongs to.
    pub fn new(bytes: impl Into<Arc<[u8]>>, groups: impl Into<Arc<[Group]>>) -> Self {
        Self {
            bytes: bytes.into(),
            groups: groups.into(),
        }
    }

    /// All bytes of the key: method, protocol version, capabilities, params, authorization context.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The groups.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }
}

/// A group of entries that are invalidated together, by bytes that name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Group(Box<[u8]>);

impl Group {
    /// A group by its name.
    pub fn new(name: impl Into<Box<[u8]>>) -> Self {
        Self(name.into())
    }

    /// The group of every entry.
    #[must_use]
    pub fn all() -> Self {
        Self::new(*b"*")
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.0
    }
}

/// What a store found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    entry: Option<StoredEntry>,
    epoch: StoreEpoch,
}

impl Lookup {
    /// An entry, if there is one, and how the groups of its key stood when it was looked for.
    #[must_use]
    pub fn new(entry: Option<StoredEntry>, epoch: StoreEpoch) -> Self {
        Self { entry, epoch }
    }

    pub(crate) fn into_parts(self) -> (Option<StoredEntry>, StoreEpoch) {
        (self.entry, self.epoch)
    }
}

/// How the groups of a key stood at some time: one number each, of which the store alone knows the
/// meaning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreEpoch(Vec<u64>);

impl StoreEpoch {
    /// One number for each group, in the order of [`StoreKey::groups`].
    #[must_use]
    pub fn new(counts: Vec<u64>) -> Self {
        Self(counts)
    }

    /// The numbers.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.0
    }
}

/// An entry in a form that any process can read.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredEntry {
    /// The result as JSON.
    pub json: Vec<u8>,
    /// Who may be served with it.
    pub scope: CacheScope,
    /// How old it is.
    pub age: Duration,
    /// How old it may get.
    pub time_to_live: Duration,
}

impl StoredEntry {
    /// An entry that was just made.
    #[must_use]
    pub fn new(json: Vec<u8>, scope: CacheScope, time_to_live: Duration) -> Self {
        Self {
            json,
            scope,
            age: Duration::ZERO,
            time_to_live,
        }
    }

    /// The same entry at this age.
    #[must_use]
    pub fn aged(mut self, age: Duration) -> Self {
        self.age = age;
        self
    }
}

/// The result is left out: it may hold secrets.
impl fmt::Debug for StoredEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredEntry")
            .field("bytes", &self.json.len())
            .field("scope", &self.scope)
            .field("age", &self.age)
            .field("time_to_live", &self.time_to_live)
            .finish()
    }
}

/// Why a store gave no answer.
#[derive(Debug)]
pub struct StoreError {
    garbage: bool,
    source: Option<BoxError>,
}

impl StoreError {
    /// The store was not reached, or not in time.
    #[must_use]
    pub fn unreachable(source: Option<BoxError>) -> Self {
        Self {
            garbage: false,
            source,
        }
    }

    /// What the store had could not be read.
    #[must_use]
    pub fn garbage() -> Self {
        Self {
            garbage: true,
            source: None,
        }
    }

    /// Whether there was something that could not be read.
    #[must_use]
    pub fn is_garbage(&self) -> bool {
        self.garbage
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.garbage {
            "the cache store holds what cannot be read"
        } else {
            "the cache store cannot be reached"
        })
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.source.as_deref()?;
        Some(source)
    }
}
