//! The second level of `mcp-layers-cache`.

mod record;

use std::{
    collections::HashSet,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use mcp_layers_cache::{
    CacheStore, Group, Lookup, StoreEpoch, StoreError, StoreFuture, StoreKey, StoredEntry,
};
use redis::Script;
use sha2::{Digest, Sha256};
use tokio::{runtime::Handle, sync::Semaphore};

use crate::{RedisConnection, RedisError};

/// The most entries that are being sent to the server at once; further ones are dropped.
const PUTS: usize = 64;

/// The most groups that wait to be invalidated. Beyond it, all entries are invalidated.
const GROUPS: usize = 1024;

/// The time for which the server keeps the count of a group. An entry that outlives it is not found.
const REMEMBERED: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// The pauses between attempts to invalidate.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// A group's count begins with the time, so that one that was forgotten never comes back.
const COUNT: &str = "
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
";

const GET: &str = "
local counts = {}
for at = 2, #KEYS do
  local count = redis.call('GET', KEYS[at])
  if not count then
    count = now
    redis.call('SET', KEYS[at], count, 'PX', ARGV[1])
  end
  counts[at - 1] = count
end
if redis.call('STRLEN', KEYS[1]) > tonumber(ARGV[2]) then
  return {counts, '', 1}
end
return {counts, redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])}
";

const INVALIDATE: &str = "
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('INCR', KEYS[1])
else
  redis.call('SET', KEYS[1], now, 'PX', ARGV[1])
end
return redis.call('PTTL', KEYS[1])
";

/// The answer of the server to [`GET`].
type Answer = (Vec<u64>, Option<Vec<u8>>, i64);

/// The second level of `mcp-layers-cache`, on one Redis or Valkey server or in a cluster.
///
/// Give it to [`CacheLayer::store`](mcp_layers_cache::CacheLayer::store). Clones are the same store.
///
/// # Rules
///
/// 1. An entry has a version, its full key, for whom it is, its time to live, and how often its
///    groups had been invalidated when it was asked for. What differs in one of these is not
///    found.
/// 2. An entry expires by the server's clock.
/// 3. A lookup takes no longer than [`RedisConnection::max_wait`]. Entries are put by tasks of their
///    own, at most 64 at a time; further ones are dropped.
/// 4. An invalidation is repeated until the server has taken it. Until then, this store finds
///    nothing. Other processes see it when the server has it. A replica that takes over has what was
///    replicated to it: an invalidation that was not is lost.
/// 5. The keys of one connection's prefix have one hash tag: a cluster has them in one slot, on one
///    node. While the slot moves, lookups may find nothing.
/// 6. Tasks run on the tokio runtime that calls the store. Called from outside of any, the store
///    uses the one that it was called on before, or waits for the next call.
#[derive(Clone)]
pub struct RedisCacheStore {
    shared: Arc<Shared>,
}

struct Shared {
    connection: RedisConnection,
    tag: String,
    get: Script,
    invalidate: Script,
    max_entry_bytes: usize,
    puts: Arc<Semaphore>,
    /// The invalidations that were not sent yet.
    pending: Mutex<HashSet<Group>>,
    /// One permit: one task tells at a time.
    telling: Arc<Semaphore>,
    runtime: OnceLock<Handle>,
    put: AtomicU64,
    dropped: AtomicU64,
}

impl RedisCacheStore {
    /// The largest entry, in bytes, with its key: 8 MiB. A larger one counts as garbage.
    pub const MAX_ENTRY_BYTES: usize = 8 << 20;

