//! Budgets in the memory of this process.

use std::{
    collections::hash_map::RandomState,
    fmt,
    future::Pending,
    hash::{BuildHasher, Hasher},
    num::NonZeroUsize,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use mcp_layers_core::{Clock, SystemClock};
use siphasher::sip128::SipHasher13;
use smallvec::SmallVec;

use crate::{
    Acquire, Charge, Charges, Decision, Quota, RateLimitStore, StoreState, Verdict, gcra::Meter,
    sync::Mutex,
};
use shard::{Key, Shard, Slot};

mod shard;

/// Parts of the table, at most, so that calls seldom wait for each other.
const SHARDS: usize = 64;

/// A part has at least so many keys, if there is more than one.
const KEYS_IN_SHARD: usize = 1_024;

/// Budgets in the memory of this process; the store unless another is given.
///
/// # Bounds
/// It remembers [`MemoryStore::max_keys`] keys, and no more. A key of which nothing is spent is as
/// good as forgotten, so that only such ones make room. When there is none among those it looks at,
/// a new key goes to a bucket that all such keys of the rule share: nobody who is blocked gets a
/// fresh budget, those who were there first keep theirs, and what all others get together is one
/// quota more.
///
/// A key takes 40 bytes and its place in the index 5 to 10; keys are not stored, but 128 bits of a
/// keyed hash (SipHash-1-3) of them.
pub struct MemoryStore<C = SystemClock> {
    shards: Box<[Aligned]>,
    overflow: Mutex<Overflow>,
    overflowed: AtomicU64,
    max_keys: usize,
    secret: Secret,
    rules: RandomState,
    clock: C,
    start: Instant,
}

/// What keys are hashed with: who does not know it can make no two of them collide.
pub(crate) struct Secret(SipHasher13);

impl Secret {
    pub(crate) fn new() -> Self {
        // A model must run the same way each time.
        let random = || match cfg!(mcp_layers_loom) {
            true => 1,
            false => RandomState::new().build_hasher().finish(),
        };
        Self(SipHasher13::new_with_keys(random(), random()))
    }

    #[inline]
    pub(crate) fn key(&self, bytes: &[u8]) -> Key {
        let hash = self.0.hash(bytes);
        [hash.h1, hash.h2]
    }
}

/// Two neighbours do not share a cache line.
#[repr(align(128))]
struct Aligned(Mutex<Shard>);

/// The shared bucket of each rule, by the hash of its name. As many as there are rules.
type Overflow = Vec<(u32, Meter)>;

/// Where a charge goes.
enum Place {
    /// To a key of a locked shard.
    Own(usize, Slot),
    /// To the shared bucket of its rule.
    Shared(u32),
}

impl MemoryStore {
    /// How many keys are remembered unless [`MemoryStore::max_keys`] says otherwise: 100,000.
    pub const DEFAULT_MAX_KEYS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(99_999);

    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::build(Self::DEFAULT_MAX_KEYS.get(), SystemClock::default())
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Clock> MemoryStore<C> {
    /// How many keys are remembered; 100,000 by default. Begins anew, with full budgets.
    #[must_use]
    pub fn max_keys(self, keys: NonZeroUsize) -> Self {
        Self::build(keys.get(), self.clock)
    }

    /// Reads the time elsewhere. Begins anew, with full budgets.
    #[must_use]
    pub fn clock<C2: Clock>(self, clock: C2) -> MemoryStore<C2> {
        MemoryStore::build(self.max_keys, clock)
    }

    fn build(max_keys: usize, clock: C) -> Self {
        let shards = (max_keys / KEYS_IN_SHARD).clamp(1, SHARDS);
        // A power of two, rounded down.
        let shards = 1_usize << shards.ilog2();
        Self {
            shards: (0..shards)
                .map(|_| Aligned(Mutex::new(Shard::new(max_keys / shards))))
                .collect(),
            overflow: Mutex::new(Overflow::new()),
            overflowed: AtomicU64::new(0),
            max_keys,
            secret: Secret::new(),
            rules: RandomState::new(),
            start: clock.now(),
            clock,
        }
    }

    /// Takes all of the charges, or none.
    pub fn decide(&self, charges: &Charges) -> Verdict {
        let now = self.now();
        let mut keyed = charges.iter();
        match (keyed.next(), keyed.len()) {
            (None, _) => Verdict::Admitted,
            (Some(charge), 0) => self.decide_one(&charge, now),
            _ => self.decide_all(charges, now),
        }
    }

    fn decide_one(&self, charge: &Charge<'_>, now: u64) -> Verdict {
        let key = self.secret.key(charge.key);
        let Some(Aligned(shard)) = self.shards.get(self.shard_of(key)) else {
            return Verdict::Unavailable;
        };
        let mut shard = shard.lock();
        let charged = match shard.find(key, || self.rule(charge.rule()), now) {
            Some(slot) => {
                let meter = shard.meter(slot, now, charge.quota);
                let charged = meter.charged(now, charge.quota, charge.cost.get());
                shard.settle(slot, charged.unwrap_or(meter));
                charged
            }
            None => {
                drop(shard);
                self.overflowed.fetch_add(1, Relaxed);
                let mut overflow = self.overflow.lock();
                let meter = shared(&mut overflow, self.rule(charge.rule()));
                meter.convert(now, charge.quota);
                let charged = meter.charged(now, charge.quota, charge.cost.get());
                *meter = charged.unwrap_or(*meter);
                charged
            }
        };
        charged.map_or_else(
            |wait| Verdict::Limited {
                charge: 0,
                retry_after: Duration::from_nanos(wait),
            },
            |_| Verdict::Admitted,
        )
    }

    /// All shards that the charges go to are locked, in the order of their numbers, until every
    /// charge is known to pass.
    fn decide_all(&self, charges: &Charges, now: u64) -> Verdict {
        let keys: SmallVec<[Key; 4]> = charges
            .iter()
            .map(|charge| self.secret.key(charge.key))
            .collect();
        let mut numbers: SmallVec<[usize; 4]> =
            keys.iter().map(|key| self.shard_of(*key)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let numbers_and_shards = numbers.iter().filter_map(|number| self.shards.get(*number));
        let mut locked: SmallVec<[_; 4]> = numbers_and_shards.map(|shard| shard.0.lock()).collect();
        let mut overflow = None;

        let mut places = SmallVec::<[_; 4]>::new();
        for (key, charge) in keys.iter().zip(charges.iter()) {
            let at = numbers.partition_point(|number| *number < self.shard_of(*key));
            let Some(shard) = locked.get_mut(at) else {
                return Verdict::Unavailable;
            };
            let (place, meter) = match shard.find(*key, || self.rule(charge.rule()), now) {
                Some(slot) => (Place::Own(at, slot), shard.meter(slot, now, charge.quota)),
                None => {
                    self.overflowed.fetch_add(1, Relaxed);
                    let rule = self.rule(charge.rule());
                    let overflow = overflow.get_or_insert_with(|| self.overflow.lock());
                    let meter = shared(overflow, rule);
                    meter.convert(now, charge.quota);
                    (Place::Shared(rule), *meter)
                }
            };
            let charged = meter.charged(now, charge.quota, charge.cost.get());
            places.push((place, meter, charged));
        }

        let waits = places.iter().enumerate();
        let waits = waits.filter_map(|(charge, (.., charged))| Some((charged.err()?, charge)));
        let longest = waits.max_by_key(|(wait, _)| *wait);
        for (place, meter, charged) in places {
            let meter = charged.ok().filter(|_| longest.is_none()).unwrap_or(meter);
            match place {
                Place::Own(at, slot) => {
                    if let Some(shard) = locked.get_mut(at) {
                        shard.settle(slot, meter);
                    }
                }
                Place::Shared(rule) => {
                    if let Some(overflow) = overflow.as_deref_mut() {
                        *shared(overflow, rule) = meter;
                    }
                }
            }
        }
        longest.map_or(Verdict::Admitted, |(wait, charge)| Verdict::Limited {
            charge,
            retry_after: Duration::from_nanos(wait),
        })
    }

    #[cfg(feature = "http")]
    pub(crate) fn own_clock(&self) -> &C {
        &self.clock
    }

    #[cfg(feature = "http")]
    pub(crate) fn bound(&self) -> usize {
        self.max_keys
    }

    fn now(&self) -> u64 {
        let since = self.clock.now().saturating_duration_since(self.start);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    fn shard_of(&self, key: Key) -> usize {
        // The index of a shard goes by the other half.
        usize::try_from(key[0] % self.shards.len() as u64).unwrap_or_default()
    }

    fn rule(&self, name: &str) -> u32 {
        #[allow(
            clippy::cast_possible_truncation,
            reason = "any 32 bits of a hash will do"
        )]
        let rule = self.rules.hash_one(name) as u32;
        rule
    }
}

fn shared(overflow: &mut Overflow, rule: u32) -> &mut Meter {
    let at = overflow.iter().position(|(of, _)| *of == rule);
    let at = at.unwrap_or_else(|| {
        overflow.push((rule, Meter::default()));
        overflow.len() - 1
    });
    &mut overflow[at].1
}

impl<C: Clock> RateLimitStore for MemoryStore<C> {
    type Later = Pending<Decision>;

    fn acquire(&self, charges: &Charges) -> Acquire<Self::Later> {
        Acquire::Ready(self.decide(charges).into())
    }

    fn quota_changed(&self, rule: &str, quota: Quota) {
        let rule = self.rule(rule);
        for Aligned(shard) in &self.shards {
            shard.lock().convert(rule, self.now(), quota);
        }
        shared(&mut self.overflow.lock(), rule).convert(self.now(), quota);
    }

    fn state(&self) -> StoreState {
        StoreState {
            keys: self.shards.iter().map(|shard| shard.0.lock().len()).sum(),
            max_keys: self.max_keys,
            overflowed: self.overflowed.load(Relaxed),
            ..StoreState::default()
        }
    }
}

impl<C> fmt::Debug for MemoryStore<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("max_keys", &self.max_keys)
            .finish_non_exhaustive()
    }
}
