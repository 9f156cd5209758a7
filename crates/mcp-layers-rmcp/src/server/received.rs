//! A request as rmcp delivers it, and the handler that it is for.

use std::{pin::Pin, sync::Arc};

use mcp_layers_core::request::{MODERN, meta_key};
use rmcp::{
    ErrorData, RoleServer,
    model::{ClientRequest, InitializeRequestParams, ServerResult, Tool},
    service::{RequestContext, SubscriptionContext},
};
use serde_json::Value;

/// A handler of any type, which the innermost service of a stack calls.
pub(super) trait Handle: Send + Sync {
    /// rmcp's handlers have futures without a name, so that each request costs a box here.
    fn handle(self: Arc<Self>, received: Box<Received>) -> HandleFuture;

    /// `ServerHandler::get_tool`. `None` also where the server cannot tell.
    fn get_tool(&self, name: &str) -> Option<Tool>;
}

pub(super) type HandleFuture =
    Pin<Box<dyn Future<Output = Result<ServerResult, ErrorData>> + Send>>;

/// A request with what the client said when it opened the session.
pub(super) struct Received {
    pub(super) call: Call,
    pub(super) peer_info: Option<Arc<InitializeRequestParams>>,
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
    /// An established `subscriptions/listen`, which rmcp has acknowledged already.
    Listen { subscription: SubscriptionContext },
}

impl Received {
    pub(super) fn new(call: Call) -> Box<Self> {
        let peer_info = match call.context() {
            context if describes_client(context) => None,
            context => context.peer.peer_info(),
        };
        Box::new(Self { call, peer_info })
    }

    /// A reserved key of the request's own `_meta`.
    pub(super) fn own_meta(&self, key: &str) -> Option<&Value> {
        own_meta(self.call.context(), key)
    }

    pub(super) fn protocol_version(&self) -> Option<&str> {
        let own = self.own_meta(meta_key::PROTOCOL_VERSION);
        let own = own.and_then(Value::as_str);
        own.or_else(|| Some(self.peer_info.as_ref()?.protocol_version.as_str()))
    }

    pub(super) fn is_modern(&self) -> bool {
        self.protocol_version()
            .is_some_and(|version| version >= MODERN)
    }
}

impl Call {
    pub(super) fn context(&self) -> &RequestContext<RoleServer> {
        match self {
            Self::Request { context, .. } => context,
            Self::Listen { subscription } => subscription.request_context(),
        }
    }
}

fn own_meta<'a>(context: &'a RequestContext<RoleServer>, key: &str) -> Option<&'a Value> {
    context.meta.0.0.get(key)
}

/// Tests for a request that itself states all that a legacy client states in `initialize`.
fn describes_client(context: &RequestContext<RoleServer>) -> bool {
    let keys = [
        meta_key::PROTOCOL_VERSION,
        meta_key::CLIENT_INFO,
        meta_key::CLIENT_CAPABILITIES,
    ];
    keys.into_iter().all(|key| own_meta(context, key).is_some())
}