    /// A store on this connection. Its keys begin with the connection's prefix and `:cache` in braces.
    #[must_use]
    pub fn new(connection: RedisConnection) -> Self {
        let shared = Shared {
            tag: connection.tag("cache"),
            connection,
            get: Script::new(&format!("{COUNT}{GET}")),
            invalidate: Script::new(&format!("{COUNT}{INVALIDATE}")),
            max_entry_bytes: Self::MAX_ENTRY_BYTES,
            puts: Arc::new(Semaphore::new(PUTS)),
            pending: Mutex::default(),
            telling: Arc::new(Semaphore::new(1)),
            runtime: OnceLock::new(),
            put: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Returns the counters.
    #[must_use]
    pub fn state(&self) -> CacheStoreState {
        let shared = &self.shared;
        CacheStoreState {
            put: shared.put.load(Relaxed),
            dropped: shared.dropped.load(Relaxed),
            putting: PUTS - shared.puts.available_permits(),
            pending: shared.pending().len(),
        }
    }
}

/// The counters of a [`RedisCacheStore`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheStoreState {
    /// Entries that the server has stored.
    pub put: u64,
    /// Entries that were dropped.
    pub dropped: u64,
    /// Entries that are being stored.
    pub putting: usize,
    /// Groups that are still to be invalidated.
    pub pending: usize,
}

impl CacheStore for RedisCacheStore {
    fn get(&self, key: StoreKey) -> StoreFuture<Result<Lookup, StoreError>> {
        self.tell();
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            if !shared.pending().is_empty() {
                return Err(StoreError::unreachable(None));
            }
            let found = shared.get(&key).await;
            let (counts, record, left) = found.map_err(unreachable)?;
            if !shared.pending().is_empty() {
                return Err(StoreError::unreachable(None));
            }
            let epoch = StoreEpoch::new(counts);
            let Some(record) = record else {
                return Ok(Lookup::new(None, epoch));
            };
            let record = record::read(&record).ok_or_else(StoreError::garbage)?;
            let left = u64::try_from(left).ok().map(Duration::from_millis);
            let is_current = record.key == key.bytes() && record.counts == epoch.counts();
            let entry = left.filter(|_| is_current).map(|left| {
                let age = record.time_to_live.saturating_sub(left);
                StoredEntry::new(record.json.to_vec(), record.scope, record.time_to_live).aged(age)
            });
            Ok(Lookup::new(entry, epoch))
        })
    }

    fn put(&self, key: StoreKey, epoch: StoreEpoch, entry: StoredEntry) {
        let permit = Arc::clone(&self.shared.puts).try_acquire_owned();
        let (Ok(permit), Some(runtime)) = (permit, self.shared.runtime()) else {
            self.shared.dropped.fetch_add(1, Relaxed);
            return;
        };
        let shared = Arc::clone(&self.shared);
        runtime.spawn(async move {
            let taken = shared.put(&key, &epoch, &entry).await;
            let count = if taken { &shared.put } else { &shared.dropped };
            count.fetch_add(1, Relaxed);
            drop(permit);
        });
    }

    fn invalidate(&self, group: &Group) {
        {
            let mut pending = self.shared.pending();
            if pending.len() >= GROUPS {
                pending.clear();
                pending.insert(Group::all());
            } else {
                pending.insert(group.clone());
            }
        }
        self.tell();
    }
}

impl RedisCacheStore {
    /// Tells the server what it has not been told, in a task that goes on until it is.
    fn tell(&self) {
        let shared = &self.shared;
        let Some(runtime) = shared.runtime() else {
            return;
        };
        if shared.pending().is_empty() {
            return;
        }
        let Ok(permit) = Arc::clone(&shared.telling).try_acquire_owned() else {
            return;
        };
        let store = self.clone();
        runtime.spawn(async move {
            let (mut pause, longest) = PAUSES;
            while !store.shared.tell().await {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(longest);
            }
            // What came after its last look. A task that was cut off ends with its runtime, and leaves
            // the rest to the next call.
            drop(permit);
            store.tell();
        });
    }
}

impl Shared {
    fn pending(&self) -> MutexGuard<'_, HashSet<Group>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn runtime(&self) -> Option<Handle> {
        match Handle::try_current() {
            Ok(current) => {
                let _ = self.runtime.set(current.clone());
                Some(current)
            }
            Err(_) => self.runtime.get().cloned(),
        }
    }

    /// Tells the server of every group that waits; whether it took them all.
    async fn tell(&self) -> bool {
        let groups: Vec<_> = self.pending().iter().cloned().collect();
        for group in groups {
            let mut script = self.invalidate.key(self.key('g', group.name()));
            script.arg(millis(REMEMBERED));
            let told: Result<i64, _> = self.connection.script(&self.tag, &script).await;
            if told.is_err() {
                return false;
            }
            self.pending().remove(&group);
        }
        self.pending().is_empty()
    }

    async fn get(&self, key: &StoreKey) -> Result<Answer, RedisError> {
        let mut script = self.get.key(self.key('e', key.bytes()));
        for group in key.groups() {
            script.key(self.key('g', group.name()));
        }
        script.arg(millis(REMEMBERED)).arg(self.max_entry_bytes);
        self.connection.script(&self.tag, &script).await
    }

    async fn put(&self, key: &StoreKey, epoch: &StoreEpoch, entry: &StoredEntry) -> bool {
        let record = record::write(key.bytes(), epoch.counts(), entry);
        let left = millis(entry.time_to_live.saturating_sub(entry.age));
        if record.len() > self.max_entry_bytes || left == 0 {
            return false;
        }
        let mut command = redis::cmd("SET");
        command.arg(self.key('e', key.bytes())).arg(record);
        command.arg("PX").arg(left);
        let put: Result<redis::Value, _> = self.connection.run(&self.tag, &command).await;
        put.is_ok()
    }

    /// A key of the server: a digest, since ours can be long and have digests of credentials.
    fn key(&self, kind: char, bytes: &[u8]) -> String {
        let digest = base16ct::lower::encode_string(&Sha256::digest(bytes));
        format!("{}:{kind}:{digest}", self.tag)
    }
}

fn millis(time: Duration) -> u64 {
    // The server keeps times in a signed number.
    u64::try_from(time.as_millis()).map_or(u64::MAX >> 2, |millis| millis.min(u64::MAX >> 2))
}

fn unreachable(error: RedisError) -> StoreError {
    StoreError::unreachable(Some(Box::new(error)))
}

impl fmt::Debug for RedisCacheStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCacheStore")
            .field("connection", &self.shared.connection)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
