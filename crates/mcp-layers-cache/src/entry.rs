//! A stored response.

use std::{
    any::Any,
    sync::Arc,
    time::{Duration, Instant},
};

use mcp_layers_core::{
    StoredResponse,
    response::{CacheHint, CacheScope},
};

use crate::Group;

/// A response without its trail. Each caller gets a copy.
pub(crate) struct Entry {
    /// Of the response type of the service that stored it.
    response: Box<dyn Any + Send + Sync>,
    hint: CacheHint,
    pub(crate) facts: Facts,
}

/// The facts about a stored response.
pub(crate) struct Facts {
    pub(crate) scope: CacheScope,
    pub(crate) time_to_live: Duration,
    /// The age at `stored_at`: that of a response from the second level is not zero.
    pub(crate) age: Duration,
    pub(crate) stored_at: Instant,
    /// The generation that was current when the request began.
    pub(crate) since: u64,
    pub(crate) key: Arc<[u8]>,
    pub(crate) groups: Arc<[Group]>,
    /// The uri of a read resource, which a prefix can invalidate.
    pub(crate) uri: Option<Box<str>>,
    pub(crate) size: u32,
}

impl Entry {
    /// Stores a copy of a response, without its trail.
    pub(crate) fn copied<Res: StoredResponse>(response: &mut Res, facts: Facts) -> Self {
        let trail = std::mem::take(response.trail_mut());
        let stored = response.clone();
        *response.trail_mut() = trail;
        Self::new(stored, facts)
    }

    /// Stores a response whose trail is empty.
    pub(crate) fn new<Res: StoredResponse>(response: Res, facts: Facts) -> Self {
        debug_assert!(response.trail().is_empty(), "a trail is never stored");
        Self {
            hint: response.cache_hint(),
            response: Box::new(response),
            facts,
        }
    }

    pub(crate) fn age(&self, now: Instant) -> Duration {
        let stored_for = now.saturating_duration_since(self.facts.stored_at);
        self.facts.age.saturating_add(stored_for)
    }

    /// Returns how long ago the entry became stale; `None` while it is fresh.
    pub(crate) fn stale_for(&self, now: Instant) -> Option<Duration> {
        self.age(now).checked_sub(self.facts.time_to_live)
    }

    /// Answers another request, with `ttlMs` lowered by the age. `None` where the entry was stored by
    /// a service with another response type.
    pub(crate) fn respond<Res: StoredResponse>(
        &self,
        to: Res::ReplyTo,
        age: Duration,
    ) -> Option<Res> {
        let stored: &Res = self.response.downcast_ref()?;
        let mut response = stored.clone().readdress(to);
        if let Some(ttl_ms) = self.hint.ttl_ms {
            let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
            if ttl_ms.min(age_ms) > 0 {
                let left = CacheHint::new(Some(ttl_ms.saturating_sub(age_ms)), self.hint.scope);
                response.set_cache_hint(left);
            }
        }
        Some(response)
    }
}
