//! The keys of an issuer, fetched from it.

use std::{
    fmt,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use mcp_layers_core::{Clock, ConfigError, SystemClock};
use moka::sync::Cache;
use reqwest::Method;
use tokio::{runtime::Handle, sync::watch};

use super::endpoint::{Endpoint, EndpointError};
use crate::{
    KeySet, Refusal,
    verify::jwt::{Answer, Found, UnverifiedToken},
};

/// How many names of keys that an issuer does not have are remembered.
const MAX_ABSENT: u64 = 1024;

/// A JSON web key set that is fetched from its issuer, and fetched again when it must be.
///
/// 1. A token that names an unknown key makes the set be fetched again, once for all who wait, and
///    at most once in each [`RemoteKeySet::cooldown`], whether the fetch succeeded or not. So a
///    rotated key is found without a restart, and tokens with invented keys cause no storm.
/// 2. Names that a fetched set does not have are remembered for a while, and cause no fetch.
/// 3. A set is fetched anew, in the background, at half of its [`RemoteKeySet::max_age`]. When it
///    is that old, the next token waits for a fetch. While fetches fail, the old set is used for
///    [`RemoteKeySet::stale_if_error`] more, without waiting; then nothing is accepted.
/// 4. Without any set, and for an unknown key while fetches fail, the answer is that it cannot be
///    decided now (503).
/// 5. An answer that is no key set, has no key of use, redirects, is too large or too late is a
///    failed fetch. Keys of no use in a set are skipped.
///
/// It needs a tokio runtime. Clones share the keys; a setter begins anew.
#[derive(Clone)]
pub struct RemoteKeySet {
    settings: Settings,
    state: Arc<State>,
}

#[derive(Clone)]
struct Settings {
    endpoint: Endpoint,
    cooldown: Duration,
    max_age: Duration,
    stale_if_error: Duration,
    now: Arc<dyn Fn() -> Instant + Send + Sync>,
}

struct State {
    current: ArcSwapOption<Fetched>,
    refresh: Mutex<Refresh>,
    absent: Cache<Box<str>, Instant>,
}

struct Fetched {
    keys: KeySet,
    at: Instant,
}

#[derive(Default)]
struct Refresh {
    started: Option<Instant>,
    failed: bool,
    /// Closed when the fetch is done, however it ends.
    running: Option<watch::Receiver<()>>,
}

impl RemoteKeySet {
    /// The default of [`RemoteKeySet::cooldown`].
    pub const DEFAULT_COOLDOWN: Duration = Duration::from_secs(10);
    /// The default of [`RemoteKeySet::max_age`].
    pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(600);
    /// The default of [`RemoteKeySet::stale_if_error`].
    pub const DEFAULT_STALE_IF_ERROR: Duration = Duration::from_secs(3600);

    /// The key set at this URL: the `jwks_uri` of the issuer's metadata (RFC 8414, section 2).
    /// Nothing is fetched before the first token.
    ///
    /// # Errors
    ///
    /// The URL is none, or is neither `https` nor `http` to a loopback address.
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        let settings = Settings {
            endpoint: Endpoint::new(url, Duration::from_secs(5), 256 * 1024)?,
            cooldown: Self::DEFAULT_COOLDOWN,
            max_age: Self::DEFAULT_MAX_AGE,
            stale_if_error: Self::DEFAULT_STALE_IF_ERROR,
            now: Arc::new(|| SystemClock::default().now()),
        };
        let state = Arc::new(State::new());
        Ok(Self { settings, state })
    }

    fn set(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(&mut self.settings);
        self.state = Arc::new(State::new());
        self
    }

    /// How long to wait from one fetch to the next; 10 s by default.
    #[must_use]
    pub fn cooldown(self, cooldown: Duration) -> Self {
        self.set(|settings| settings.cooldown = cooldown)
    }

    /// How old a set may become; 10 minutes by default. So long may a key that was withdrawn be
    /// accepted.
    #[must_use]
    pub fn max_age(self, max_age: Duration) -> Self {
        self.set(|settings| settings.max_age = max_age)
    }

    /// For how long beyond its age a set is used while fetches fail; an hour by default.
    #[must_use]
    pub fn stale_if_error(self, limit: Duration) -> Self {
        self.set(|settings| settings.stale_if_error = limit)
    }

    /// How long a fetch may take, from the first byte sent to the last received; 5 s by default.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        self.set(|settings| settings.endpoint.timeout = timeout)
    }

    /// How many bytes a key set may have; 256 KiB by default.
    #[must_use]
    pub fn max_bytes(self, bytes: NonZeroUsize) -> Self {
        self.set(|settings| settings.endpoint.max_bytes = bytes.get())
    }

    /// Where the time is read.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        self.set(|settings| settings.now = Arc::new(move || clock.now()))
    }

    pub(crate) async fn verify(&self, token: &UnverifiedToken<'_>) -> Result<Found, Refusal> {
        let before = self.state.usable(&self.settings);
        if let Some((fetched, age)) = &before {
            let too_old = *age >= self.settings.max_age;
            if too_old && !self.state.refresh().failed {
                self.fetched_anew().await;
                return self.decide(token, None);
            }
            if *age >= self.settings.max_age / 2 {
                self.start_refresh();
            }
            match fetched.keys.verify(token) {
                Answer::Signed => return Ok(Found::Yes),
                Answer::Forged => return Ok(Found::No),
                Answer::Unknown if self.is_absent(token) => return Ok(Found::No),
                Answer::Unknown => {}
            }
        }
        self.fetched_anew().await;
        self.decide(token, before.map(|(fetched, _)| fetched))
    }

    /// Decides with the set that is there now. `tried` is one that does not know the token's key.
    fn decide(
        &self,
        token: &UnverifiedToken<'_>,
        tried: Option<Arc<Fetched>>,
    ) -> Result<Found, Refusal> {
        let Some((fetched, _)) = self.state.usable(&self.settings) else {
            return Err(self.unavailable("no keys of the issuer are known"));
        };
        let same = tried.is_some_and(|tried| Arc::ptr_eq(&tried, &fetched));
        let answer = if same {
            Answer::Unknown
        } else {
            fetched.keys.verify(token)
        };
        match answer {
            Answer::Signed => Ok(Found::Yes),
            Answer::Forged => Ok(Found::No),
            Answer::Unknown if self.state.refresh().failed => {
                Err(self
                    .unavailable("the issuer's keys cannot be fetched, and this one is unknown"))
            }
            Answer::Unknown => {
                if let Some(id) = &token.key_id {
                    self.state.absent.insert(id.clone(), (self.settings.now)());
                }
                Ok(Found::No)
            }
        }
    }

    /// A name that was not in a set that was fetched not long ago. It is believed for six
    /// cooldowns, so that a key that is announced late is found in the end.
    fn is_absent(&self, token: &UnverifiedToken<'_>) -> bool {
        let Some(id) = &token.key_id else {
            return false;
        };
        let since = self.state.absent.get(id);
        let age = since.map(|since| (self.settings.now)().saturating_duration_since(since));
        age.is_some_and(|age| age < self.settings.cooldown.saturating_mul(6))
    }

    fn unavailable(&self, why: &'static str) -> Refusal {
        let started = self.state.refresh().started;
        let waited = started.map(|at| (self.settings.now)().saturating_duration_since(at));
        let rest = waited.map(|waited| self.settings.cooldown.saturating_sub(waited));
        Refusal::unavailable(rest).because(why)
    }

    /// Waits for a fetch, unless there was one not long ago.
    async fn fetched_anew(&self) {
        if let Some(mut running) = self.start_refresh() {
            // Nothing is ever sent: this ends when the sender is gone.
            let _ = running.changed().await;
        }
    }

    /// Starts a fetch, or finds the one that runs; `None` in the cooldown. It goes on when those
    /// who wait for it are gone.
    fn start_refresh(&self) -> Option<watch::Receiver<()>> {
        let now = (self.settings.now)();
        let mut refresh = self.state.refresh();
        let running = refresh.running.as_ref();
        if let Some(running) = running.filter(|running| running.has_changed().is_ok()) {
            return Some(running.clone());
        }
        let since = refresh.started.map(|at| now.saturating_duration_since(at));
        if since.is_some_and(|since| since < self.settings.cooldown) {
            return None;
        }
        let runtime = Handle::try_current().ok()?;

        let (sender, receiver) = watch::channel(());
        let failed_before = refresh.failed;
        *refresh = Refresh {
            started: Some(now),
            // Until it has ended, what was known of the issuer still holds.
            failed: failed_before,
            running: Some(receiver.clone()),
        };
        drop(refresh);
        let (endpoint, state) = (self.settings.endpoint.clone(), Arc::clone(&self.state));
        runtime.spawn(async move {
            let mut end = RefreshEnd {
                state: &state,
                failed: true,
                _sender: sender,
            };
            if let Ok(keys) = fetch(&endpoint).await {
                state
                    .current
                    .store(Some(Arc::new(Fetched { keys, at: now })));
                end.failed = false;
            }
        });
        Some(receiver)
    }
}

