//! A cache of verified credentials.

use std::{
    fmt,
    future::ready,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use mcp_layers_core::{Clock, ConfigError};
use moka::sync::Cache;

use super::single_flight::{Key, SingleFlight};
use super::{Credential, Refusal, Verified, Verify, VerifyFuture};
use crate::positive::positive;

/// The most refused credentials that are remembered.
const MAX_REFUSED: u64 = 1024;

/// Caches the results of another verifier.
///
/// 1. The key is the SHA-256 digest of the credential. The credential itself is not stored.
/// 2. An accepted credential is cached for [`CachedVerifier::time_to_live`], and never past its
///    expiry: then the inner verifier decides again, which may allow some leeway.
/// 3. A refused credential is cached for [`CachedVerifier::refusal_time_to_live`], so that a
///    client in a loop does not reach the inner verifier with each request. "Unavailable" is never
///    cached.
/// 4. One verification at a time runs for each credential. Requests with the same credential wait
///    for its result.
/// 5. At most [`CachedVerifier::max_capacity`] accepted and 1,024 refused credentials are cached,
///    apart from each other: invented credentials never evict accepted ones.
/// 6. When keys of the inner verifier are replaced ([`Replaceable`](super::Replaceable)), its
///    earlier results are not used any more.
///
/// For revocation, wrap this in a [`Revocable`](super::Revocable), which checks cached results too.
/// Clones share the cache. A setter starts with an empty one, so call setters first.
#[derive(Clone)]
pub struct CachedVerifier {
    inner: Arc<dyn Verify>,
    settings: Settings,
    state: Arc<State>,
}

#[derive(Debug, Clone)]
struct Settings {
    max_capacity: usize,
    time_to_live: Duration,
    refusal_time_to_live: Duration,
    clock: Clock,
}

struct State {
    accepted: Cache<Key, Entry<Verified>>,
    refused: Cache<Key, Entry<Refusal>>,
    flights: SingleFlight,
}

#[derive(Clone)]
struct Entry<T> {
    result: T,
    /// `None`: for ever.
    until: Option<Instant>,
    expires_at: Option<SystemTime>,
}

impl CachedVerifier {
    /// The default of [`CachedVerifier::refusal_time_to_live`].
    pub const DEFAULT_REFUSAL_TIME_TO_LIVE: Duration = Duration::from_secs(3);

    /// Caches the results of `inner`.
    pub fn new(inner: impl Verify) -> Self {
        let settings = Settings {
            max_capacity: 10_000,
            time_to_live: Duration::from_secs(300),
            refusal_time_to_live: Self::DEFAULT_REFUSAL_TIME_TO_LIVE,
            clock: Clock::default(),
        };
        let state = Arc::new(State::new(&settings));
        Self {
            inner: Arc::new(inner),
            settings,
            state,
        }
    }

    fn set(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(&mut self.settings);
        self.state = Arc::new(State::new(&self.settings));
        self
    }

    /// Sets the maximum number of accepted credentials in the cache; 10,000 by default.
    ///
    /// # Errors
    ///
    /// The number is 0.
    pub fn max_capacity(self, max: usize) -> Result<Self, ConfigError> {
        let max = positive(max, "max_capacity")?;
        Ok(self.set(|settings| settings.max_capacity = max))
    }

    /// Sets the time for which an accepted credential is cached; 5 minutes by default. During this
    /// time the inner verifier does not notice that a credential is no longer valid.
    #[must_use]
    pub fn time_to_live(self, time_to_live: Duration) -> Self {
        self.set(|settings| settings.time_to_live = time_to_live)
    }

    /// Sets the time for which a refused credential is cached; 3 seconds by default. With zero,
    /// refusals are not cached.
    #[must_use]
    pub fn refusal_time_to_live(self, time_to_live: Duration) -> Self {
        self.set(|settings| settings.refusal_time_to_live = time_to_live)
    }

    /// Sets the clock, for tests.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        self.set(|settings| settings.clock = clock)
    }

    /// Removes all entries.
    pub fn clear(&self) {
        self.state.accepted.invalidate_all();
        self.state.refused.invalidate_all();
    }

    fn find(&self, key: &Key) -> Option<Result<Verified, Refusal>> {
        let clock = &self.settings.clock;
        if let Some(entry) = self.state.accepted.get(key) {
            return entry.is_fresh(clock).then_some(Ok(entry.result));
        }
        let entry = self.state.refused.get(key)?;
        entry.is_fresh(clock).then_some(Err(entry.result))
    }

    fn insert(&self, key: Key, result: &Result<Verified, Refusal>) {
        let until = |time_to_live| self.settings.clock.now().checked_add(time_to_live);
        match result {
            Ok(verified) => {
                let entry = Entry {
                    result: verified.clone(),
                    until: until(self.settings.time_to_live),
                    expires_at: verified.principal().expires_at(),
                };
                self.state.accepted.insert(key, entry);
            }
            Err(refusal) if !refusal.is_unavailable() => {
                // An accepted credential that is refused now is accepted no more.
                self.state.accepted.invalidate(&key);
                let entry = Entry {
                    result: refusal.clone(),
                    until: until(self.settings.refusal_time_to_live),
                    expires_at: None,
                };
                self.state.refused.insert(key, entry);
            }
            Err(_) => {}
        }
    }
}

impl<T> Entry<T> {
    fn is_fresh(&self, clock: &Clock) -> bool {
        let expired = self.expires_at.is_some_and(|at| clock.wall() >= at);
        !expired && self.until.is_none_or(|until| clock.now() < until)
    }
}

impl State {
    fn new(settings: &Settings) -> Self {
        let capacity = u64::try_from(settings.max_capacity).unwrap_or(u64::MAX);
        Self {
            accepted: Cache::new(capacity),
            refused: Cache::new(MAX_REFUSED),
            flights: SingleFlight::default(),
        }
    }
}

impl Verify for CachedVerifier {
    fn verify(&self, credential: &Credential) -> VerifyFuture {
        let key = Key::new(credential, self.inner.generation());
        if let Some(result) = self.find(&key) {
            return Box::pin(ready(result));
        }
        let (this, credential) = (self.clone(), credential.clone());
        Box::pin(async move {
            let verify = async {
                // Another verification may have ended just before this one began.
                if let Some(result) = this.find(&key) {
                    return result;
                }
                let result = this.inner.verify(&credential).await;
                this.insert(key, &result);
                result
            };
            this.state.flights.run(key, verify).await
        })
    }

    fn generation(&self) -> u64 {
        self.inner.generation()
    }
}

impl fmt::Debug for CachedVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedVerifier")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
