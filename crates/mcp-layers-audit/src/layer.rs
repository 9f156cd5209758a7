//! The settings.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use mcp_layers_core::{Clock, ConfigError, SystemClock};
use tower_layer::Layer;

use crate::{
    AllowList, Audit, AuditHandle, Key, Sink, TraceId, digest::Digester, handle::Counters,
    service::Shared, stamp::WallClock,
};

/// What happens to requests while a sink takes no records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// Requests are refused with 503 before they run; the lifecycle passes. Where the sink is
    /// durable and fails after a request ran, its answer is replaced by 503: what is not recorded
    /// is not acknowledged.
    Refuse,
    /// Requests run, and their answers wait for room this long at most; then the record is dropped
    /// and counted. Needs tokio's time driver.
    Wait(Duration),
    /// Requests run; a record that finds no room is dropped and counted.
    Drop,
}

/// Records who did what, with which outcome.
///
/// All services that a layer makes, their clones and the layer's clones share the sinks, the
/// numbering and the [`AuditHandle`].
#[derive(Clone)]
pub struct AuditLayer<C = SystemClock> {
    settings: Settings,
    counters: Arc<Counters>,
    clock: C,
}

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) sinks: Vec<Arc<dyn Sink>>,
    pub(crate) trouble: Trouble,
    pub(crate) digester: Digester,
    pub(crate) digest_arguments: bool,
    pub(crate) digest_results: bool,
    pub(crate) arguments: Option<AllowList>,
    pub(crate) originals: bool,
    pub(crate) sizes: bool,
    pub(crate) trace_id: Option<Arc<dyn Fn() -> Option<TraceId> + Send + Sync>>,
    pub(crate) wall_clock: WallClock,
}

impl AuditLayer {
    /// Records to a sink; in trouble, requests are refused.
    ///
    /// # Errors
    /// The operating system gives no random bytes, of which the key for digests is made as long as
    /// [`AuditLayer::key`] sets no other.
    pub fn new(sink: impl Sink) -> Result<Self, ConfigError> {
        let settings = Settings {
            sinks: vec![Arc::new(sink)],
            trouble: Trouble::Refuse,
            digester: Digester::new(&Key::random()?),
            digest_arguments: false,
            digest_results: false,
            arguments: None,
            originals: false,
            sizes: false,
            trace_id: None,
            wall_clock: Arc::new(SystemTime::now),
        };
        Ok(Self {
            settings,
            counters: Arc::default(),
            clock: SystemClock::default(),
        })
    }
}

impl<C> AuditLayer<C> {
    /// Records to one more sink. A record counts as safe when all sinks have it.
    #[must_use]
    pub fn also(mut self, sink: impl Sink) -> Self {
        self.settings.sinks.push(Arc::new(sink));
        self
    }

    /// What happens to requests while a sink takes no records; by default they are refused.
    #[must_use]
    pub fn on_trouble(mut self, trouble: Trouble) -> Self {
        self.settings.trouble = trouble;
        self
    }

    /// Digests arguments with this key, and session ids, task ids, cursors and the parameters of
    /// continuations too. Equal inputs then have equal digests in all processes that have the key.
    /// Without it, arguments are not digested, and the others with a key of this layer alone.
    #[must_use]
    pub fn key(mut self, key: &Key) -> Self {
        self.settings.digester = Digester::new(key);
        self.settings.digest_arguments = true;
        self
    }

    /// Whether results, and errors as the caller gets them, are digested; by default they are not.
    /// It costs as much as sending them.
    #[must_use]
    pub fn digest_results(mut self, digest: bool) -> Self {
        self.settings.digest_results = digest;
        self
    }

    /// Records the argument values on this list; by default none is.
    #[must_use]
    pub fn arguments(mut self, list: AllowList) -> Self {
        self.settings.arguments = Some(list);
        self
    }

    /// Whether errors are recorded as they were before they were masked, and what panics and
    /// failures said; by default only the error id is. They can contain anything.
    #[must_use]
    pub fn originals(mut self, record: bool) -> Self {
        self.settings.originals = record;
        self
    }

    /// Whether the sizes of arguments and answers are recorded; by default they are not. It can
    /// cost as much as sending them.
    #[must_use]
    pub fn sizes(mut self, record: bool) -> Self {
        self.settings.sizes = record;
        self
    }

    /// Where the trace of a request is asked for before `params._meta.traceparent`: the ambient
    /// span, as a rule. Called in `call`.
    #[must_use]
    pub fn trace_id(
        mut self,
        current: impl Fn() -> Option<TraceId> + Send + Sync + 'static,
    ) -> Self {
        self.settings.trace_id = Some(Arc::new(current));
        self
    }

    /// Reads durations elsewhere; the default is the operating system's monotonic clock.
    #[must_use]
    pub fn clock<C2: Clock>(self, clock: C2) -> AuditLayer<C2> {
        AuditLayer {
            settings: self.settings,
            counters: self.counters,
            clock,
        }
    }

    /// Reads the time of day elsewhere, once a second; the default is the operating system's.
    #[must_use]
    pub fn wall_clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.settings.wall_clock = Arc::new(now);
        self
    }

    /// What operators ask: how many records, how many are missing, whether there is trouble.
    #[must_use]
    pub fn handle(&self) -> AuditHandle {
        AuditHandle::new(Arc::clone(&self.counters))
    }
}

impl<S, C: Clock> Layer<S> for AuditLayer<C> {
    type Service = Audit<S, C>;

    fn layer(&self, inner: S) -> Audit<S, C> {
        let shared = Shared::new(
            self.settings.clone(),
            Arc::clone(&self.counters),
            self.clock.now(),
        );
        Audit::new(inner, Arc::new(shared), self.clock.clone())
    }
}

impl<C> fmt::Debug for AuditLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLayer")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("sinks", &self.sinks.len())
            .field("trouble", &self.trouble)
            .field("digest_arguments", &self.digest_arguments)
            .field("digest_results", &self.digest_results)
            .field("arguments", &self.arguments)
            .field("originals", &self.originals)
            .field("sizes", &self.sizes)
            .finish_non_exhaustive()
    }
}
