use std::{
    borrow::Cow,
    fmt,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use mcp_layers_core::{
    Arguments, CallContext, ListedKind, McpRequest, Method, Principal,
    request::ReplayRequest,
    request::{ClientInfo, Connection, RequestId, Transport, meta_key},
};
use serde_json::{Map, Value};
use tower_mcp::{
    RouterRequest, TraceContext,
    context::CancellationToken,
    inspection::McpProtocolRevision,
    protocol::{self, McpRequest as Inner},
};

use crate::{
    TowerMcpResponse,
    handshake::{Handshake, Session, canonical},
    params::{self, Meta},
};

/// A tower-mcp request that layers can read.
///
/// Everything is borrowed from the [`RouterRequest`]. Two views have no counterpart in tower-mcp's
/// types and are built once, at the first use: [`McpRequest::meta`] of most methods, and the
/// arguments of `prompts/get`.
#[derive(Clone)]
pub struct TowerMcpRequest {
    inner: RouterRequest,
    context: CallContext,
    handshake: Option<Arc<Handshake>>,
    transport: Option<Transport>,
    cancellation: OnceLock<CancellationToken>,
    meta: OnceLock<Option<Box<Map<String, Value>>>>,
    prompt_arguments: OnceLock<Box<Map<String, Value>>>,
}

impl TowerMcpRequest {
    /// Wraps a request. A [`Principal`] or `Arc<Principal>` among its extensions becomes the principal
    /// of its context.
    ///
    /// [`layered`](crate::layered) does this; it is public for stacks that are driven by hand.
    #[must_use]
    pub fn new(inner: RouterRequest) -> Self {
        let mut context = CallContext::new();
        if let Some(principal) = principal(&inner) {
            context.set_principal(principal);
        }
        Self {
            inner,
            context,
            handshake: None,
            transport: None,
            cancellation: OnceLock::new(),
            meta: OnceLock::new(),
            prompt_arguments: OnceLock::new(),
        }
    }

    pub(crate) fn arrived(
        inner: RouterRequest,
        session: &Session,
        transport: Option<Transport>,
    ) -> Self {
        let mut request = Self::new(inner);
        request.transport = transport;
        // Where the transport tells the session's version, one service may serve many sessions.
        if request.revision().is_none() {
            request.handshake = session.handshake();
        }
        request
    }

    /// The request of tower-mcp.
    #[must_use]
    pub fn inner(&self) -> &RouterRequest {
        &self.inner
    }

    /// The request of tower-mcp, for its router.
    #[must_use]
    pub fn into_inner(mut self) -> RouterRequest {
        // The router takes over a token that it finds, so that whoever waits for the cancellation
        // waits for the same token as the handler.
        if let Some(token) = self.cancellation.take()
            && !self.inner.extensions.contains::<CancellationToken>()
        {
            self.inner.extensions.insert(token);
        }
        // Handlers say through it that they reported progress.
        if let Some(progress) = self.context.progress() {
            self.inner.extensions.insert(progress.clone());
        }
        self.inner
    }

    fn revision(&self) -> Option<&McpProtocolRevision> {
        self.inner.extensions.get()
    }

    fn token(&self) -> CancellationToken {
        let own = || self.cancellation.get_or_init(CancellationToken::new);
        self.inner.extensions.get().unwrap_or_else(own).clone()
    }

    #[cfg(feature = "protocol-2026-07-28")]
    fn stateless(&self) -> Option<&tower_mcp::stateless::StatelessRequestMeta> {
        self.inner.extensions.get()
    }

    /// The version that the request itself names.
    fn own_version(&self) -> Option<&str> {
        let own = match params::meta(&self.inner.inner) {
            Meta::Typed(meta) => meta.protocol_version.as_deref(),
            Meta::Object(meta) => meta.get(meta_key::PROTOCOL_VERSION)?.as_str(),
            Meta::None => None,
        };
        // A request over HTTP may name it in a header alone.
        #[cfg(feature = "protocol-2026-07-28")]
        let own = own.or_else(|| self.stateless()?.protocol_version.as_deref());
        own
    }
}

fn principal(request: &RouterRequest) -> Option<Arc<Principal>> {
    let extensions = &request.extensions;
    if extensions.is_empty() {
        return None;
    }
    extensions
        .get::<Arc<Principal>>()
        .cloned()
        .or_else(|| extensions.get::<Principal>().cloned().map(Arc::new))
}

impl McpRequest for TowerMcpRequest {
    type Response = TowerMcpResponse;
    type ReplyTo = protocol::RequestId;
    type Cancelled = Cancelled;

    fn reply_to(&self) -> protocol::RequestId {
        self.inner.id.clone()
    }

    fn method(&self) -> Method<'_> {
        params::method(&self.inner.inner)
    }

    fn id(&self) -> Option<RequestId<'_>> {
        match &self.inner.id {
            protocol::RequestId::Number(number) => Some(RequestId::Number(*number)),
            protocol::RequestId::String(text) => Some(RequestId::String(text)),
            _ => None,
        }
    }

    fn target(&self) -> Option<&str> {
        params::target(&self.inner.inner)
    }

    fn target_kind(&self) -> Option<ListedKind> {
        params::target_kind(&self.inner.inner)
    }

    fn arguments(&self) -> Arguments<'_> {
        match &self.inner.inner {
            Inner::CallTool(params) => match &params.arguments {
                Value::Null => Arguments::None,
                Value::Object(map) => Arguments::Map(map),
                other => Arguments::Value(other),
            },
            Inner::GetPrompt(params) => Arguments::Map(self.prompt_arguments.get_or_init(|| {
                let entries = params.arguments.iter();
                Box::new(
                    entries
                        .map(|(key, value)| (key.clone(), Value::from(value.as_str())))
                        .collect(),
                )
            })),
            Inner::Unknown {
                params: Some(params),
                ..
            } => Arguments::Value(params),
            _ => Arguments::None,
        }
    }

    fn cursor(&self) -> Option<&str> {
        params::cursor(&self.inner.inner)
    }

    fn write_params(&self, out: &mut Vec<u8>) {
        params::write(&self.inner.inner, &self.arguments(), out);
    }

    fn visit_subscriptions(&self, visit: &mut dyn FnMut(&str)) {
        if let Inner::SubscriptionsListen(params) = &self.inner.inner
            && let Some(filter) = &params.notifications
        {
            filter
                .resource_subscriptions
                .iter()
                .flatten()
                .for_each(|uri| visit(uri));
        }
    }

    /// `params._meta`, as far as tower-mcp keeps it: for most methods the keys that the protocol
    /// defines, `traceparent` and `tracestate`; for `completion/complete`, `subscriptions/listen`,
    /// `initialize` and unknown methods all keys; none for `ping`.
    fn meta(&self) -> Option<&Map<String, Value>> {
        let Meta::Object(meta) = params::meta(&self.inner.inner) else {
            return self.meta.get_or_init(|| self.collect_meta()).as_deref();
        };
        Some(meta)
    }

    /// The version of the request's own `_meta`; else the session's, from the transport or from
    /// the `initialize` that passed this service.
    fn protocol_version(&self) -> Option<Cow<'_, str>> {
        self.own_version()
            .or_else(|| self.revision().map(|revision| revision.as_str()))
            .or_else(|| Some(&*self.handshake.as_ref()?.protocol_version))
            .map(Cow::Borrowed)
    }

    fn client_info(&self) -> Option<ClientInfo<'_>> {
        let own = match params::meta(&self.inner.inner) {
            Meta::Typed(meta) => meta.client_info.as_ref(),
            _ => None,
        };
        #[cfg(feature = "protocol-2026-07-28")]
        let own = own.or_else(|| self.stateless()?.client_info.as_ref());
        let own = match &self.inner.inner {
            Inner::Initialize(params) => Some(&params.client_info),
            _ => own,
        };
        if let Some(info) = own {
            return Some(ClientInfo::new(&*info.name, &*info.version));
        }
        let handshake = self.handshake.as_ref()?;
        Some(ClientInfo::new(
            &*handshake.client_name,
            &*handshake.client_version,
        ))
    }

    fn write_client_capabilities(&self, out: &mut Vec<u8>) {
        let own = match params::meta(&self.inner.inner) {
            Meta::Typed(meta) => meta.client_capabilities.as_ref(),
            _ => None,
        };
        #[cfg(feature = "protocol-2026-07-28")]
        let own = own.or_else(|| self.stateless()?.client_capabilities.as_ref());
        if let Some(capabilities) = own {
            out.extend(canonical(capabilities));
        } else if let Some(handshake) = &self.handshake {
            out.extend_from_slice(&handshake.capabilities);
        }
    }

    /// The peer's address comes from a `SocketAddr` or an `IpAddr` among the extensions, which
    /// `bridge_extension` of tower-mcp's HTTP transport hands on.
    fn connection(&self) -> Connection<'_> {
        let mut connection = Connection::default();
        connection.transport = self.transport;
        let extensions = &self.inner.extensions;
        let socket = extensions.get::<SocketAddr>().map(SocketAddr::ip);
        connection.peer_address = socket.or_else(|| extensions.get().copied());
        connection
    }

    fn list_request(&self, method: Method<'static>, cursor: Option<&str>) -> Option<Self> {
        let mut list = self.clone();
        list.inner.inner = params::list_request(method, cursor)?;
        list.meta = OnceLock::new();
        list.prompt_arguments = OnceLock::new();
        Some(list)
    }

    fn is_continuation(&self) -> bool {
        params::is_continuation(&self.inner.inner)
    }

    fn request_state(&self) -> Option<&str> {
        params::request_state(&self.inner.inner)
    }

    fn cancelled(&self) -> Cancelled {
        let token = self.token();
        // tower-mcp's token has no future of its own that could be named.
        Cancelled(Box::pin(async move { token.cancelled().await }))
    }

    fn context(&self) -> &CallContext {
        &self.context
    }

    fn context_mut(&mut self) -> &mut CallContext {
        &mut self.context
    }

    fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.inner.extensions.get()
    }

    /// Handlers find it with tower-mcp's `Extension` extractor and `RequestContext::extension`.
    fn insert_extension<T: Clone + Send + Sync + 'static>(&mut self, value: T) -> bool {
        self.inner.extensions.insert(value);
        true
    }
}

