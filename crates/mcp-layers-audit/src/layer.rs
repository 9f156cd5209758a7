//! The layer and its setters.

use std::sync::Arc;

use mcp_layers_audit_log::{Digester, Key};
use mcp_layers_core::{Clock, ConfigError};
use tower_layer::Layer;

use crate::{
    AllowList, Audit, AuditHandle, OverflowPolicy, Sink, TraceId, handle::Counters, opaque::Opaque,
    settings::Settings, share::Shares, state::Shared,
};

/// Records who did what, with which outcome.
///
/// All services of a layer, their clones and the layer's clones share the sinks, the numbering, the
/// shares of callers and the [`AuditHandle`].
#[derive(Debug, Clone)]
pub struct AuditLayer {
    settings: Settings,
    counters: Arc<Counters>,
    shares: Arc<Shares>,
}

impl AuditLayer {
    /// Records to a sink. While it takes no records, requests are refused.
    ///
    /// # Errors
    /// The operating system provides no random bytes for the key of digests, which is used unless
    /// [`AuditLayer::key`] sets another.
    pub fn new(sink: impl Sink) -> Result<Self, ConfigError> {
        Ok(Self {
            settings: Settings::new(sink)?,
            counters: Arc::default(),
            shares: Arc::default(),
        })
    }

    /// Records to one more sink. A record is safe when all sinks have it.
    #[must_use]
    pub fn also(mut self, sink: impl Sink) -> Self {
        self.settings.sinks.push(Opaque(Arc::new(sink)));
        self
    }

    /// Sets what happens to requests while a sink takes no records; by default they are refused.
    #[must_use]
    pub fn on_overflow(mut self, policy: OverflowPolicy) -> Self {
        self.settings.overflow = policy;
        self
    }

    /// Sets how many requests of one caller may be under way, or wait for their record to be written;
    /// by default a quarter of the smallest sink's room. More are refused with 503, reason
    /// `audit_share`, or run with a dropped record, as [`AuditLayer::on_overflow`] says. A caller is a
    /// verified principal, otherwise a client address; a local client has neither, and no such bound.
    ///
    /// # Errors
    /// Zero.
    pub fn max_per_caller(mut self, requests: usize) -> Result<Self, ConfigError> {
        if requests == 0 {
            return Err(ConfigError::new("max_per_caller must be at least 1"));
        }
        self.settings.max_per_caller = Some(requests);
        Ok(self)
    }

    /// Refuses `tools/call` with a tool result that has `isError: true`, which models read, in the
    /// place of a protocol error.
    #[must_use]
    pub fn as_tool_error(mut self) -> Self {
        self.settings.refusal = self.settings.refusal.as_tool_error();
        self
    }

    /// Digests arguments with this key, in addition to session ids, task ids, cursors and the
    /// parameters of continuations. Equal inputs then have equal digests in all processes that have
    /// the key. Without it, arguments are not digested, and the others with a key of this layer only.
    #[must_use]
    pub fn key(mut self, key: &Key) -> Self {
        self.settings.digester = Digester::new(key);
        self.settings.digest_arguments = true;
        self
    }

    /// Digests results, and errors as the caller gets them. It costs as much as sending them.
    #[must_use]
    pub fn digest_results(mut self) -> Self {
        self.settings.digest_results = true;
        self
    }

    /// Records the argument values on this list; by default none is recorded.
    #[must_use]
    pub fn arguments(mut self, list: AllowList) -> Self {
        self.settings.arguments = Some(list);
        self
    }

    /// Records the start of each call that may change something, and runs it once that record is
    /// safe: `tools/call`, unless the catalog knows the tool as read-only, `tasks/update` and
    /// `tasks/cancel`. After a crash, [`verify`](crate::verify()) counts the calls that were opened and
    /// never closed. With a durable sink it costs a second sync.
    #[must_use]
    pub fn record_openings(mut self) -> Self {
        self.settings.openings = true;
        self
    }

    /// Records errors as they were before they were masked, and the messages of panics and failures;
    /// by default only the error id is recorded. They can contain anything.
    #[must_use]
    pub fn originals(mut self) -> Self {
        self.settings.originals = true;
        self
    }

    /// Records the sizes of arguments and answers. It can cost as much as sending them.
    #[must_use]
    pub fn sizes(mut self) -> Self {
        self.settings.sizes = true;
        self
    }

    /// Sets the source of trace ids, usually the current span. It precedes
    /// `params._meta.traceparent`, and is called when the request comes.
    #[must_use]
    pub fn trace_id(
        mut self,
        current: impl Fn() -> Option<TraceId> + Send + Sync + 'static,
    ) -> Self {
        self.settings.trace_id = Some(Opaque(Arc::new(current)));
        self
    }

    /// Replaces the clock; the default is the operating system's.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.settings.clock = clock;
        self
    }

    /// The counters of this layer.
    #[must_use]
    pub fn handle(&self) -> AuditHandle {
        AuditHandle::new(Arc::clone(&self.counters))
    }

    pub(crate) fn shared(&self) -> Arc<Shared> {
        let (counters, shares) = (Arc::clone(&self.counters), Arc::clone(&self.shares));
        Arc::new(Shared::new(self.settings.clone(), counters, shares))
    }
}

impl<S> Layer<S> for AuditLayer {
    type Service = Audit<S>;

    fn layer(&self, inner: S) -> Audit<S> {
        Audit::with_shared(inner, self.shared())
    }
}
