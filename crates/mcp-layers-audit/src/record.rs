//! The record of one request.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use mcp_layers_audit_log::Digest;
use mcp_layers_core::{Authentication, Principal, request::Transport};

use crate::{
    CacheState, CallOutcome, Decision, Original, TraceId,
    text::{NAME_LIMIT, Text, cut},
};

/// The record of one request, not encoded yet.
///
/// Texts that the caller chose are cut (targets to 1,024 bytes, texts of the principal to 256, names
/// to 128); a cut text ends with `…`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Record {
    /// The number of the record in its layer, from 0. An opening and a closing record share it.
    pub sequence: u64,
    /// The time at which the request came.
    pub time: SystemTime,
    /// The time at which the request came, by the monotonic clock since the service was made.
    pub monotonic: Duration,
    /// The duration of the request; `None` in an opening record.
    pub duration: Option<Duration>,
    /// True if the request has an opening and a closing record.
    pub opened: bool,
    /// True if the request is long-lived.
    pub long_lived: bool,
    /// The method; that of HTTP for a request that the HTTP edge refused before it read the body.
    pub method: Text,
    /// The subject of the request: a name, or a uri without user, query and fragment. A task id is
    /// digested instead.
    pub target: Option<Text>,
    /// The digest of the target, unless the target was recorded unchanged.
    pub target_digest: Option<Digest>,
    /// The JSON-RPC id, unique only among the requests of one peer that are under way.
    pub id: Option<RequestIdText>,
    /// The caller, by a credential that was checked or by a claim: see [`Principal::is_verified`].
    pub principal: Option<Arc<Principal>>,
    /// The digest of issuer, tenant and subject, if one of them was cut.
    pub principal_digest: Option<Digest>,
    /// The name that the client claims.
    pub claimed_client_name: Option<Text>,
    /// The version that the client claims.
    pub claimed_client_version: Option<Text>,
    /// The address of the peer.
    pub client_address: Option<IpAddr>,
    /// The transport.
    pub transport: Option<Transport>,
    /// The protocol version.
    pub protocol_version: Option<Text>,
    /// The session id of the legacy HTTP transport, digested.
    pub session: Option<Digest>,
    /// The trace, from `params._meta.traceparent` or
    /// [`AuditLayer::trace_id`](crate::AuditLayer::trace_id).
    pub trace_id: Option<TraceId>,
    /// The arguments, digested; only with [`AuditLayer::key`](crate::AuditLayer::key).
    pub arguments_digest: Option<Digest>,
    /// The cursor of a list request, digested.
    pub cursor: Option<Digest>,
    /// True if the request continues an earlier one.
    pub continuation: bool,
    /// The parameters of a continuation, `requestState` included, digested.
    pub continuation_digest: Option<Digest>,
    /// Allow-listed argument values, redacted and cut.
    pub arguments: Vec<(Text, Text)>,
    /// The approximate size of the arguments as JSON, in bytes; only with
    /// [`AuditLayer::sizes`](crate::AuditLayer::sizes).
    pub request_size: Option<usize>,
    /// The outcome.
    pub outcome: CallOutcome,
    /// The layer that decided.
    pub decision: Decision,
    /// The number of attempts: 1 without a retry, and where a retry ended with an error of the service
    /// instead of a response.
    pub attempts: u32,
    /// The part of the cache.
    pub cache: Option<CacheState>,
    /// The number of entries that policies took out of a list.
    pub filtered: usize,
    /// The approximate size of the answer as JSON, in bytes; only with
    /// [`AuditLayer::sizes`](crate::AuditLayer::sizes).
    pub response_size: Option<usize>,
    /// The result, digested; only with
    /// [`AuditLayer::digest_results`](crate::AuditLayer::digest_results).
    pub result_digest: Option<Digest>,
    /// The task that the answer created or reports, digested.
    pub task: Option<Digest>,
    /// The cursor of the next page, digested as [`Record::cursor`] is.
    pub next_cursor: Option<Digest>,
    /// The id that the caller can quote in the place of a masked error.
    pub error_id: Option<Text>,
    /// A masked error, or the message of a panic or a failure; only with
    /// [`AuditLayer::originals`](crate::AuditLayer::originals).
    pub original: Option<Arc<Original>>,
}

/// A JSON-RPC id. A text is cut to 128 bytes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum RequestIdText {
    /// A number.
    Number(i64),
    /// A text.
    Text(Text),
}

impl Record {
    /// A record without anything about a request.
    pub(crate) fn new(method: &str) -> Self {
        Self {
            sequence: 0,
            time: SystemTime::UNIX_EPOCH,
            monotonic: Duration::ZERO,
            duration: None,
            opened: false,
            long_lived: false,
            method: cut(method, NAME_LIMIT),
            target: None,
            target_digest: None,
            id: None,
            principal: None,
            principal_digest: None,
            claimed_client_name: None,
            claimed_client_version: None,
            client_address: None,
            transport: None,
            protocol_version: None,
            session: None,
            trace_id: None,
            arguments_digest: None,
            cursor: None,
            continuation: false,
            continuation_digest: None,
            arguments: Vec::new(),
            request_size: None,
            outcome: CallOutcome::Open,
            decision: Decision::HANDLER,
            attempts: 0,
            cache: None,
            filtered: 0,
            response_size: None,
            result_digest: None,
            task: None,
            next_cursor: None,
            error_id: None,
            original: None,
        }
    }

    /// The verified principal.
    pub(crate) fn verified(&self) -> Option<&Principal> {
        self.principal
            .as_deref()
            .filter(|principal| principal.is_verified())
    }

    /// The principal that is only claimed.
    pub(crate) fn claimed(&self) -> Option<&Principal> {
        self.principal
            .as_deref()
            .filter(|principal| !principal.is_verified())
    }
}

/// The way a principal was authenticated, as a label.
pub(crate) fn authentication(principal: &Principal) -> &'static str {
    match principal.authentication() {
        Authentication::Unverified => "none",
        Authentication::Bearer => "bearer",
        Authentication::ApiKey => "api_key",
        Authentication::Local => "local",
        Authentication::Other(name) => name,
        _ => "other",
    }
}
