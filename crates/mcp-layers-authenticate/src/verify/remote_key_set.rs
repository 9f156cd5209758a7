//! The key set of an issuer, fetched over HTTPS.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, Instant},
};

use mcp_layers_core::{BoxError, Clock, ConfigError};
use moka::sync::Cache;
use reqwest::Method;
use tokio::{runtime::Handle, sync::watch};
use tracing::warn;

use super::Refusal;
use super::endpoint::{Endpoint, Schemes, endpoint_setters};
use super::jwt::{KeySet, Match, Token};
use crate::positive::positive;

/// The maximum number of key ids that are remembered as absent.
const MAX_ABSENT: u64 = 1024;

/// A JSON web key set (JWKS) that is fetched from its issuer and kept fresh.
///
/// 1. A token with an unknown key id causes a fetch, one for all tokens that wait, and at most one in
///    each [`RemoteKeySet::cooldown`], whether the fetch succeeds or fails. So a rotated key is found
///    without a restart, and tokens with invented key ids cause no storm of requests.
/// 2. Key ids that a fetched set does not contain are remembered for six cooldowns and cause no
///    fetch during that time.
/// 3. A set is fetched again in the background at half of its [`RemoteKeySet::max_age`]. At its
///    full age, the next token waits for a fetch. While fetches fail, the old set is used for
///    [`RemoteKeySet::stale_if_error`] more; then nothing is accepted.
/// 4. Without any set, and for an unknown key id while fetches fail, the verifier is unavailable
///    (503).
/// 5. A response that is not a key set, has no usable key, redirects, or is too large or too late
///    is a failed fetch. Unusable keys in a set are skipped.
///
/// It needs a tokio runtime. Clones share the keys. A setter starts without keys, so call setters
/// first.
///
/// With a proxy and root certificates of your own:
///
/// ```
/// # use mcp_layers_authenticate::RemoteKeySet;
/// # fn keys(roots_in_pem: &[u8]) -> Result<RemoteKeySet, Box<dyn std::error::Error>> {
/// let client = reqwest::Client::builder()
///     .redirect(reqwest::redirect::Policy::none())
///     .proxy(reqwest::Proxy::all("http://proxy.internal:3128")?)
///     .tls_certs_merge(reqwest::Certificate::from_pem_bundle(roots_in_pem)?)
///     .build()?;
/// Ok(RemoteKeySet::new("https://as.example/keys")?.http_client(client))
/// # }
/// ```
#[derive(Clone)]
pub struct RemoteKeySet {
    settings: Settings,
    state: Arc<State>,
}

#[derive(Debug, Clone)]
struct Settings {
    endpoint: Endpoint,
    cooldown: Duration,
    max_age: Duration,
    stale_if_error: Duration,
    clock: Clock,
}

struct State {
    /// The keys, and the time when they were fetched.
    current: RwLock<Option<(KeySet, Instant)>>,
    refresh: Mutex<Refresh>,
    absent: Cache<Box<str>, Instant>,
}

#[derive(Default)]
struct Refresh {
    started: Option<Instant>,
    failed: bool,
    /// Closed when the fetch ends, in any way.
    running: Option<watch::Receiver<()>>,
}

impl RemoteKeySet {
    /// The default of [`RemoteKeySet::cooldown`].
    pub const DEFAULT_COOLDOWN: Duration = Duration::from_secs(10);