impl TowerMcpRequest {
    fn collect_meta(&self) -> Option<Box<Map<String, Value>>> {
        let own = match params::meta(&self.inner.inner) {
            Meta::Typed(meta) => serde_json::to_value(meta).ok(),
            Meta::Object(_) | Meta::None => None,
        };
        #[cfg(feature = "protocol-2026-07-28")]
        let own = own.or_else(|| serde_json::to_value(self.stateless()?).ok());
        let mut meta = match own {
            Some(Value::Object(meta)) => meta,
            _ => Map::new(),
        };
        if let Some(trace) = self.inner.extensions.get::<TraceContext>() {
            let entries = trace.entries();
            meta.extend(entries.map(|(key, value)| (key.to_owned(), value.into())));
        }
        (!meta.is_empty()).then(|| Box::new(meta))
    }
}

impl ReplayRequest for TowerMcpRequest {
    fn try_clone(&self) -> Option<Self> {
        Some(self.clone())
    }
}

/// Resolves when the caller cancels a [`TowerMcpRequest`]: by `notifications/cancelled`, or, over
/// stateless HTTP, by hanging up.
///
/// tower-mcp looks for a request to cancel only among those that have reached its router: one that
/// still waits in a layer is not cancelled by `notifications/cancelled`.
pub struct Cancelled(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Future for Cancelled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

mcp_layers_core::opaque_debug!(Cancelled);

/// Without the params, which may hold secrets.
impl fmt::Debug for TowerMcpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TowerMcpRequest")
            .field("id", &self.inner.id)
            .field("method", &self.inner.inner.method_name())
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}
