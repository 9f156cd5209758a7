//! How many of each key are under way.

use std::{
    collections::{HashMap, hash_map::Entry},
    num::NonZeroU32,
    sync::Arc,
};

use crate::{memory::Secret, sync::Mutex};

/// Parts of the table, so that calls seldom wait for each other.
const SHARDS: usize = 16;

/// How many of each key are under way. A key that has none is not in the table.
pub(crate) struct Permits {
    shards: Vec<Mutex<HashMap<[u64; 2], u32, foldhash::fast::RandomState>>>,
    secret: Secret,
}

/// A place; free again when this is dropped.
pub(crate) struct Permit {
    permits: Arc<Permits>,
    key: [u64; 2],
}

impl Permits {
    pub(crate) fn new() -> Self {
        let shard = |_| Mutex::new(HashMap::default());
        Self {
            shards: (0..SHARDS).map(shard).collect(),
            secret: Secret::new(),
        }
    }

    /// A place for the key, if there is one left.
    pub(crate) fn take(permits: &Arc<Self>, key: &[u8], limit: NonZeroU32) -> Option<Permit> {
        let key = permits.secret.key(key);
        let mut shard = permits.shard(key)?.lock();
        let taken = shard.entry(key).or_default();
        if *taken >= limit.get() {
            return None;
        }
        *taken += 1;
        let permits = Arc::clone(permits);
        Some(Permit { permits, key })
    }

    /// How many places are taken.
    pub(crate) fn taken(&self) -> u64 {
        let of_shard = |shard: &Mutex<HashMap<_, u32, _>>| -> u64 {
            shard.lock().values().map(|taken| u64::from(*taken)).sum()
        };
        self.shards.iter().map(of_shard).sum()
    }

    fn shard(
        &self,
        key: [u64; 2],
    ) -> Option<&Mutex<HashMap<[u64; 2], u32, foldhash::fast::RandomState>>> {
        let number = usize::try_from(key[0] % SHARDS as u64).ok()?;
        self.shards.get(number)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(shard) = self.permits.shard(self.key) else {
            return;
        };
        if let Entry::Occupied(mut taken) = shard.lock().entry(self.key) {
            *taken.get_mut() -= 1;
            if *taken.get() == 0 {
                taken.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Permits;
    use std::{num::NonZeroU32, sync::Arc};

    #[test]
    fn a_key_without_calls_takes_no_memory() {
        let permits = Arc::new(Permits::new());
        let limit = NonZeroU32::MIN;
        let taken = Permits::take(&permits, b"ada", limit);
        assert!(taken.is_some());
        assert!(Permits::take(&permits, b"ada", limit).is_none());
        assert!(Permits::take(&permits, b"bob", limit).is_some());
        assert_eq!(permits.taken(), 1);
        drop(taken);
        assert!(permits.shards.iter().all(|shard| shard.lock().is_empty()));
    }
}
