//! The layer.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use mcp_layers_core::{Clock, ConfigError, Method, ToolPattern, response::CacheHint};
use tower_layer::Layer;

use crate::{
    AuthorizationContext, Cache, CacheHandle, CacheStore, Freshness, key::VaryBy, rules::Rules,
    settings::Settings, state::State,
};

/// A layer that caches results of MCP requests.
///
/// All services of a layer, their clones, the layer's clones and its [`CacheHandle`] share one
/// cache. Set everything first, then take the handle: a setter on a layer that has already made a
/// handle or a service panics, because it could not reach that cache. A setter on a clone is fine:
/// the clone then has a cache of its own.
pub struct CacheLayer {
    settings: Settings,
    state: OnceLock<Arc<State>>,
    /// Set when this value, and not only a clone of it, has made a handle or a service.
    in_use: OnceLock<()>,
}

impl CacheLayer {
    /// Creates a layer with the protocol's caching: `server/discover`, the lists and
    /// `resources/read`, by the hints in their results. Nothing else is cached.
    #[must_use]
    pub fn new() -> Self {
        Self {
            settings: Settings {
                rules: Rules::default(),
                context: AuthorizationContext::default(),
                max_capacity: Self::DEFAULT_MAX_CAPACITY,
                max_entries: Self::DEFAULT_MAX_ENTRIES,
                max_entry_bytes: Self::DEFAULT_MAX_ENTRY_BYTES,
                max_time_to_live: Self::DEFAULT_MAX_TIME_TO_LIVE,
                max_wait: Self::DEFAULT_MAX_WAIT,
                stale_while_revalidate: Duration::ZERO,
                stale_if_error: Duration::ZERO,
                vary_by_capabilities: true,
                vary_by_meta: VaryBy::default(),
                updates_are_prefixes: false,
                reports_in_meta: false,
                store: None,
                clock: Clock::system(),
            },
            state: OnceLock::new(),
            in_use: OnceLock::new(),
        }
    }

    /// The default of [`CacheLayer::max_capacity`]: 64 MiB.
    pub const DEFAULT_MAX_CAPACITY: usize = 64 << 20;

    /// The default of [`CacheLayer::max_entries`]: 65,536.
    pub const DEFAULT_MAX_ENTRIES: usize = 1 << 16;

    /// The default of [`CacheLayer::max_entry_bytes`]: 1 MiB.
    pub const DEFAULT_MAX_ENTRY_BYTES: usize = 1 << 20;

    /// The default of [`CacheLayer::max_time_to_live`]: one day.
    pub const DEFAULT_MAX_TIME_TO_LIVE: Duration = Duration::from_secs(24 * 60 * 60);

    /// The default of [`CacheLayer::max_wait`]: 30 seconds.
    pub const DEFAULT_MAX_WAIT: Duration = Duration::from_secs(30);

    /// Overrides the hints in all results of a method that the protocol declares cacheable. A time
    /// to live of zero turns caching off for the method.
    ///
    /// # Errors
    /// If the protocol does not declare the method's results cacheable.
    pub fn override_for(
        mut self,
        method: Method<'static>,
        freshness: impl Into<Freshness>,
    ) -> Result<Self, ConfigError> {
        self.settings().rules.set_method(method, freshness.into())?;
        Ok(self)
    }

    /// Overrides the hints of one resource, by its exact uri. Takes precedence over
    /// [`CacheLayer::override_for`].
    #[must_use]
    pub fn resource(mut self, uri: impl Into<Box<str>>, freshness: impl Into<Freshness>) -> Self {
        let rules = &mut self.settings().rules;
        rules.resources.insert(uri.into(), freshness.into());
        self
    }

    /// Caches the results of a tool, by its exact name or by a prefix such as `db_*`; an exact name
    /// takes precedence over a prefix, and a longer prefix over a shorter one. Declare only tools
    /// whose calls change nothing. Results are private unless the freshness is public.
    ///
    /// # Errors
    /// If the pattern is empty, or has a `*` before its end.
    pub fn tool(
        mut self,
        pattern: &str,
        freshness: impl Into<Freshness>,
    ) -> Result<Self, ConfigError> {
        let pattern = ToolPattern::new(pattern)?;
        self.settings().rules.set_tool(pattern, freshness.into());
        Ok(self)
    }

    /// Caches the results of every tool that the [`Catalog`](mcp_layers_core::Catalog) has as
    /// read-only *and* idempotent. Annotations are claims of the server: set this only for a server
    /// that you trust.
    #[must_use]
    pub fn trust_hints(mut self, freshness: impl Into<Freshness>) -> Self {
        self.settings().rules.trusted = Some(freshness.into());
        self
    }

    /// Caches the results of a prompt, by its exact name. Results are private unless the freshness
    /// is public.
    #[must_use]
    pub fn prompt(mut self, name: impl Into<Box<str>>, freshness: impl Into<Freshness>) -> Self {
        let rules = &mut self.settings().rules;
        rules.prompts.insert(name.into(), freshness.into());
        self
    }

    /// Caches the completions for a prompt, by its name, or for a resource template, by its uri
    /// template. Results are private unless the freshness is public.
    #[must_use]
    pub fn completion(
        mut self,
        reference: impl Into<Box<str>>,
        freshness: impl Into<Freshness>,
    ) -> Self {
        let rules = &mut self.settings().rules;
        rules.completions.insert(reference.into(), freshness.into());
        self
    }

    /// Writes a hint into the method's results that have none, or one of 0 ms, so that clients and
    /// this layer cache them. Results for protocol versions before 2026-07-28 carry no hints.
    ///
    /// # Errors
    /// If the protocol does not declare the method's results cacheable.
    pub fn default_hint(
        mut self,
        method: Method<'static>,
        hint: CacheHint,
    ) -> Result<Self, ConfigError> {
        self.settings().rules.set_default_hint(method, hint)?;
        Ok(self)
    }

