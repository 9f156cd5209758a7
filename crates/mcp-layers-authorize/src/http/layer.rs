use std::sync::{Arc, atomic::Ordering::Relaxed};

use mcp_layers_core::{ConfigError, http::Challenge};
use tower_layer::Layer;

use super::{edge::Edge, service::AuthorizeHttp};
use crate::layer::AuthorizeLayer;

/// The policy of an [`AuthorizeLayer`] around an HTTP transport: answers 403 with a scope challenge
/// before the transport reads the request. The transport itself would answer 200 with an error inside.
///
/// It belongs inside the layer that authenticates, and around the transport, whose handler has the
/// [`AuthorizeLayer`] that it is made from in its stack: that layer decides again, filters lists, and
/// answers everything that needs no challenge.
///
/// # Rules
///
/// 1. The principal is the `Arc<Principal>` (or `Principal`) in the request's extensions. Without a
///    verified one: 401 for every request.
/// 2. The body decides, never a header: it is read up to [`AuthorizeHttpLayer::max_body`] (413
///    beyond), and passed on byte for byte, for hidden names too. `Mcp-*` headers that contradict the
///    body are refused by the transport, with 400 and -32020.
/// 3. A message with a duplicate member in its envelope, in `params` or in `_meta` gets 400 and -32600
///    from the edge for every principal: two readers could take it for different requests.
/// 4. A body that is not a JSON-RPC message is left to the transport.
/// 5. A denial with missing scopes: 403, a JSON-RPC error, and
///    `WWW-Authenticate: Bearer error="insufficient_scope"` with every scope that the operation needs
///    (RFC 6750, section 3.1; MCP 2026-07-28, basic/authorization, "Scope Challenge Handling"). A
///    batch is decided as a whole, with the scopes of all its denials. Every other denial, and
///    everything hidden, is passed on and answered by the MCP layer, so that a hidden name takes the
///    same way as an unknown one (403 where unknown names need a scope too); the transport does not
///    find a hidden tool
///    ([`hidden_tool`](mcp_layers_core::hidden_tool)). If that layer wraps nothing, the edge answers.
/// 6. A legacy session is bound to the principal whose `initialize` opened it. Any request in the
///    session of another principal, or in one that is not bound, is sent on with an id that the
///    transport does not have, which answers it as any unknown session: 404, and a `DELETE` as if it
///    had ended one (MCP 2025-11-25, basic/transports, "Session Management"). A session ends
///    with a successful `DELETE`, or when the transport answers 404 to its owner. From 2026-07-28 on
///    there are no sessions: the header is removed. With `AuthorizeLayer::signed_ids` (feature
///    `signed`) clients get a signed id, which every replica turns back into the transport's.
/// 7. Every refusal of the edge has a [`Trail`](mcp_layers_core::Trail) with a
///    [`Denied`](mcp_layers_core::Event::Denied) event in the response's extensions, and an event
///    of `tracing` at level `DEBUG`. Next to the trail are the verified principal
///    (`Arc<Principal>`) and the request as it was read from the body, if it was
///    ([`JsonRpcRequest`](mcp_layers_core::JsonRpcRequest)): the audit records both. The body of a
///    refused request is read to its end, up to the limit, so that clients do not see a broken
///    connection.
#[derive(Debug, Clone)]
pub struct AuthorizeHttpLayer {
    edge: Edge,
}

impl AuthorizeHttpLayer {
    /// The default of [`AuthorizeHttpLayer::max_body`]: 8 MiB.
    pub const DEFAULT_MAX_BODY: usize = 8 * 1024 * 1024;

    /// The HTTP edge of a layer: the same policy, the same sessions.
    #[must_use]
    pub fn new(layer: &AuthorizeLayer) -> Self {
        layer.state.has_edge.store(true, Relaxed);
        Self {
            edge: Edge {
                state: Arc::clone(&layer.state),
                settings: layer.settings,
                max_body: Self::DEFAULT_MAX_BODY,
                challenge: Challenge::new(),
                scopes_in_stack: false,
            },
        }
    }

    /// Sets the largest body that is read, in bytes. Default: 8 MiB, more than rmcp's transport
    /// accepts. A body is held in memory.
    ///
    /// # Errors
    ///
    /// `bytes` is zero.
    pub fn max_body(mut self, bytes: usize) -> Result<Self, ConfigError> {
        if bytes == 0 {
            return Err(ConfigError::new("the largest body has at least one byte"));
        }
        self.edge.max_body = bytes;
        Ok(self)
    }

    /// Sets the other parameters of challenges, usually `resource_metadata`. Error and scopes follow
    /// from the decision.
    #[must_use]
    pub fn challenge(mut self, challenge: Challenge) -> Self {
        self.edge.challenge = challenge;
        self
    }

    /// Leaves denials with missing scopes to the MCP layer, which answers them with the same JSON-RPC
    /// error and HTTP status 200: for clients that end their session on status 403, such as the Python
    /// SDK without OAuth. No client gets a challenge then. Default: status 403 and a challenge, as the
    /// specification requires.
    #[must_use]
    pub fn missing_scopes_in_stack(mut self) -> Self {
        self.edge.scopes_in_stack = true;
        self
    }
}

impl<S> Layer<S> for AuthorizeHttpLayer {
    type Service = AuthorizeHttp<S>;

    fn layer(&self, inner: S) -> AuthorizeHttp<S> {
        AuthorizeHttp::with_edge(inner, Arc::new(self.edge.clone()))
    }
}