/// Says how a fetch ended, also when its task panics or its runtime ends.
struct RefreshEnd<'a> {
    state: &'a State,
    failed: bool,
    _sender: watch::Sender<()>,
}

impl Drop for RefreshEnd<'_> {
    fn drop(&mut self) {
        self.state.refresh().failed = self.failed;
    }
}

async fn fetch(endpoint: &Endpoint) -> Result<KeySet, EndpointError> {
    let body = endpoint.read(endpoint.request(Method::GET)).await?;
    let text = std::str::from_utf8(&body).map_err(|_| EndpointError::Useless)?;
    KeySet::from_jwks(text).map_err(|_| EndpointError::Useless)
}

impl State {
    fn new() -> Self {
        Self {
            current: ArcSwapOption::empty(),
            refresh: Mutex::default(),
            absent: Cache::new(MAX_ABSENT),
        }
    }

    /// The set, with its age, unless it is too old for everything.
    fn usable(&self, settings: &Settings) -> Option<(Arc<Fetched>, Duration)> {
        let fetched = self.current.load_full()?;
        let age = (settings.now)().saturating_duration_since(fetched.at);
        let limit = settings.max_age.saturating_add(settings.stale_if_error);
        (age < limit).then_some((fetched, age))
    }

    fn refresh(&self) -> MutexGuard<'_, Refresh> {
        self.refresh.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for RemoteKeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeySet")
            .field("endpoint", &self.settings.endpoint)
            .field("cooldown", &self.settings.cooldown)
            .field("max_age", &self.settings.max_age)
            .field("stale_if_error", &self.settings.stale_if_error)
            .finish_non_exhaustive()
    }
}
