//! A request of a client, as layers read it.

use std::{
    borrow::Cow,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use http::{Version, request::Parts};
use mcp_layers_core::{
    Arguments, CallContext, Hints, ListedKind, McpRequest, Method, Principal,
    adapter::write_canonical,
    request::ReplayRequest,
    request::{ClientInfo, Connection, RequestId, Transport, meta_key},
};
use rmcp::{RoleServer, model::ClientRequest, service::RequestContext};
use serde_json::{Map, Value};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::received::{Call, Handle, Received};
use crate::{
    RmcpResponse,
    view::{params, result},
};

/// Resolves when the client cancels the request.
pub type RmcpCancelled = WaitForCancellationFutureOwned;

/// A request of a client, on its way to the handler.
///
/// rmcp's own types, unchanged: [`RmcpRequest::request`] is what the client sent,
/// [`RmcpRequest::request_context`] what rmcp knows of it. Over HTTP, `extension` finds
/// `http::request::Parts`, and the extensions that HTTP layers added to the HTTP request;
/// a [`Principal`] or `Arc<Principal>` there is the request's principal.
pub struct RmcpRequest {
    /// A box, because it is large, and every layer moves it.
    pub(super) received: Box<Received>,
    pub(super) handler: Arc<dyn Handle>,
    context: CallContext,
}

impl RmcpRequest {
    pub(super) fn new(call: Call, handler: Arc<dyn Handle>) -> Self {
        let mut request = Self {
            received: Received::new(call),
            handler,
            context: CallContext::new(),
        };
        if let Some(principal) = request.found_principal() {
            request.context.set_principal(principal);
        }
        request
    }

    /// Another request of the same caller, with the same context.
    fn with_call(&self, call: Call) -> Self {
        Self {
            received: Box::new(Received {
                call,
                peer_info: self.received.peer_info.clone(),
            }),
            handler: Arc::clone(&self.handler),
            context: self.context.clone(),
        }
    }

    fn found_principal(&self) -> Option<Arc<Principal>> {
        let shared = self.extension::<Arc<Principal>>().cloned();
        shared.or_else(|| self.extension::<Principal>().cloned().map(Arc::new))
    }

    /// The client's request. `None` for `subscriptions/listen` behind [`LayeredHandler`], which
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

    /// rmcp's context of the request: its id, `_meta`, extensions, peer and cancellation token.
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
        if let Some(own) = self.received.own_meta(meta_key::CLIENT_INFO) {
            let own = own.as_object()?;
            let name = own.get("name")?.as_str()?;
            let version = own.get("version").and_then(Value::as_str);
            return Some(ClientInfo::new(name, version.unwrap_or_default()));
        }
        let info = &self.received.peer_info.as_ref()?.client_info;
        Some(ClientInfo::new(&*info.name, &*info.version))
    }

    fn write_client_capabilities(&self, out: &mut Vec<u8>) {
        if let Some(own) = self.received.own_meta(meta_key::CLIENT_CAPABILITIES) {
            write_canonical(own, out);
        } else if let Some(info) = &self.received.peer_info {
            params::write_serialized(&info.capabilities, out);
        }
    }

    /// A request that did not come over HTTP is reported as one over a pipe.
    ///
    /// The peer's address comes from the extensions of the HTTP request: a `SocketAddr`, axum's
    /// `ConnectInfo<SocketAddr>` (feature `axum`), or an `IpAddr`, the first that is there.
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
        connection.peer_address = peer_address(&parts.extensions);
        connection
    }

    /// Tools alone, by `ServerHandler::get_tool`.
    fn look_up(&self, kind: ListedKind, name: &str) -> Option<Hints> {
        match kind {
            ListedKind::Tool => self.handler.get_tool(name).as_ref().map(result::hints),
            _ => None,
        }
    }

    fn list_request(&self, method: Method<'static>, cursor: Option<&str>) -> Option<Self> {
        let Call::Request { context, .. } = &self.received.call else {
            return None;
        };
        let request = params::list_request(method, cursor)?;
        let mut context = context.clone();
        // The caller asked for the progress of its own request.
        context.meta.0.0.remove(meta_key::PROGRESS_TOKEN);
        Some(self.with_call(Call::Request { request, context }))
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

/// The client's address, where an HTTP layer left it, otherwise that of axum's peer.
fn peer_address(extensions: &http::Extensions) -> Option<IpAddr> {
    let address = extensions.get::<SocketAddr>().map(SocketAddr::ip);
    let address = address.or_else(|| extensions.get().copied());
    #[cfg(feature = "axum")]
    let address = address.or_else(|| {
        let axum::extract::ConnectInfo(address) = extensions.get()?;
        Some(SocketAddr::ip(address))
    });
    address
}

impl ReplayRequest for RmcpRequest {
    fn try_clone(&self) -> Option<Self> {
        let Call::Request { request, context } = &self.received.call else {
            return None;
        };
        Some(self.with_call(Call::Request {
            request: request.clone(),
            context: context.clone(),
        }))
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
