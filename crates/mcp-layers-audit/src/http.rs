//! Records of requests that the HTTP edge refuses, which never reach the MCP layers.

use std::{
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Extensions, Request, Response, header::HeaderName, request::Parts};
use mcp_layers_core::{JsonRpcRequest, Principal, Trail, request::Transport};
use mcp_layers_redact::redact_uri;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    AuditLayer, CallOutcome, Decision, Record, TraceId,
    opaque::Opaque,
    state::Shared,
    text::{NAME_LIMIT, cut},
};

type ClientAddress = Opaque<Arc<dyn Fn(&Extensions) -> Option<IpAddr> + Send + Sync>>;

/// Records the requests that inner HTTP layers refuse: 401, 403, 404 of a foreign session.
///
/// It reads the [`Trail`] that those layers put into the response's extensions, and writes a record to
/// the sinks of an [`AuditLayer`] if an event in it decided about the request. A request that reaches
/// the MCP layers is recorded there. Refusals without a trail, such as those of the transport itself, are
/// not recorded. Put it outside authentication.
///
/// # Rules
///
/// 1. Who asked for what is never read from headers: it is what the refusing layer has verified and left
///    in the extensions of its response. `AuthorizeHttpLayer` leaves the principal (`Arc<Principal>`) and,
///    once it has read the body, the request ([`JsonRpcRequest`]); the record then has the members of a
///    record of the MCP layer. A principal in the extensions of the request counts too.
/// 2. A refusal without a verified principal, such as that of a request without a credential, has the HTTP
///    method as method and the path as target, with the status and the client's address. Such a denial is
///    one of `authentication` ([`Decision::layer`]).
/// 3. A refusal with a principal has, in addition to that, session, protocol version and trace id from
///    their headers.
/// 4. The response does not wait for the record. A record that finds no room is dropped and counted.
#[derive(Debug, Clone)]
pub struct AuditHttpLayer {
    shared: Arc<Shared>,
    client_address: ClientAddress,
}

impl AuditHttpLayer {
    /// Records to the sinks of this layer, with its settings, numbering and counters.
    #[must_use]
    pub fn new(layer: &AuditLayer) -> Self {
        Self {
            shared: layer.shared(),
            client_address: Opaque(Arc::new(socket_address)),
        }
    }

    /// Sets where the client's address is in the request's extensions; by default a `SocketAddr` or an
    /// `IpAddr`. With axum it is `|e| Some(e.get::<ConnectInfo<SocketAddr>>()?.0.ip())`. An address that
    /// an inner layer finds, such as a limit behind a reverse proxy, is not seen: find it in an outer one.
    #[must_use]
    pub fn client_address(
        mut self,
        address: impl Fn(&Extensions) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.client_address = Opaque(Arc::new(address));
        self
    }
}

fn socket_address(extensions: &Extensions) -> Option<IpAddr> {
    let socket = extensions.get::<SocketAddr>().map(SocketAddr::ip);
    socket.or_else(|| extensions.get::<IpAddr>().copied())
}

impl<S> Layer<S> for AuditHttpLayer {
    type Service = AuditHttp<S>;

    fn layer(&self, inner: S) -> AuditHttp<S> {
        AuditHttp {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service of [`AuditHttpLayer`].
#[derive(Debug, Clone)]
pub struct AuditHttp<S> {
    inner: S,
    layer: AuditHttpLayer,
}

impl<S> AuditHttp<S> {
    /// Records what `inner` refuses to the sinks of this layer.
    pub fn new(inner: S, layer: &AuditLayer) -> Self {
        AuditHttpLayer::new(layer).layer(inner)
    }

    mcp_layers_core::accessors!();
}

impl<S, B, R> Service<Request<B>> for AuditHttp<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = HttpResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let shared = &self.layer.shared;
        let (parts, body) = request.into_parts();
        let address = (self.layer.client_address.0)(&parts.extensions);
        let record = Arc::new(record_of(shared, &parts, address));
        HttpResponseFuture {
            future: self.inner.call(Request::from_parts(parts, body)),
            refusal: Some((Arc::clone(shared), record)),
        }
    }
}

/// A record of a request, numbered if it is submitted.
fn record_of(shared: &Shared, parts: &Parts, address: Option<IpAddr>) -> Record {
    let settings = &shared.settings;
    let header = |name: &'static str| {
        let value = parts.headers.get(HeaderName::from_static(name))?;
        value.to_str().ok()
    };
    // `Mcp-Method` and `Mcp-Name` are what the client claims.
    let mut record = Record::new(parts.method.as_str());
    let path = parts.uri.path();
    record.set_cut_target(settings, path, &redact_uri(path));
    record.set_principal(settings, principal(&parts.extensions).as_ref());
    record.client_address = address;
    record.transport = Some(Transport::Tcp);
    record.protocol_version = header("mcp-protocol-version").map(|text| cut(text, NAME_LIMIT));
    record.set_session(settings, header("mcp-session-id"));
    record.trace_id = header("traceparent").and_then(TraceId::from_traceparent);
    record.time = settings.clock.wall();
    record.monotonic = shared.elapsed(settings.clock.now());
    record
}

fn principal(extensions: &Extensions) -> Option<Arc<Principal>> {
    let shared = extensions.get::<Arc<Principal>>().cloned();
    shared.or_else(|| extensions.get::<Principal>().cloned().map(Arc::new))
}

pin_project! {
    /// The future of [`AuditHttp`].
    #[derive(Debug)]
    pub struct HttpResponseFuture<F> {
        #[pin]
        future: F,
        // What is recorded if the response turns out to be a refusal.
        refusal: Option<(Arc<Shared>, Arc<Record>)>,
    }
}

impl<F, R, E> Future for HttpResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.future.poll(cx));
        if let (Ok(response), Some((shared, record))) = (&response, this.refusal.take())
            && let Some(trail) = response.extensions().get::<Trail>()
            && trail.events().any(|event| Decision::of(event).is_some())
        {
            submit(&shared, record, response, trail);
        }
        Poll::Ready(response)
    }
}

/// A record of a request that an inner layer read from the body, with what only the edge knows.
fn with_request(edge: Record, read: Record) -> Record {
    Record {
        time: edge.time,
        monotonic: edge.monotonic,
        client_address: edge.client_address,
        transport: edge.transport,
        session: edge.session,
        protocol_version: read.protocol_version.or(edge.protocol_version),
        trace_id: read.trace_id.or(edge.trace_id),
        ..read
    }
}

fn submit<R>(
    shared: &Arc<Shared>,
    mut shared_record: Arc<Record>,
    response: &Response<R>,
    trail: &Trail,
) {
    let settings = &shared.settings;
    let record = Arc::make_mut(&mut shared_record);
    if let Some(request) = response.extensions().get::<JsonRpcRequest>() {
        *record = with_request(record.clone(), Record::of(settings, request));
    }
    record.read_trail(trail, settings.originals);
    record.outcome = CallOutcome::Error(response.status().as_u16().into());
    if record.principal.is_none() {
        record.set_principal(settings, principal(response.extensions()).as_ref());
    }
    if record.verified().is_none() {
        // Nobody vouches for the headers.
        (record.session, record.protocol_version, record.trace_id) = (None, None, None);
        record.decision.at_edge_without_principal();
    }
    let took = shared
        .elapsed(settings.clock.now())
        .saturating_sub(record.monotonic);
    record.duration = Some(took);
    record.sequence = shared.counters.next_sequence();
    let admission = shared.share(record.principal.as_ref(), record.client_address);
    drop(shared.submit(shared_record, admission));
}