    /// Fetches the key set from this URL, the `jwks_uri` of the issuer's metadata (RFC 8414, section
    /// 2), when the first token arrives.
    ///
    /// # Errors
    ///
    /// The URL is neither `https` nor `http` to a loopback address.
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        Self::build(url, Schemes::Secure)
    }

    /// Fetches the key set **unencrypted**, from an `http` URL of any host. An attacker in the network
    /// can replace the keys and sign tokens for any principal. It is for networks that encrypt all
    /// traffic, such as a service mesh inside a cluster.
    ///
    /// # Errors
    ///
    /// The URL is neither `https` nor `http`.
    pub fn dangerously_over_plain_http(url: &str) -> Result<Self, ConfigError> {
        Self::build(url, Schemes::PlainHttp)
    }

    fn build(url: &str, schemes: Schemes) -> Result<Self, ConfigError> {
        let settings = Settings {
            endpoint: Endpoint::new(url, schemes, 256 * 1024)?,
            cooldown: Self::DEFAULT_COOLDOWN,
            max_age: Duration::from_secs(600),
            stale_if_error: Duration::from_secs(3600),
            clock: Clock::default(),
        };
        let state = Arc::new(State::new());
        Ok(Self { settings, state })
    }

    fn set(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(&mut self.settings);
        self.state = Arc::new(State::new());
        self
    }

    endpoint_setters!();

    /// Sets the minimum time between two fetches; 10 s by default.
    #[must_use]
    pub fn cooldown(self, cooldown: Duration) -> Self {
        self.set(|settings| settings.cooldown = cooldown)
    }

    /// Sets the maximum age of a set; 10 minutes by default. A withdrawn key is accepted until then.
    #[must_use]
    pub fn max_age(self, max_age: Duration) -> Self {
        self.set(|settings| settings.max_age = max_age)
    }

    /// Sets the time beyond its age for which a set is used while fetches fail; 1 hour by default.
    #[must_use]
    pub fn stale_if_error(self, limit: Duration) -> Self {
        self.set(|settings| settings.stale_if_error = limit)
    }

    /// Sets the maximum size of a key set in bytes; 256 KiB by default.
    ///
    /// # Errors
    ///
    /// The size is 0.
    pub fn max_bytes(self, bytes: usize) -> Result<Self, ConfigError> {
        let bytes = positive(bytes, "max_bytes")?;
        Ok(self.set(|settings| settings.endpoint.max_bytes = bytes))
    }

    /// Returns whether a key of the issuer signed the token.
    pub(crate) async fn have_signed(&self, token: &Token<'_>) -> Result<bool, Refusal> {
        if let Some((keys, age)) = self.state.usable(&self.settings) {
            let is_too_old = age >= self.settings.max_age && !self.state.refresh().failed;
            if age >= self.settings.max_age / 2 && !is_too_old {
                self.start_fetch();
            }
            let found = (!is_too_old).then(|| keys.verify(token));
            match found {
                Some(Match::Signed) => return Ok(true),
                Some(Match::Forged) => return Ok(false),
                Some(Match::Unknown) if self.is_absent(token) => return Ok(false),
                Some(Match::Unknown) | None => {}
            }
        }
        if let Some(mut running) = self.start_fetch() {
            // Nothing is sent: this returns when the sender is dropped.
            let _ = running.changed().await;
        }
        let Some((keys, _)) = self.state.usable(&self.settings) else {
            return Err(self.unavailable("the issuer's keys are not available"));
        };
        match keys.verify(token) {
            Match::Signed => Ok(true),
            Match::Forged => Ok(false),
            Match::Unknown if self.state.refresh().failed => {
                Err(self.unavailable("an unknown key, and the issuer's keys cannot be fetched"))
            }
            Match::Unknown => {
                if let Some(id) = &token.key_id {
                    let now = self.settings.clock.now();
                    self.state.absent.insert(id.clone(), now);
                }
                Ok(false)
            }
        }
    }

    /// Returns whether a recently fetched set lacked the token's key id.
    fn is_absent(&self, token: &Token<'_>) -> bool {
        let since = token
            .key_id
            .as_ref()
            .and_then(|id| self.state.absent.get(id));
        let remembered = self.settings.cooldown.saturating_mul(6);
        since.is_some_and(|since| self.since(since) < remembered)
    }

    fn since(&self, then: Instant) -> Duration {
        self.settings.clock.now().saturating_duration_since(then)
    }

    fn unavailable(&self, cause: &'static str) -> Refusal {
        let started = self.state.refresh().started;
        let rest = started.map(|at| self.settings.cooldown.saturating_sub(self.since(at)));
        Refusal::unavailable(rest).because(cause)
    }

    /// Starts a fetch, or finds the running one. Returns `None` within the cooldown. The fetch
    /// continues when its callers are gone.
    fn start_fetch(&self) -> Option<watch::Receiver<()>> {
        let mut refresh = self.state.refresh();
        let running = refresh.running.as_ref();
        if let Some(running) = running.filter(|running| running.has_changed().is_ok()) {
            return Some(running.clone());
        }
        let now = self.settings.clock.now();
        let since = refresh.started.map(|at| now.saturating_duration_since(at));
        if since.is_some_and(|since| since < self.settings.cooldown) {
            return None;
        }
        let runtime = Handle::try_current().ok()?;

        let (sender, receiver) = watch::channel(());
        // `failed` describes the last fetch until this one ends.
        refresh.started = Some(now);
        refresh.running = Some(receiver.clone());
        drop(refresh);
        let (endpoint, state) = (self.settings.endpoint.clone(), Arc::clone(&self.state));
        runtime.spawn(async move {
            let mut end = FetchEnd {
                state: &state,
                failed: true,
                _sender: sender,
            };
            match fetch(&endpoint).await {
                Ok(keys) => {
                    state.store(keys, now);
                    end.failed = false;
                }
                Err(error) => warn!(?endpoint, ?error, "the issuer's keys could not be fetched"),
            }
        });
        Some(receiver)
    }
}

/// Records the end of a fetch, also when its task panics or its runtime shuts down.
struct FetchEnd<'a> {
    state: &'a State,
    failed: bool,
    _sender: watch::Sender<()>,
}

impl Drop for FetchEnd<'_> {
    fn drop(&mut self) {
        self.state.refresh().failed = self.failed;
    }
}

async fn fetch(endpoint: &Endpoint) -> Result<KeySet, BoxError> {
    let body = endpoint.read(endpoint.request(Method::GET)).await?;
    Ok(KeySet::from_jwks(std::str::from_utf8(&body)?)?)
}

impl State {
    fn new() -> Self {
        Self {
            current: RwLock::default(),
            refresh: Mutex::default(),
            absent: Cache::new(MAX_ABSENT),
        }
    }

    /// Returns the keys with their age, unless they are too old to be used at all.
    fn usable(&self, settings: &Settings) -> Option<(KeySet, Duration)> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let (keys, at) = current.clone()?;
        let age = settings.clock.now().saturating_duration_since(at);
        let limit = settings.max_age.saturating_add(settings.stale_if_error);
        (age < limit).then_some((keys, age))
    }

    fn store(&self, keys: KeySet, at: Instant) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Some((keys, at));
    }

    fn refresh(&self) -> MutexGuard<'_, Refresh> {
        self.refresh.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for RemoteKeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeySet")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
