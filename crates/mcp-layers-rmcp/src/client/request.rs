//! A request on its way to an upstream server, as layers read it.

use std::{borrow::Cow, fmt, sync::Arc};

use mcp_layers_core::{
    Arguments, CallContext, ListedKind, McpRequest, Method,
    request::ReplayRequest,
    request::{RequestId, meta_key},
};
use rmcp::model::{ClientRequest, Extensions, GetExtensions, GetMeta, RequestMetaObject};
use serde_json::{Map, Value};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::{RmcpResponse, view::params};

/// Resolves when the caller cancels the request.
pub type UpstreamCancelled = WaitForCancellationFutureOwned;

/// A request on its way to an upstream server.
///
/// It has no JSON-RPC id yet: rmcp gives each attempt one of its own when it is sent. A copy that
/// [`ReplayRequest::try_clone`] makes shares the cancellation.
#[derive(Clone)]
pub struct UpstreamRequest {
    pub(super) request: ClientRequest,
    pub(super) protocol_version: Option<Arc<str>>,
    cancellation: CancellationToken,
    context: CallContext,
}

impl UpstreamRequest {
    /// A request without a cancellation token.
    ///
    /// rmcp allows `_meta` of an outgoing request in its typed params and in its extensions, where the
    /// latter wins. This moves it into the extensions, so that [`McpRequest::meta`] shows all of it.
    pub fn new(request: impl Into<ClientRequest>) -> Self {
        let mut request = request.into();
        if let Some(mut typed) = params::take_typed_meta(&mut request) {
            let meta = request.get_meta_mut();
            typed.extend(std::mem::take(meta));
            *meta = typed;
        }
        Self {
            request,
            protocol_version: None,
            cancellation: CancellationToken::new(),
            context: CallContext::new(),
        }
    }

    /// Sets the token that cancels the request. A proxy gives the token of the request that it
    /// serves, and the context too ([`McpRequest::context_mut`]).
    #[must_use]
    pub fn with_cancellation(mut self, token: CancellationToken) -> Self {
        self.cancellation = token;
        self
    }

    /// Sets the protocol version that was agreed on with the upstream;
    /// [`LayeredClient`](crate::LayeredClient) does.
    #[must_use]
    pub fn with_protocol_version(mut self, version: impl Into<Arc<str>>) -> Self {
        self.protocol_version = Some(version.into());
        self
    }

    /// rmcp's own type.
    #[must_use]
    pub fn request(&self) -> &ClientRequest {
        &self.request
    }

    fn extensions(&self) -> &Extensions {
        self.request.extensions()
    }
}

impl McpRequest for UpstreamRequest {
    type Response = RmcpResponse;
    type ReplyTo = ();
    type Cancelled = UpstreamCancelled;

    fn reply_to(&self) {}

    fn method(&self) -> Method<'_> {
        params::method(&self.request)
    }

    fn id(&self) -> Option<RequestId<'_>> {
        None
    }

    fn target(&self) -> Option<&str> {
        params::target(&self.request)
    }

    fn target_kind(&self) -> Option<ListedKind> {
        params::target_kind(&self.request)
    }

    fn arguments(&self) -> Arguments<'_> {
        params::arguments(&self.request)
    }

    fn cursor(&self) -> Option<&str> {
        params::cursor(&self.request)
    }

    fn write_other_params(&self, out: &mut Vec<u8>) {
        params::write_other(&self.request, out);
    }

    fn visit_subscriptions(&self, visit: &mut dyn FnMut(&str)) {
        if let ClientRequest::SubscriptionsListenRequest(request) = &self.request {
            params::visit_subscriptions(&request.params.notifications, visit);
        }
    }

    fn meta(&self) -> Option<&Map<String, Value>> {
        let meta = self.extensions().get::<RequestMetaObject>()?;
        Some(&meta.0.0)
    }

    fn meta_mut(&mut self) -> Option<&mut Map<String, Value>> {
        Some(&mut self.request.get_meta_mut().0.0)
    }

    fn protocol_version(&self) -> Option<Cow<'_, str>> {
        let own = self
            .meta()
            .and_then(|meta| meta.get(meta_key::PROTOCOL_VERSION)?.as_str());
        own.or(self.protocol_version.as_deref()).map(Cow::Borrowed)
    }

    fn list_request(&self, method: Method<'static>, cursor: Option<&str>) -> Option<Self> {
        let mut list = Self {
            request: params::list_request(method, cursor)?,
            ..self.clone()
        };
        *list.request.extensions_mut() = self.extensions().clone();
        // The caller asked for the progress of its own request.
        list.meta_mut()?.remove(meta_key::PROGRESS_TOKEN);
        Some(list)
    }

    fn is_continuation(&self) -> bool {
        params::is_continuation(&self.request)
    }

    fn cancelled(&self) -> UpstreamCancelled {
        self.cancellation.clone().cancelled_owned()
    }

    fn context(&self) -> &CallContext {
        &self.context
    }

    fn context_mut(&mut self) -> &mut CallContext {
        &mut self.context
    }

    fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.extensions().get()
    }

    fn insert_extension<T: Clone + Send + Sync + 'static>(&mut self, value: T) -> bool {
        self.request.extensions_mut().insert(value);
        true
    }
}

impl ReplayRequest for UpstreamRequest {
    fn try_clone(&self) -> Option<Self> {
        Some(self.clone())
    }
}

/// Without the params, which may hold secrets.
impl fmt::Debug for UpstreamRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamRequest")
            .field("method", &self.method().as_str())
            .field("target", &self.target())
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}
