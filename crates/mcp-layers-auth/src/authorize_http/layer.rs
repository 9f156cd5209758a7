use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::AuthorizeHttp;
use crate::{
    AuthorizeLayer, Challenge, Policy,
    authorize::{Settings, Shared},
};

/// The policy of an [`AuthorizeLayer`] at the HTTP edge: answers 403 with a challenge before the
/// transport of MCP sees the request, which would answer 200 with an error inside.
///
/// It belongs inside of what authenticates, and around the transport, whose handler has the
/// [`AuthorizeLayer`] that it is made from in its stack: that one decides again, filters lists, and
/// answers for what is hidden.
///
/// # Rules
///
/// 1. The principal is the `Arc<Principal>` (or `Principal`) in the request's extensions. Without a
///    verified one: 401, whatever the request is.
/// 2. The body decides, never a header: it is read up to [`AuthorizeHttpLayer::max_body`] (413
///    beyond), taken apart, and handed on byte for byte. One that is no message of JSON-RPC gets
///    400. Each message of a batch is decided about. `Mcp-*` headers that contradict the body are
///    refused by the transport, with 400 and -32020.
/// 3. A denial: 403, a JSON-RPC error with all missing scopes, and, if scopes would help,
///    `WWW-Authenticate: Bearer error="insufficient_scope"` with every scope that the operation needs
///    (RFC 6750, section 3.1; MCP 2026-07-28, basic/authorization, "Scope Challenge Handling").
/// 4. What is hidden is handed on, so that the MCP layer answers it as the transport would answer an
///    unknown name; without its arguments and the headers that repeat them, because the transport
///    would check those against a tool that is not to be known. If that layer was put around
///    nothing, the edge answers by itself.
/// 5. A legacy session is bound to the principal whose `initialize` opened it. With the session id
///    of somebody else, or one that is not bound, any request (`GET` and `DELETE` too) gets 404, the
///    answer to an unknown session (MCP 2025-11-25, basic/transports, "Session Management").
/// 6. What was decided is in the response's extensions: a [`Trail`](mcp_layers_core::Trail).
pub struct AuthorizeHttpLayer<P> {
    edge: Edge<P>,
}

/// What the services need.
pub(super) struct Edge<P> {
    pub(super) shared: Arc<Shared<P>>,
    pub(super) settings: Settings,
    pub(super) max_body: usize,
    pub(super) challenge: Challenge,
}

impl<P: Policy> AuthorizeHttpLayer<P> {
    /// The default of [`AuthorizeHttpLayer::max_body`]: 4 MiB.
    pub const DEFAULT_MAX_BODY: usize = 4 * 1024 * 1024;

    /// The edge of a layer: the same policy, the same sessions.
    #[must_use]
    pub fn new(layer: &AuthorizeLayer<P>) -> Self {
        layer.shared().set_edge();
        Self {
            edge: Edge {
                shared: Arc::clone(layer.shared()),
                settings: layer.settings(),
                max_body: Self::DEFAULT_MAX_BODY,
                challenge: Challenge::new(),
            },
        }
    }
}

impl<P> AuthorizeHttpLayer<P> {
    /// The largest body that is read, in bytes; 4 MiB by default. It is held in memory.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.edge.max_body = bytes;
        self
    }

    /// What challenges say besides: `resource_metadata`, as a rule. Error and scopes are set by the
    /// decision.
    #[must_use]
    pub fn challenge(mut self, challenge: Challenge) -> Self {
        self.edge.challenge = challenge;
        self
    }
}

impl<S, P> Layer<S> for AuthorizeHttpLayer<P> {
    type Service = AuthorizeHttp<S, P>;

    fn layer(&self, inner: S) -> AuthorizeHttp<S, P> {
        AuthorizeHttp::new(inner, Arc::new(self.edge.clone()))
    }
}

impl<P> Clone for Edge<P> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            settings: self.settings,
            max_body: self.max_body,
            challenge: self.challenge.clone(),
        }
    }
}

impl<P> Clone for AuthorizeHttpLayer<P> {
    fn clone(&self) -> Self {
        Self {
            edge: self.edge.clone(),
        }
    }
}

impl<P> fmt::Debug for AuthorizeHttpLayer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizeHttpLayer")
            .field("settings", &self.edge.settings)
            .field("max_body", &self.edge.max_body)
            .field("challenge", &self.edge.challenge)
            .finish_non_exhaustive()
    }
}
