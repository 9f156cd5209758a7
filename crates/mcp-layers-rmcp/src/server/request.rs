//! A request that rmcp took in, as layers read it.

use std::{borrow::Cow, fmt, net::SocketAddr, sync::Arc};

use http::{Version, request::Parts};
use mcp_layers_core::{
    Arguments, CallContext, ClientInfo, Connection, ListedKind, MODERN, McpRequest, Method,
    Principal, ReplayRequest, RequestId, Transport, member, meta_key, write_canonical,
};
use rmcp::{
    RoleServer,
    model::{ClientRequest, InitializeRequestParams},
    service::{RequestContext, SubscriptionContext},
};
use serde_json::{Map, Value};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::leaf::Handle;
use crate::{RmcpResponse, view::params};

/// Resolves when the client cancels the request.
pub type RmcpCancelled = WaitForCancellationFutureOwned;

/// A request that rmcp took in, on its way to the handler.
///
/// rmcp's own types, unchanged: [`RmcpRequest::request`] is what the client sent,
/// [`RmcpRequest::request_context`] what rmcp knows of it. Over HTTP, `extension` finds
/// `http::request::Parts`, and whatever an HTTP layer put into the extensions of the HTTP request;
/// a [`Principal`] or `Arc<Principal>` there is the request's principal.
pub struct RmcpRequest {
    /// A box, because it is large, and every layer moves it.
    pub(super) received: Box<Received>,
    pub(super) handler: Arc<dyn Handle>,
    context: CallContext,
}

/// What rmcp took in.
pub(super) struct Received {
    pub(super) call: Call,
    /// Asked for once: it stands behind a lock that all requests of a session share.
    peer_info: Option<Arc<InitializeRequestParams>>,
}

#[allow(
    clippy::large_enum_variant,
    reason = "nearly every call is the large one, and all are in one box"
)]
pub(super) enum Call {
    Request {
        request: ClientRequest,
        context: RequestContext<RoleServer>,
    },
    /// An established `subscriptions/listen`: rmcp has acknowledged it already.
    Listen { subscription: SubscriptionContext },
}

impl Call {
    /// What rmcp knows of the request.
    fn context(&self) -> &RequestContext<RoleServer> {
        match self {
            Self::Request { context, .. } => context,
            Self::Listen { subscription } => subscription.request_context(),
        }
    }

    /// A reserved key of the request's own `_meta`.
    fn own(&self, key: &str) -> Option<&Value> {
        member(&self.context().meta.0.0, key)
    }

    /// What the client said when it initialised a legacy session, unless the request says all of it
    /// itself.
    fn peer_info(&self) -> Option<Arc<InitializeRequestParams>> {
        let own = [
            meta_key::PROTOCOL_VERSION,
            meta_key::CLIENT_INFO,
            meta_key::CLIENT_CAPABILITIES,
        ];
        let says_all = own.into_iter().all(|key| self.own(key).is_some());
        if says_all {
            None
        } else {
            self.context().peer.peer_info()
        }
    }
}

impl Received {
    fn protocol_version(&self) -> Option<&str> {
        let own = self.call.own(meta_key::PROTOCOL_VERSION);
        let own = own.and_then(Value::as_str);
        own.or_else(|| Some(self.peer_info.as_ref()?.protocol_version.as_str()))
    }

    pub(super) fn is_modern(&self) -> bool {
        self.protocol_version()
            .is_some_and(|version| version >= MODERN)
    }
}

impl RmcpRequest {
    #[inline]
    pub(super) fn new(call: Call, handler: Arc<dyn Handle>) -> Self {
        let mut request = Self {
            received: Box::new(Received {
                peer_info: call.peer_info(),
                call,
            }),
            handler,
            context: CallContext::new(),
        };
        if let Some(principal) = request.found_principal() {
            request.context.set_principal(principal);
        }
        request
    }

    fn found_principal(&self) -> Option<Arc<Principal>> {
        let shared = self.extension::<Arc<Principal>>().cloned();
        shared.or_else(|| self.extension::<Principal>().cloned().map(Arc::new))
    }

    /// What the client sent. `None` for `subscriptions/listen` behind [`LayeredHandler`], which
    /// rmcp gives to the handler as an established subscription.
    ///
    /// [`LayeredHandler`]: crate::LayeredHandler
    #[must_use]
    pub fn request(&self) -> Option<&ClientRequest> {
        match &self.received.call {
            Call::Request { request, .. } => Some(request),
            Call::Listen { .. } => None,
        }
    }

    /// What rmcp knows of the request: its id, `_meta`, extensions, peer and cancellation token.
    #[must_use]
    pub fn request_context(&self) -> &RequestContext<RoleServer> {
        self.received.call.context()
    }

    fn parts(&self) -> Option<&Parts> {
        self.request_context().extensions.get()
    }
}

impl McpRequest for RmcpRequest {
    type Response = RmcpResponse;
    type ReplyTo = ();
    type Cancelled = RmcpCancelled;

    fn reply_to(&self) {}

