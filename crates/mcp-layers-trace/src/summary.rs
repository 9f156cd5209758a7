//! Requests and their ends, as callbacks see them.

use std::{borrow::Cow, sync::Arc, time::Duration};

use mcp_layers_core::{ListedKind, McpRequest, Method, Principal, Trail, request::Transport};
use mcp_layers_util::conventions::{self, CallOutcome};

/// A summary of a request, which is there until its end.
#[derive(Debug, Clone)]
pub struct RequestSummary {
    method: Method<'static>,
    target: Option<Arc<str>>,
    kind: Option<ListedKind>,
    principal: Option<Arc<Principal>>,
    transport: Option<Transport>,
    protocol_version: Option<&'static str>,
}

impl RequestSummary {
    pub(crate) fn new<Req: McpRequest>(request: &Req) -> Self {
        Self {
            method: conventions::method(request),
            target: request.target().map(Arc::from),
            kind: request.target_kind(),
            principal: request.context().principal().cloned(),
            transport: request.connection().transport,
            protocol_version: conventions::protocol_version(request),
        }
    }

    /// The method; `_OTHER` for one that the protocol does not have.
    #[must_use]
    pub fn method(&self) -> Method<'static> {
        self.method
    }

    /// The tool, prompt, resource or task that the request names, as the caller sent it
    /// ([`McpRequest::target`]).
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    /// The kind of the target.
    #[must_use]
    pub fn target_kind(&self) -> Option<ListedKind> {
        self.kind
    }

    /// The verified principal, if an outer layer or the HTTP edge set one.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        self.principal.as_deref()
    }

    /// The transport.
    #[must_use]
    pub fn transport(&self) -> Option<Transport> {
        self.transport
    }

    /// The protocol version; `_OTHER` for one that is not well known.
    #[must_use]
    pub fn protocol_version(&self) -> Option<&'static str> {
        self.protocol_version
    }
}

/// The end of a call: all that is known of it, together.
#[derive(Debug)]
pub struct CallEnd<'a> {
    pub(crate) request: &'a RequestSummary,
    pub(crate) outcome: CallOutcome,
    pub(crate) error_type: Option<Cow<'static, str>>,
    pub(crate) message: Option<&'a str>,
    pub(crate) trail: &'a Trail,
    pub(crate) duration: Duration,
    pub(crate) is_opening: bool,
}

impl<'a> CallEnd<'a> {
    /// The request.
    #[must_use]
    pub fn request(&self) -> &'a RequestSummary {
        self.request
    }

    /// The outcome.
    #[must_use]
    pub fn outcome(&self) -> CallOutcome {
        self.outcome
    }

    /// The value of `error.type`; `None` for a call that did not fail.
    #[must_use]
    pub fn error_type(&self) -> Option<&str> {
        self.error_type.as_deref()
    }

    /// The message of a protocol error, as the peer receives it.
    #[must_use]
    pub fn message(&self) -> Option<&'a str> {
        self.message
    }

    /// The decisions of inner layers. Empty for a call without a response.
    #[must_use]
    pub fn trail(&self) -> &'a Trail {
        self.trail
    }

    /// The time since the call began.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// Returns true for a long-lived request that was acknowledged, and stays open.
    #[must_use]
    pub fn is_opening(&self) -> bool {
        self.is_opening
    }
}