    /// Sets the authorization context of private results; the credential by default.
    #[must_use]
    pub fn context(mut self, context: AuthorizationContext) -> Self {
        self.settings().context = context;
        self
    }

    /// Sets the bytes of all entries together, keys included; 64 MiB by default.
    ///
    /// # Errors
    /// If it is zero.
    pub fn max_capacity(mut self, bytes: usize) -> Result<Self, ConfigError> {
        self.settings().max_capacity = positive("max_capacity", bytes)?;
        Ok(self)
    }

    /// Sets the number of entries; 65,536 by default. An entry counts as at least
    /// `max_capacity / max_entries` bytes.
    ///
    /// # Errors
    /// If it is zero.
    pub fn max_entries(mut self, entries: usize) -> Result<Self, ConfigError> {
        self.settings().max_entries = positive("max_entries", entries)?;
        Ok(self)
    }

    /// Sets the bytes of the largest entry, its key included; 1 MiB by default. Larger results are
    /// not stored.
    ///
    /// # Errors
    /// If it is zero.
    pub fn max_entry_bytes(mut self, bytes: usize) -> Result<Self, ConfigError> {
        self.settings().max_entry_bytes = positive("max_entry_bytes", bytes)?;
        Ok(self)
    }

    /// Sets the longest time to live, for hints and settings alike; one day by default.
    #[must_use]
    pub fn max_time_to_live(mut self, time: Duration) -> Self {
        self.settings().max_time_to_live = time;
        self
    }

    /// Sets the longest time that a request waits for another one with the same key before it runs
    /// itself; 30 seconds by default. Needs a tokio runtime with timers.
    #[must_use]
    pub fn max_wait(mut self, time: Duration) -> Self {
        self.settings().max_wait = time;
        self
    }

    /// Serves a stale entry for this long while another request fetches a new one; off by default.
    /// The request that fetches it waits, because the layer spawns no tasks.
    #[must_use]
    pub fn stale_while_revalidate(mut self, window: Duration) -> Self {
        self.settings().stale_while_revalidate = window;
        self
    }

    /// Serves a stale entry for this long when the inner service fails; off by default. Failures are
    /// errors that are not the caller's ([`ByCode`]), and the inner service's own error.
    ///
    /// [`ByCode`]: mcp_layers_core::ByCode
    #[must_use]
    pub fn stale_if_error(mut self, window: Duration) -> Self {
        self.settings().stale_if_error = window;
        self
    }

    /// Leaves the client's capabilities out of the key, for servers whose results do not depend on
    /// them. By default they are a part of it.
    #[must_use]
    pub fn ignore_capabilities(mut self) -> Self {
        self.settings().vary_by_capabilities = false;
        self
    }

    /// Sets the keys of `params._meta` that are a part of the key, instead of all that may change a
    /// result. `vary_by_meta([])` leaves `_meta` out.
    ///
    /// By default everything in `_meta` counts, except what never changes a result: `progressToken`,
    /// trace context (`traceparent`, `tracestate`, `baggage`), `io.modelcontextprotocol/logLevel`,
    /// `io.modelcontextprotocol/clientInfo`, which servers must not rely on, and the protocol version
    /// and client capabilities, which the key has anyway.
    #[must_use]
    pub fn vary_by_meta<N: Into<Box<str>>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        self.settings().vary_by_meta = VaryBy::Only(names);
        self
    }

    /// Takes `notifications/resources/updated` as an update of every resource whose uri begins with
    /// the given one. By default it is an update of that one.
    #[must_use]
    pub fn updates_are_prefixes(mut self) -> Self {
        self.settings().updates_are_prefixes = true;
        self
    }

    /// Reports hits and misses in the `_meta` of results, too, under
    /// [`META_KEY`](crate::META_KEY); off by default.
    #[must_use]
    pub fn report_in_meta(mut self) -> Self {
        self.settings().reports_in_meta = true;
        self
    }

    /// Adds a second level: a store that is looked up when memory has no entry.
    #[must_use]
    pub fn store(mut self, store: impl CacheStore) -> Self {
        self.settings().store = Some(Arc::new(store));
        self
    }

    /// Sets the clock; the system's by default.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.settings().clock = clock;
        self
    }

    /// Returns the handle for invalidation and counters.
    #[must_use]
    pub fn handle(&self) -> CacheHandle {
        self.in_use.get_or_init(|| ());
        CacheHandle(Arc::clone(self.state()))
    }

    fn state(&self) -> &Arc<State> {
        self.state
            .get_or_init(|| Arc::new(State::new(self.settings.clone())))
    }

    /// The settings, to be changed.
    #[track_caller]
    fn settings(&mut self) -> &mut Settings {
        assert!(
            self.in_use.get().is_none(),
            "a cache layer was changed after it had made a handle or a service"
        );
        self.state = OnceLock::new();
        &mut self.settings
    }
}

fn positive(name: &str, value: usize) -> Result<usize, ConfigError> {
    if value == 0 {
        return Err(ConfigError::new(format!("{name} must not be zero")));
    }
    Ok(value)
}

impl Default for CacheLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for CacheLayer {
    type Service = Cache<S>;

    fn layer(&self, inner: S) -> Cache<S> {
        Cache::new(inner, self.handle())
    }
}

impl Clone for CacheLayer {
    fn clone(&self) -> Self {
        Self {
            settings: self.settings.clone(),
            state: OnceLock::from(Arc::clone(self.state())),
            in_use: OnceLock::new(),
        }
    }
}

impl fmt::Debug for CacheLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheLayer")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
