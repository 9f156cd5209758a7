//! The beginning of a call: the request that layers see.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use http::{Extensions, Version, request::Parts};
use mcp_layers_core::{JsonRpcRequest, McpError, McpRequest, Method, code, request::Transport};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::{ServiceExt, util::BoxCloneSyncService};

use super::{
    call::{Call, ToClient},
    calls::CallKey,
    exchange::Running,
    owner::{Owner, principal, session_id},
    screen::PROTOCOL_VERSION,
    shared::Shared,
    upstream::Upstream,
};
use crate::{id::Id, leaf::Way, message::Message, session::declared, splice::Sent};

/// The layers.
pub(super) type Stack =
    BoxCloneSyncService<JsonRpcRequest, mcp_layers_core::JsonRpcResponse, std::convert::Infallible>;

/// The layers, the way to the server, and the state of one service.
#[derive(Debug, Clone)]
pub(super) struct Edge {
    pub(super) stack: Stack,
    pub(super) upstream: Upstream,
    pub(super) shared: Arc<Shared>,
}

impl Edge {
    /// Begins a call.
    ///
    /// # Errors
    /// If the params are ambiguous, or the id is in use.
    pub(super) fn begin(
        &self,
        head: &Parts,
        (id, method): (Id, &str),
        message: Message,
        to_client: ToClient,
    ) -> Result<(Arc<Call>, Running), McpError> {
        message.params()?;
        let params = message.body().map_or(Ok(Value::Null), serde_json::from_str);
        let params = params.map_err(|_| McpError::public(code::PARSE_ERROR, "Parse error"))?;
        let request = JsonRpcRequest::new(id.for_layers(), method.to_owned()).with_params(params);
        let owner = Owner::of(&head.headers, &head.extensions);
        let mut request = self.describe(request, head, owner.as_ref());

        let key = owner.filter(|_| !request.is_modern()).map(|owner| CallKey {
            owner,
            id: id.clone(),
        });
        if let Some(key) = &key {
            let token = request.cancellation().clone();
            self.shared.calls.begin(key, token)?;
        }
        let sent = Sent {
            id,
            message,
            request: request.clone(),
        };
        let way = (self.shared.clone(), self.upstream.clone());
        let call = Arc::new(Call::new(way, head.clone(), sent, key, to_client));
        request.insert_extension(Way(call.clone()));
        let response = self.stack.clone().oneshot(request);
        let running = Box::pin(async move {
            let Ok(response) = response.await;
            response
        });
        Ok((call, running))
    }

    /// Gives a request what is known of its connection, its session and its caller.
    fn describe(
        &self,
        request: JsonRpcRequest,
        head: &Parts,
        owner: Option<&Owner>,
    ) -> JsonRpcRequest {
        let mut request = request
            .with_extensions(head.extensions.clone())
            .with_cancellation(CancellationToken::new());
        request = match head.version {
            Version::HTTP_3 => request.with_transport(Transport::Quic),
            _ => request.with_transport(Transport::Tcp),
        };
        if let Some(version) = http_version(head.version) {
            request = request.with_http_version(version);
        }
        if let Some(address) = peer_address(&head.extensions) {
            request = request.with_peer_address(address);
        }
        if let Some(id) = session_id(&head.headers) {
            request = request.with_session_id(id);
        }
        let session = owner.and_then(|owner| self.shared.sessions.get(owner));
        let version = head.headers.get(PROTOCOL_VERSION);
        if let Some(version) = version.and_then(|version| version.to_str().ok()) {
            request = request.with_protocol_version(version.to_owned());
        }
        if request.method() == Method::Initialize {
            let version = request
                .params()
                .get("protocolVersion")
                .and_then(Value::as_str);
            if let Some(version) = version.map(str::to_owned) {
                request = request.with_protocol_version(version);
            }
            let declared = Arc::new(declared(request.params()));
            request = request.with_declared(declared);
        } else if let Some(session) = session {
            request = session.declare(request);
        }
        if let Some(principal) = principal(&head.extensions) {
            request.context_mut().set_principal(principal);
        }
        if request.progress_token().is_some() {
            request.context_mut().watch_progress();
        }
        request
    }
}

fn http_version(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        Version::HTTP_2 => Some("2"),
        Version::HTTP_3 => Some("3"),
        _ => None,
    }
}

/// The client's address, where an HTTP layer left it, otherwise that of axum's peer.
fn peer_address(extensions: &Extensions) -> Option<IpAddr> {
    let address = extensions.get::<SocketAddr>().map(SocketAddr::ip);
    let address = address.or_else(|| extensions.get().copied());
    #[cfg(feature = "axum")]
    let address = address.or_else(|| {
        let axum::extract::ConnectInfo(address) = extensions.get()?;
        Some(SocketAddr::ip(address))
    });
    address
}
