//! The layer.

use std::sync::Arc;

use mcp_layers_core::{Catalog, Clock};
use mcp_layers_util::conventions::Side;
use opentelemetry::trace::Tracer;
use tower_layer::Layer;

use crate::{
    backend::{Backend, OpenTelemetry},
    capture::Capture,
    digest::DigestKey,
    service::Trace,
    settings::{Parent, SessionId, Settings},
    state::State,
    summary::{Attributes, CallEnd, RequestSummary},
};

/// Makes a span for each MCP request.
///
/// The parameter is the [`Backend`]: [`OpenTelemetry`]'s own API, or `Tracing`.
#[derive(Debug, Clone)]
pub struct TraceLayer<B = OpenTelemetry> {
    state: State<B>,
}

impl TraceLayer {
    /// Makes SERVER spans, with the global tracer.
    #[must_use]
    pub fn server() -> Self {
        Self::new(Side::Server)
    }

    /// Makes CLIENT spans, with the global tracer, and sends their context in `_meta`.
    #[must_use]
    pub fn client() -> Self {
        Self::new(Side::Client)
    }

    fn new(side: Side) -> Self {
        Self {
            state: State {
                backend: OpenTelemetry::global(),
                settings: Settings::new(side),
                catalog: Catalog::new(),
            },
        }
    }

    /// Makes the spans with this tracer. The default is that of the global tracer provider, which has to be
    /// set before the first request.
    #[must_use]
    pub fn tracer<T>(self, tracer: T) -> Self
    where
        T: Tracer<Span: Send + Sync + 'static> + Send + Sync + 'static,
    {
        self.backend(OpenTelemetry::new(tracer))
    }
}

impl<B> TraceLayer<B> {
    /// Makes the spans in another backend. The default is [`OpenTelemetry::global`].
    #[must_use]
    pub fn backend<T: Backend>(self, backend: T) -> TraceLayer<T> {
        let State {
            settings, catalog, ..
        } = self.state;
        TraceLayer {
            state: State {
                backend,
                settings,
                catalog,
            },
        }
    }

    /// Sets the parent of a server's spans. The default is [`Parent::Meta`]: the span in `_meta`. The
    /// parent of a client's span is the ambient span, otherwise the one in `_meta`.
    #[must_use]
    pub fn parent(mut self, parent: Parent) -> Self {
        self.state.settings.parent = parent;
        self.state.settings.parent_of = None;
        self
    }

    /// Chooses the parent of a server's span by the request, for example [`Parent::Meta`] for callers with
    /// a principal alone. It needs the principal of the HTTP edge, or of an outer layer. A panic counts as
    /// [`Parent::Ambient`].
    ///
    /// ```
    /// use mcp_layers_trace::{Parent, TraceLayer};
    ///
    /// let layer = TraceLayer::server().parent_fn(|request| match request.principal {
    ///     Some(_) => Parent::Meta,
    ///     None => Parent::Ambient,
    /// });
    /// # let _ = layer;
    /// ```
    #[must_use]
    pub fn parent_fn(
        mut self,
        parent: impl Fn(&RequestSummary) -> Parent + Send + Sync + 'static,
    ) -> Self {
        self.state.settings.parent_of = Some(Arc::new(parent));
        self
    }

    /// Calls `on_start` before each span starts. Its attributes are those of the span from the start, so
    /// that a sampler sees them. A panic in it loses them, and fails no request.
    #[must_use]
    pub fn on_start(
        mut self,
        on_start: impl Fn(&RequestSummary, &mut Attributes) + Send + Sync + 'static,
    ) -> Self {
        self.state.settings.on_start = Some(Arc::new(on_start));
        self
    }

    /// Calls `on_end` when a call has ended, before its span does: answered, failed, dropped or panicked.
    /// A panic in it loses attributes of the span, and fails no request.
    ///
    /// ```
    /// use mcp_layers_trace::TraceLayer;
    /// use std::time::Duration;
    ///
    /// let layer = TraceLayer::server().on_end(|end, attributes| {
    ///     if end.duration > Duration::from_secs(5) {
    ///         attributes.add("example.slow", true);
    ///     }
    /// });
    /// # let _ = layer;
    /// ```
    #[must_use]
    pub fn on_end(
        mut self,
        on_end: impl Fn(&CallEnd<'_>, &mut Attributes) + Send + Sync + 'static,
    ) -> Self {
        self.state.settings.on_end = Some(Arc::new(on_end));
        self
    }

    /// Exports the arguments, results and prompt variables on a list. By default nothing is exported.
    #[must_use]
    pub fn capture(mut self, capture: Capture) -> Self {
        self.state.settings.capture = Some(Arc::new(capture));
        self
    }

    /// Sets the form of `mcp.session.id`, which sessions before 2026-07-28 have. The default is
    /// [`SessionId::Off`].
    #[must_use]
    pub fn session_id(mut self, session_id: SessionId) -> Self {
        self.state.settings.session_id = session_id;
        self
    }

    /// Exports a digest of the principal's issuer and subject, as `user.hash`. Off by default. The subject
    /// itself is never exported.
    #[must_use]
    pub fn principal_digest(mut self, key: DigestKey) -> Self {
        self.state.settings.principal = Some(key);
        self
    }

    /// Exports the client's address and port on a server, as `client.address` and `client.port`. Off by
    /// default: an address is personal data. The port is that of a
    /// [`SocketAddr`](std::net::SocketAddr) among the request's extensions.
    #[must_use]
    pub fn client_address(mut self) -> Self {
        self.state.settings.client_address = true;
        self
    }

    /// Sets `server.address` and `server.port` of a client's spans. The default is neither.
    #[must_use]
    pub fn server_address(mut self, address: impl Into<Arc<str>>, port: u16) -> Self {
        self.state.settings.server = Some((address.into(), port));
        self
    }

    /// Adds the uri of a resource that the catalog knows to the span's name. The default is the method
    /// alone, because a template matches any number of uris.
    #[must_use]
    pub fn uri_in_name(mut self) -> Self {
        self.state.settings.uri_in_name = true;
        self
    }

    /// Carries W3C Baggage in `_meta`: a server reads it, a client sends it. Off by default: a
    /// caller chooses its baggage, and a client's may hold more than a server is to know.
    #[must_use]
    pub fn baggage(mut self) -> Self {
        self.state.settings.baggage = true;
        self
    }

    /// Keeps the span of a long-lived request (`subscriptions/listen`, `tasks/result`) until its end. By
    /// default it ends when an acknowledgement is reported.
    #[must_use]
    pub fn long_spans(mut self) -> Self {
        self.state.settings.long_spans = true;
        self
    }

    /// Makes no span where the parent is not sampled: no attributes, no question to the sampler, no
    /// `on_start`; `on_end` is called. The parent's context is passed on. The default asks the sampler. Use
    /// it with a sampler that follows the parent.
    #[must_use]
    pub fn skip_unsampled(mut self) -> Self {
        self.state.settings.skip_unsampled = true;
        self
    }

    /// Reads durations from `clock`. The default is the operating system's monotonic clock. The times of a
    /// span are those of its backend.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.state.settings.clock = clock;
        self
    }
}

impl<S, B: Clone> Layer<S> for TraceLayer<B> {
    type Service = Trace<S, B>;

    fn layer(&self, inner: S) -> Trace<S, B> {
        Trace::with_state(inner, Arc::new(self.state.clone()))
    }
}

impl<S, B: Clone> Trace<S, B> {
    /// Wraps `inner` as `layer` does.
    pub fn new(inner: S, layer: &TraceLayer<B>) -> Self {
        layer.layer(inner)
    }
}