    fn method(&self) -> Method<'_> {
        self.request().map_or(Method::Listen, params::method)
    }

    fn id(&self) -> Option<RequestId<'_>> {
        Some(params::request_id(&self.request_context().id))
    }

    fn target(&self) -> Option<&str> {
        params::target(self.request()?)
    }

    fn target_kind(&self) -> Option<ListedKind> {
        params::target_kind(self.request()?)
    }

    fn arguments(&self) -> Arguments<'_> {
        self.request().map_or(Arguments::None, params::arguments)
    }

    fn cursor(&self) -> Option<&str> {
        params::cursor(self.request()?)
    }

    fn write_other_params(&self, out: &mut Vec<u8>) {
        match &self.received.call {
            Call::Request { request, .. } => params::write_other(request, out),
            Call::Listen { subscription } => {
                params::write_serialized(subscription.requested(), out);
            }
        }
    }

    fn visit_subscriptions(&self, visit: &mut dyn FnMut(&str)) {
        match &self.received.call {
            Call::Request {
                request: ClientRequest::SubscriptionsListenRequest(request),
                ..
            } => {
                params::visit_subscriptions(&request.params.notifications, visit);
            }
            Call::Request { .. } => {}
            Call::Listen { subscription } => {
                params::visit_subscriptions(subscription.requested(), visit);
            }
        }
    }

    fn meta(&self) -> Option<&Map<String, Value>> {
        Some(&self.request_context().meta.0.0)
    }

    fn meta_mut(&mut self) -> Option<&mut Map<String, Value>> {
        match &mut self.received.call {
            Call::Request { context, .. } => Some(&mut context.meta.0.0),
            Call::Listen { .. } => None,
        }
    }

    fn protocol_version(&self) -> Option<Cow<'_, str>> {
        self.received.protocol_version().map(Cow::Borrowed)
    }

    fn is_modern(&self) -> bool {
        self.received.is_modern()
    }

    fn client_info(&self) -> Option<ClientInfo<'_>> {
        if let Some(own) = self.received.call.own(meta_key::CLIENT_INFO) {
            let own = own.as_object()?;
            let name = member(own, "name")?.as_str()?;
            let version = member(own, "version").and_then(Value::as_str);
            return Some(ClientInfo::new(name, version.unwrap_or_default()));
        }
        let info = &self.received.peer_info.as_ref()?.client_info;
        Some(ClientInfo::new(&*info.name, &*info.version))
    }

    fn write_client_capabilities(&self, out: &mut Vec<u8>) {
        if let Some(own) = self.received.call.own(meta_key::CLIENT_CAPABILITIES) {
            write_canonical(own, out);
        } else if let Some(info) = &self.received.peer_info {
            params::write_serialized(&info.capabilities, out);
        }
    }

    /// What did not come over HTTP is taken for a pipe. The peer's address is known where an HTTP
    /// layer put a `SocketAddr` into the extensions of the HTTP request.
    fn connection(&self) -> Connection<'_> {
        let mut connection = Connection::default();
        let Some(parts) = self.parts() else {
            connection.transport = Some(Transport::Pipe);
            return connection;
        };
        connection.transport = Some(match parts.version {
            Version::HTTP_3 => Transport::Quic,
            _ => Transport::Tcp,
        });
        connection.http_version = match parts.version {
            Version::HTTP_10 => Some("1.0"),
            Version::HTTP_11 => Some("1.1"),
            Version::HTTP_2 => Some("2"),
            Version::HTTP_3 => Some("3"),
            _ => None,
        };
        let session_id = parts.headers.get("mcp-session-id");
        connection.session_id = session_id.and_then(|id| id.to_str().ok());
        connection.peer_address = parts.extensions.get::<SocketAddr>().map(SocketAddr::ip);
        connection
    }

    fn is_continuation(&self) -> bool {
        self.request().is_some_and(params::is_continuation)
    }

    fn request_state(&self) -> Option<&str> {
        params::request_state(self.request()?)
    }

    fn cancelled(&self) -> RmcpCancelled {
        self.request_context().ct.clone().cancelled_owned()
    }

    fn context(&self) -> &CallContext {
        &self.context
    }

    fn context_mut(&mut self) -> &mut CallContext {
        &mut self.context
    }

    fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        let extensions = &self.request_context().extensions;
        extensions.get().or_else(|| self.parts()?.extensions.get())
    }

    fn insert_extension<T: Clone + Send + Sync + 'static>(&mut self, value: T) -> bool {
        match &mut self.received.call {
            Call::Request { context, .. } => {
                context.extensions.insert(value);
                true
            }
            Call::Listen { .. } => false,
        }
    }
}

impl ReplayRequest for RmcpRequest {
    fn try_clone(&self) -> Option<Self> {
        let Call::Request { request, context } = &self.received.call else {
            return None;
        };
        Some(Self {
            received: Box::new(Received {
                call: Call::Request {
                    request: request.clone(),
                    context: context.clone(),
                },
                peer_info: self.received.peer_info.clone(),
            }),
            handler: Arc::clone(&self.handler),
            context: self.context.clone(),
        })
    }
}

impl fmt::Debug for RmcpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RmcpRequest")
            .field("method", &self.method().as_str())
            .field("target", &self.target())
            .field("id", &self.request_context().id)
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}
