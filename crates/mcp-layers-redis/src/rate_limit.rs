//! Budgets that several processes share.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use mcp_layers_rate_limit::{
    Acquire, Cost, Decision, MemoryStore, Quota, RateLimitStore, StoreStats, Verdict,
};
use redis::Script;
use sha2::{Digest, Sha256};

use crate::{RedisConnection, RedisError};

static SCRIPT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("rate_limit/acquire.lua")));

/// Budgets in Redis or Valkey, which several processes share.
///
/// 1. All rules of a call are asked in one round trip, by one script: all are charged, or none.
/// 2. The time is the server's, in microseconds; intervals are rounded up to whole ones.
/// 3. The keys of one connection's prefix have one hash tag, so that a cluster has them in one slot:
///    all or none across rules needs that. `RedisConnection::cluster` (feature `cluster`) follows the
///    slot from node to node. While it moves, calls of several rules may have no answer until it has,
///    for Redis wants all their keys in one place; those of one rule have. A replica that takes over
///    knows what was replicated to it.
/// 4. Keys hold the rule's name and 128 bits of SHA-256 of the rest: no caller's name gets to Redis.
///    A key expires when its budget is full again, so that Redis holds live budgets alone.
///    Redis must not evict them: use the policy `noeviction`. (`volatile-ttl` evicts them when memory is full.)
/// 5. Nothing waits for longer than [`RedisConnection::max_wait`]. When there is no answer to go by,
///    [`OnUnavailable`] decides, and the store counts it.
/// 6. A quota that changes counts from the next charge: as many calls are spent as before, and what
///    came back since the last charge of a key came at the new rate. Each process charges by its own
///    quota.
///
/// A restart of Redis without persistence begins with full budgets.
#[derive(Clone)]
pub struct RedisRateLimitStore {
    shared: Arc<Shared>,
}

struct Shared {
    connection: RedisConnection,
    tag: String,
    on_unavailable: OnUnavailable,
    fallback_decisions: AtomicU64,
}

/// The policy of a [`RedisRateLimitStore`] while Redis is unavailable.
#[derive(Debug)]
#[non_exhaustive]
// One value for each store, moved once.
#[allow(clippy::large_enum_variant)]
pub enum OnUnavailable {
    /// Calls pass, and nothing is counted.
    FailOpen,
    /// Calls are refused with 503.
    FailClosed,
    /// Each process has budgets of its own, with the same quotas. They begin full, and what is spent
    /// of them is not carried over to Redis.
    Local(MemoryStore),
}

impl RedisRateLimitStore {
    /// A store on a connection, with a policy for when Redis is unavailable.
    #[must_use]
    pub fn new(connection: RedisConnection, on_unavailable: OnUnavailable) -> Self {
        Self {
            shared: Arc::new(Shared {
                tag: connection.tag("rate-limit"),
                connection,
                on_unavailable,
                fallback_decisions: AtomicU64::new(0),
            }),
        }
    }
}

impl Shared {
    async fn acquire(&self, costs: &[Cost]) -> Result<Verdict, RedisError> {
        let mut script = SCRIPT.prepare_invoke();
        for cost in costs {
            let interval = cost.quota.replenish_interval().as_nanos().div_ceil(1_000);
            // Numbers of a script are exact up to 2^53.
            let interval = u64::try_from(interval).unwrap_or(LONGEST).clamp(1, LONGEST);
            let burst = u64::from(cost.quota.burst_size().get())
                .min(LONGEST / interval)
                .max(1);
            script.key(self.key(&cost.rule, &cost.key));
            script.arg(interval).arg(burst).arg(cost.amount.get());
        }
        let (number, micros): (usize, u64) = self.connection.script(&self.tag, &script).await?;
        Ok(match number.checked_sub(1) {
            None => Verdict::Admitted,
            Some(index) => Verdict::Limited {
                index,
                retry_after: Duration::from_micros(micros),
            },
        })
    }

    fn key(&self, rule: &str, key: &[u8]) -> String {
        let digest = base16ct::lower::encode_string(&Sha256::digest(key)[..16]);
        format!("{}:{rule}:{digest}", self.tag)
    }

    fn fall_back(&self, costs: &[Cost]) -> Decision {
        self.fallback_decisions.fetch_add(1, Relaxed);
        let verdict = match &self.on_unavailable {
            OnUnavailable::FailOpen => Verdict::Admitted,
            OnUnavailable::FailClosed => Verdict::Unavailable,
            OnUnavailable::Local(store) => store.decide(costs),
        };
        Decision {
            verdict,
            is_fallback: true,
        }
    }
}

impl RateLimitStore for RedisRateLimitStore {
    // A box where there is a round trip anyway.
    type Future = Pin<Box<dyn Future<Output = Decision> + Send>>;

    fn acquire(&self, costs: &[Cost]) -> Acquire<Self::Future> {
        let (shared, costs) = (Arc::clone(&self.shared), costs.to_vec());
        Acquire::Pending(Box::pin(async move {
            match shared.acquire(&costs).await {
                Ok(verdict) => verdict.into(),
                Err(_) => shared.fall_back(&costs),
            }
        }))
    }

    fn quota_changed(&self, rule: &str, quota: Quota) {
        if let OnUnavailable::Local(store) = &self.shared.on_unavailable {
            store.quota_changed(rule, quota);
        }
    }

    fn stats(&self) -> StoreStats {
        let mut stats = match &self.shared.on_unavailable {
            OnUnavailable::Local(store) => store.stats(),
            OnUnavailable::FailOpen | OnUnavailable::FailClosed => StoreStats::default(),
        };
        stats.is_unavailable = !self.shared.connection.state().is_connected;
        stats.fallback_decisions = self.shared.fallback_decisions.load(Relaxed);
        stats
    }
}

/// The longest time in microseconds that the script reckons with: 71 years.
const LONGEST: u64 = 1 << 51;

impl fmt::Debug for RedisRateLimitStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisRateLimitStore")
            .field("connection", &self.shared.connection)
            .field("on_unavailable", &self.shared.on_unavailable)
            .finish_non_exhaustive()
    }
}
