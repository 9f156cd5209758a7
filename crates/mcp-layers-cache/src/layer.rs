//! The settings.

use std::{
    fmt,
    num::{NonZeroU32, NonZeroU64},
    sync::{Arc, OnceLock},
    time::Duration,
};

use mcp_layers_core::{CacheHint, Clock, ConfigError, Method, SystemClock, ToolHints};
use tower_layer::Layer;

use crate::{
    AuthorizationContext, Cache, CacheHandle, CacheStore, Freshness,
    rule::Rules,
    state::{Settings, State},
};

/// Answers MCP requests again without asking again.
///
/// All services that a layer makes, their clones, the layer's clones and its [`CacheHandle`] share
/// one memory. A setter begins a new one, so that the handle is to be taken last.
pub struct CacheLayer<C = SystemClock> {
    settings: Settings,
    clock: C,
    state: OnceLock<Arc<State>>,
}

impl CacheLayer {
    /// The protocol's caching: `server/discover`, the lists and `resources/read`, by the hints of
    /// their results. Nothing else is cached.
    #[must_use]
    pub fn new() -> Self {
        Self {
            settings: Settings {
                rules: Rules::default(),
                context: AuthorizationContext::default(),
                max_bytes: Self::DEFAULT_MAX_BYTES.get(),
                max_entries: Self::DEFAULT_MAX_ENTRIES.get(),
                max_entry_bytes: Self::DEFAULT_MAX_ENTRY_BYTES.get(),
                max_time_to_live: Self::DEFAULT_MAX_TIME_TO_LIVE,
                while_revalidate: Duration::ZERO,
                if_error: Duration::ZERO,
                capabilities_matter: true,
                updates_are_prefixes: false,
                meta: false,
                store: None,
            },
            clock: SystemClock::default(),
            state: OnceLock::new(),
        }
    }

    /// How many bytes there are unless [`CacheLayer::max_bytes`] says otherwise: 64 MiB.
    pub const DEFAULT_MAX_BYTES: NonZeroU64 = NonZeroU64::MIN.saturating_add((64 << 20) - 1);

    /// How many entries there are unless [`CacheLayer::max_entries`] says otherwise: 65,536.
    pub const DEFAULT_MAX_ENTRIES: NonZeroU64 = NonZeroU64::MIN.saturating_add((1 << 16) - 1);

    /// How large an entry may be unless [`CacheLayer::max_entry_bytes`] says otherwise: 1 MiB.
    pub const DEFAULT_MAX_ENTRY_BYTES: NonZeroU32 = NonZeroU32::MIN.saturating_add((1 << 20) - 1);

    /// How long an answer is fresh at most unless [`CacheLayer::max_time_to_live`] says otherwise: a
    /// day.
    pub const DEFAULT_MAX_TIME_TO_LIVE: Duration = Duration::from_secs(24 * 60 * 60);
}

impl Default for CacheLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Clock> CacheLayer<C> {
    /// Overrides the hints of every result of a method that the protocol calls cacheable. A
    /// freshness of zero turns caching off for it.
    ///
    /// # Errors
    /// The protocol does not call the method's results cacheable.
    pub fn override_for(
        self,
        method: Method<'static>,
        freshness: impl Into<Freshness>,
    ) -> Result<Self, ConfigError> {
        let mut result = Ok(());
        let layer = self.set(|settings| {
            result = settings.rules.set_method(method, freshness.into());
        });
        result.map(|()| layer)
    }

    /// Overrides the hints of one resource, by its exact uri; goes before
    /// [`CacheLayer::override_for`].
    #[must_use]
    pub fn resource(self, uri: impl AsRef<str>, freshness: impl Into<Freshness>) -> Self {
        self.set(|settings| settings.rules.set_resource(uri.as_ref(), freshness.into()))
    }

    /// Caches the results of a tool, by its exact name. Whoever declares it says that a call
    /// changes nothing and may be answered from memory. Unless the freshness says otherwise, the
    /// results are private.
    #[must_use]
    pub fn tool(self, name: impl AsRef<str>, freshness: impl Into<Freshness>) -> Self {
        self.set(|settings| settings.rules.set_tool(name.as_ref(), freshness.into()))
    }

    /// Caches the results of every tool that the table has as read-only *and* idempotent. Hints are
    /// claims of the server: giving the table says that they are trusted.
    #[must_use]
    pub fn trust_hints(self, hints: ToolHints, freshness: impl Into<Freshness>) -> Self {
        self.set(|settings| settings.rules.trust(hints, freshness.into()))
    }

    /// Caches the results of a prompt, by its exact name; private unless the freshness says
    /// otherwise.
    #[must_use]
    pub fn prompt(self, name: impl AsRef<str>, freshness: impl Into<Freshness>) -> Self {
        self.set(|settings| settings.rules.set_prompt(name.as_ref(), freshness.into()))
    }

