//! A call straight into a server, as rmcp makes it when a message has come.

use futures::FutureExt;
use mcp_layers_core::request::meta_key;
use rmcp::{
    ErrorData, RoleServer,
    model::{ClientRequest, ProtocolVersion, Request, RequestId, ServerResult},
    service::RequestContext,
};
use serde_json::json;

use super::{Pipe, params};

type Handled = Result<ServerResult, ErrorData>;

/// Which protocol the client speaks: one with a handshake, or the one without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    Legacy,
    Modern,
}

impl Era {
    pub(crate) fn version(self) -> ProtocolVersion {
        match self {
            Self::Legacy => ProtocolVersion::V_2025_11_25,
            Self::Modern => ProtocolVersion::V_2026_07_28,
        }
    }
}

/// A `tools/call` as it reaches a server.
#[derive(Clone)]
pub(crate) struct Call {
    request: ClientRequest,
    context: RequestContext<RoleServer>,
}

impl Call {
    /// A call that came over this connection.
    pub(crate) fn over(pipe: &Pipe, era: Era) -> Self {
        let mut context = RequestContext::new(RequestId::Number(7), pipe.server_peer().clone());
        if era == Era::Modern {
            let meta = &mut context.meta.0.0;
            meta.insert(
                meta_key::PROTOCOL_VERSION.to_owned(),
                era.version().as_str().into(),
            );
            meta.insert(
                meta_key::CLIENT_INFO.to_owned(),
                json!({"name": "bench", "version": "1"}),
            );
            meta.insert(meta_key::CLIENT_CAPABILITIES.to_owned(), json!({}));
        }
        Self {
            request: ClientRequest::CallToolRequest(Request::new(params())),
            context,
        }
    }
}

/// Gives the call to the service, which must have its answer at once.
pub(crate) fn answer<T: rmcp::Service<RoleServer>>(service: &T, call: Call) -> Handled {
    service
        .handle_request(call.request, call.context)
        .now_or_never()
        .expect("nothing waits")
}
