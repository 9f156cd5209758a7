//! Credentials that were verified before.

use std::{
    fmt,
    hash::{BuildHasher, Hasher},
    num::NonZeroU64,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant, SystemTime},
};

use mcp_layers_core::SystemClock;
use moka::sync::Cache;
use pin_project_lite::pin_project;

use super::{Credential, Refusal, Verified, Verify, WallClock};

/// Remembers what another verifier accepted.
///
/// 1. The key is the SHA-256 digest of the credential; the credential itself is not kept.
/// 2. What is remembered is used for [`CachedVerifier::time_to_live`], and never when its expiry
///    has come: then the inner verifier is asked, which may allow some leeway.
/// 3. Refusals are not remembered.
/// 4. At most [`CachedVerifier::max_capacity`] credentials are remembered.
///
/// Revocation is [`Revocable`](super::Revocable)'s: around this one, it is asked on hits too.
/// Clones share what is remembered; a setter begins anew.
#[derive(Clone)]
pub struct CachedVerifier<V, C = SystemClock> {
    inner: V,
    seen: Cache<Key, Seen, TakeEight>,
    max_capacity: NonZeroU64,
    time_to_live: Duration,
    clock: C,
}

/// How the credential was presented is not part of the key: a verifier that tells the two apart
/// must not be asked about one and answer for the other, so that it is.
type Key = (super::Presented, [u8; 32]);

#[derive(Clone)]
struct Seen {
    verified: Verified,
    expires_at: Option<SystemTime>,
    until: Instant,
}

impl<V: Verify> CachedVerifier<V> {
    /// The default of [`CachedVerifier::max_capacity`].
    pub const DEFAULT_MAX_CAPACITY: NonZeroU64 = NonZeroU64::MIN.saturating_add(9_999);
    /// The default of [`CachedVerifier::time_to_live`].
    pub const DEFAULT_TIME_TO_LIVE: Duration = Duration::from_secs(300);

    /// Remembers what `inner` accepts.
    pub fn new(inner: V) -> Self {
        Self::build(
            inner,
            Self::DEFAULT_MAX_CAPACITY,
            Self::DEFAULT_TIME_TO_LIVE,
            SystemClock::default(),
        )
    }
}

impl<V: Verify, C: WallClock> CachedVerifier<V, C> {
    fn build(inner: V, max_capacity: NonZeroU64, time_to_live: Duration, clock: C) -> Self {
        let seen = Cache::builder()
            .max_capacity(max_capacity.get())
            .build_with_hasher(TakeEight);
        Self {
            inner,
            seen,
            max_capacity,
            time_to_live,
            clock,
        }
    }

    /// How many credentials are remembered at most; 10,000 by default.
    #[must_use]
    pub fn max_capacity(self, max_capacity: NonZeroU64) -> Self {
        Self::build(self.inner, max_capacity, self.time_to_live, self.clock)
    }

    /// How long a credential is remembered at most; 5 minutes by default. So long may pass until
    /// the inner verifier learns that a credential without expiry is good no more.
    #[must_use]
    pub fn time_to_live(self, time_to_live: Duration) -> Self {
        Self::build(self.inner, self.max_capacity, time_to_live, self.clock)
    }

    /// Where the time is read.
    #[must_use]
    pub fn clock<D: WallClock>(self, clock: D) -> CachedVerifier<V, D> {
        CachedVerifier::build(self.inner, self.max_capacity, self.time_to_live, clock)
    }

    /// Forgets everything.
    pub fn forget_all(&self) {
        self.seen.invalidate_all();
    }

    fn find(&self, key: &Key) -> Option<Verified> {
        let seen = self.seen.get(key)?;
        let expired = seen.expires_at.is_some_and(|at| self.clock.wall() >= at);
        (!expired && self.clock.now() < seen.until).then_some(seen.verified)
    }
}

impl<V: Verify, C: WallClock> Verify for CachedVerifier<V, C> {
    type Future = CachedFuture<V::Future, C>;

    fn verify(&self, credential: &Credential) -> Self::Future {
        let key = (credential.presented(), credential.digest());
        let state = match self.find(&key) {
            Some(verified) => State::Hit {
                verified: Some(verified),
            },
            None => State::Miss {
                future: self.inner.verify(credential),
                key,
                seen: self.seen.clone(),
                time_to_live: self.time_to_live,
                clock: self.clock.clone(),
            },
        };
        CachedFuture { state }
    }
}

pin_project! {
    /// The future of [`CachedVerifier`].
    pub struct CachedFuture<F, C> {
        #[pin]
        state: State<F, C>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, C> {
        Hit {
            verified: Option<Verified>,
        },
        Miss {
            #[pin]
            future: F,
            key: Key,
            seen: Cache<Key, Seen, TakeEight>,
            time_to_live: Duration,
            clock: C,
        },
    }
}

impl<F, C> Future for CachedFuture<F, C>
where
    F: Future<Output = Result<Verified, Refusal>>,
    C: WallClock,
{
    type Output = F::Output;

    /// Polled again after it was ready, a hit stays pending.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Hit { verified } => verified
                .take()
                .map_or(Poll::Pending, |verified| Poll::Ready(Ok(verified))),
            StateProjection::Miss {
                future,
                key,
                seen,
                time_to_live,
                clock,
            } => {
                let verified = ready!(future.poll(cx))?;
                if let Some(until) = clock.now().checked_add(*time_to_live) {
                    let expires_at = verified.principal().expires_at();
                    let verified = verified.clone();
                    let entry = Seen {
                        verified,
                        expires_at,
                        until,
                    };
                    seen.insert(*key, entry);
                }
                Poll::Ready(Ok(verified))
            }
        }
    }
}

impl<V: fmt::Debug, C> fmt::Debug for CachedVerifier<V, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedVerifier")
            .field("inner", &self.inner)
            .field("max_capacity", &self.max_capacity)
            .field("time_to_live", &self.time_to_live)
            .finish_non_exhaustive()
    }
}

impl<F, C> fmt::Debug for CachedFuture<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedFuture").finish_non_exhaustive()
    }
}

/// The last eight bytes of a digest are as good a hash of it as any: who wants many credentials
/// that collide in them must have an issuer that signs them.
#[derive(Debug, Clone, Copy, Default)]
struct TakeEight;

#[derive(Debug, Default)]
struct Eight(u64);

impl BuildHasher for TakeEight {
    type Hasher = Eight;

    fn build_hasher(&self) -> Eight {
        Eight(0)
    }
}

impl Hasher for Eight {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.last_chunk() {
            self.0 ^= u64::from_le_bytes(*last);
        }
    }

    fn write_isize(&mut self, kind: isize) {
        self.0 ^= kind.unsigned_abs() as u64;
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
