//! Requests and their ends, as callbacks see them, and what callbacks add.

use std::{borrow::Cow, sync::Arc, time::Duration};

use mcp_layers_core::{ListedKind, McpRequest, Method, Principal, Trail, request::Transport};
use mcp_layers_util::conventions::{self, CallOutcome};
use opentelemetry::{Key, KeyValue, Value};

/// A summary of a request, which is there until its end.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RequestSummary {
    /// The method; `_OTHER` for one that the protocol does not have.
    pub method: Method<'static>,
    /// The tool, prompt, resource or task that the request names, as the caller sent it
    /// ([`McpRequest::target`]).
    pub target: Option<Arc<str>>,
    /// The kind of the target.
    pub target_kind: Option<ListedKind>,
    /// The verified principal, if an outer layer or the HTTP edge set one.
    pub principal: Option<Arc<Principal>>,
    /// The transport.
    pub transport: Option<Transport>,
    /// The protocol version; `_OTHER` for one that is not well known.
    pub protocol_version: Option<&'static str>,
}

impl RequestSummary {
    pub(crate) fn new<Req: McpRequest>(request: &Req) -> Self {
        Self {
            method: conventions::method(request),
            target: request.target().map(Arc::from),
            target_kind: request.target_kind(),
            principal: request.context().principal().cloned(),
            transport: request.connection().transport,
            protocol_version: conventions::protocol_version(request),
        }
    }
}

/// The end of a call: all that is known of it, together.
#[derive(Debug)]
#[non_exhaustive]
pub struct CallEnd<'a> {
    /// The request.
    pub request: &'a RequestSummary,
    /// The outcome.
    pub outcome: CallOutcome,
    /// The value of `error.type`; `None` for a call that did not fail.
    pub error_type: Option<Cow<'static, str>>,
    /// The message of a protocol error, as the peer receives it.
    pub message: Option<&'a str>,
    /// The decisions of inner layers. Empty for a call without a response.
    pub trail: &'a Trail,
    /// The time since the call began.
    pub duration: Duration,
    /// True for a long-lived request that was acknowledged, and stays open.
    pub is_opening: bool,
}

/// The attributes that a callback adds to a span.
///
/// A span keeps all attributes that it is given, so use a prefix of your own, and no name that this crate
/// sets. What is added is exported: add no secrets.
#[derive(Debug, Default)]
pub struct Attributes(Vec<KeyValue>);

impl Attributes {
    /// Adds an attribute.
    pub fn add(&mut self, key: impl Into<Key>, value: impl Into<Value>) {
        self.0.push(KeyValue::new(key, value));
    }

    pub(crate) fn into_vec(self) -> Vec<KeyValue> {
        self.0
    }
}
