//! The second level: a store that several processes share.

use std::{error::Error, fmt, pin::Pin, sync::Arc, time::Duration};

use mcp_layers_core::{BoxError, response::CacheScope};

/// The future of a lookup in a [`CacheStore`].
pub type StoreFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A store of entries that several processes share.
///
/// A cache looks an entry up here when its own memory has none, once for all requests that wait for
/// the same key, and puts the results that it stores. A store that fails is a miss.
///
/// # Rules
///
/// 1. [`CacheStore::get`] ends after a bounded time, also when the network fails.
/// 2. [`CacheStore::put`] and [`CacheStore::invalidate`] return at once and go on in the background.
///    A store drops an entry that it cannot put. It repeats an invalidation until it succeeds, and
///    finds no entry before that.
/// 3. An entry that was put with an epoch is found only while none of its groups was invalidated
///    since that epoch was read.
/// 4. Entries are found by all bytes of their key.
pub trait CacheStore: Send + Sync + 'static {
    /// Looks up an entry that is not older than its time to live.
    fn get(&self, key: StoreKey) -> StoreFuture<Result<Lookup, StoreError>>;

    /// Stores an entry, in place of an earlier one.
    fn put(&self, key: StoreKey, epoch: StoreEpoch, entry: StoredEntry);

    /// Invalidates every entry of the group, also those whose request is still running.
    fn invalidate(&self, group: &Group);
}

/// The key of an entry, and the groups that the entry belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreKey {
    bytes: Arc<[u8]>,
    groups: Arc<[Group]>,
}

impl StoreKey {
    pub(crate) fn shared_bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    pub(crate) fn shared_groups(&self) -> &Arc<[Group]> {
        &self.groups
    }

    /// Creates a key with the groups of its entry.
    pub fn new(bytes: impl Into<Arc<[u8]>>, groups: impl Into<Arc<[Group]>>) -> Self {
        Self {
            bytes: bytes.into(),
            groups: groups.into(),
        }
    }

    /// Returns the bytes of the key: method, protocol version, capabilities, params, `_meta`,
    /// authorization context.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the groups.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }
}

/// The name of a group of entries that are invalidated together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Group(Arc<[u8]>);

impl Group {
    /// Creates a group by its name.
    pub fn new(name: impl Into<Arc<[u8]>>) -> Self {
        Self(name.into())
    }

    /// Returns the group of all entries.
    #[must_use]
    pub fn all() -> Self {
        Self::new(*b"*")
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.0
    }
}

/// The result of a lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    entry: Option<StoredEntry>,
    epoch: StoreEpoch,
}

impl Lookup {
    /// Creates the result of a lookup: the entry, if there is one, and the epoch of its groups at
    /// that time.
    #[must_use]
    pub fn new(entry: Option<StoredEntry>, epoch: StoreEpoch) -> Self {
        Self { entry, epoch }
    }

    pub(crate) fn into_parts(self) -> (Option<StoredEntry>, StoreEpoch) {
        (self.entry, self.epoch)
    }
}

/// The state of a key's groups at some time: one number for each, with a meaning that only the store
/// knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreEpoch(Vec<u64>);

impl StoreEpoch {
    /// Creates an epoch: one number for each group, in the order of [`StoreKey::groups`].
    #[must_use]
    pub fn new(counts: Vec<u64>) -> Self {
        Self(counts)
    }

    /// Returns the numbers.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.0
    }
}

/// An entry that any process can read.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredEntry {
    /// The result, as JSON.
    pub json: Vec<u8>,
    /// The callers that may be served with it.
    pub scope: CacheScope,
    /// The age.
    pub age: Duration,
    /// The age at which it is stale.
    pub time_to_live: Duration,
}

impl StoredEntry {
    /// Creates an entry of age zero.
    #[must_use]
    pub fn new(json: Vec<u8>, scope: CacheScope, time_to_live: Duration) -> Self {
        Self {
            json,
            scope,
            age: Duration::ZERO,
            time_to_live,
        }
    }

    /// Sets the age.
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

/// The error of a lookup.
#[derive(Debug)]
pub struct StoreError {
    garbage: bool,
    source: Option<BoxError>,
}

impl StoreError {
    /// Creates the error of a store that was not reached, or not in time.
    #[must_use]
    pub fn unreachable(source: Option<BoxError>) -> Self {
        Self {
            garbage: false,
            source,
        }
    }

    /// Creates the error of an entry that cannot be read.
    #[must_use]
    pub fn garbage() -> Self {
        Self {
            garbage: true,
            source: None,
        }
    }

    /// Returns whether there was an entry that could not be read.
    #[must_use]
    pub fn is_garbage(&self) -> bool {
        self.garbage
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.garbage {
            "the entry in the cache store cannot be read"
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