    /// Caches the completions for a prompt, by its name, or for a resource template, by its uri;
    /// private unless the freshness says otherwise.
    #[must_use]
    pub fn completion(self, reference: impl AsRef<str>, freshness: impl Into<Freshness>) -> Self {
        self.set(|settings| {
            settings
                .rules
                .set_completion(reference.as_ref(), freshness.into());
        })
    }

    /// Writes a caching hint into the method's results that have none, or one of 0 ms, so that
    /// clients and this layer cache by it. Only answers to requests of 2026-07-28 and later have
    /// it.
    ///
    /// # Errors
    /// The protocol does not call the method's results cacheable.
    pub fn stamp(self, method: Method<'static>, hint: CacheHint) -> Result<Self, ConfigError> {
        let mut result = Ok(());
        let layer = self.set(|settings| result = settings.rules.set_stamp(method, hint));
        result.map(|()| layer)
    }

    /// What an authorization context is: the credential by default.
    #[must_use]
    pub fn context(self, context: AuthorizationContext) -> Self {
        self.set(|settings| settings.context = context)
    }

    /// How many bytes all entries have together, keys included; 64 MiB by default.
    #[must_use]
    pub fn max_bytes(self, bytes: NonZeroU64) -> Self {
        self.set(|settings| settings.max_bytes = bytes.get())
    }

    /// How many entries there are; 65,536 by default. An entry counts as at least its share of the
    /// bytes, `max_bytes / max_entries`.
    #[must_use]
    pub fn max_entries(self, entries: NonZeroU64) -> Self {
        self.set(|settings| settings.max_entries = entries.get())
    }

    /// How large an entry may be, its key included; 1 MiB by default. What is larger passes.
    #[must_use]
    pub fn max_entry_bytes(self, bytes: NonZeroU32) -> Self {
        self.set(|settings| settings.max_entry_bytes = bytes.get())
    }

    /// How long an answer is fresh at most, whatever a hint says; a day by default.
    #[must_use]
    pub fn max_time_to_live(self, time: Duration) -> Self {
        self.set(|settings| settings.max_time_to_live = time)
    }

    /// For how long after it became stale an answer is served to others while one caller asks for a
    /// new one; not at all by default. That caller waits: the layer has no tasks of its own.
    #[must_use]
    pub fn stale_while_revalidate(self, window: Duration) -> Self {
        self.set(|settings| settings.while_revalidate = window)
    }

    /// For how long after it became stale an answer is served when the inner service fails; not at
    /// all by default. A failure is an error that is not the caller's ([`ByCode`]), and the inner
    /// service's own error.
    ///
    /// [`ByCode`]: mcp_layers_core::ByCode
    #[must_use]
    pub fn stale_if_error(self, window: Duration) -> Self {
        self.set(|settings| settings.if_error = window)
    }

    /// The answers are the same whatever the client's capabilities are, so that these do not belong
    /// into keys. By default they do.
    #[must_use]
    pub fn ignore_capabilities(self) -> Self {
        self.set(|settings| settings.capabilities_matter = false)
    }

    /// `notifications/resources/updated` is about every resource whose uri begins with the one it
    /// names. By default it is about that one.
    #[must_use]
    pub fn updates_are_prefixes(self) -> Self {
        self.set(|settings| settings.updates_are_prefixes = true)
    }

    /// Says what the cache did in the `_meta` of results too, under
    /// [`META_KEY`](crate::META_KEY); not by default.
    #[must_use]
    pub fn meta(self, meta: bool) -> Self {
        self.set(|settings| settings.meta = meta)
    }

    /// Adds a second level, which is asked when memory has nothing.
    #[must_use]
    pub fn store(self, store: impl CacheStore) -> Self {
        self.set(|settings| settings.store = Some(Arc::new(store)))
    }

    /// Reads the time elsewhere; the default is the operating system's monotonic clock.
    #[must_use]
    pub fn clock<C2: Clock>(self, clock: C2) -> CacheLayer<C2> {
        CacheLayer {
            settings: self.settings,
            clock,
            state: OnceLock::new(),
        }
    }

    /// The handle with which the cache is emptied and watched.
    #[must_use]
    pub fn handle(&self) -> CacheHandle {
        CacheHandle::new(Arc::clone(self.state()))
    }

    fn set(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(&mut self.settings);
        self.state = OnceLock::new();
        self
    }
}

impl<C> CacheLayer<C> {
    fn state(&self) -> &Arc<State> {
        self.state
            .get_or_init(|| Arc::new(State::new(self.settings.clone())))
    }
}

impl<S, C: Clock> Layer<S> for CacheLayer<C> {
    type Service = Cache<S, C>;

    fn layer(&self, inner: S) -> Cache<S, C> {
        Cache::new(inner, Arc::clone(self.state()), self.clock.clone())
    }
}

impl<C: Clone> Clone for CacheLayer<C> {
    fn clone(&self) -> Self {
        Self {
            settings: self.settings.clone(),
            clock: self.clock.clone(),
            state: OnceLock::from(Arc::clone(self.state())),
        }
    }
}

impl<C> fmt::Debug for CacheLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheLayer")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
