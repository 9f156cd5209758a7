//! The record of one request.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use mcp_layers_audit_log::Digest;
use mcp_layers_core::{
    Arguments, Authentication, ListedKind, McpRequest, McpResponse, Method, Principal,
    adapter::{json_size, map_size},
    request::{RequestId, Transport},
};

use mcp_layers_redact::redact_uri;

use crate::{
    CacheState, CallOutcome, Decision, Original, TraceId, decision::FromTrail, settings::Settings,
    text::cut,
};

/// The size of the largest arguments and results that are digested, in bytes: the digest of larger
/// ones would cost more than the call.
const MAX_DIGESTED: usize = 1024 * 1024;

/// Lengths of texts that callers choose, in bytes.
const TARGET_LIMIT: usize = 1024;
const NAME_LIMIT: usize = 128;
const PRINCIPAL_LIMIT: usize = 256;

/// The kinds of things that are digested. The same bytes have another digest as another kind.
#[derive(Debug, Clone, Copy)]
enum Domain {
    Arguments = b'a' as isize,
    Cursor = b'c' as isize,
    Principal = b'i' as isize,
    Params = b'p' as isize,
    Result = b'r' as isize,
    Session = b's' as isize,
    Target = b'u' as isize,
    Task = b't' as isize,
}

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
    /// The method; at the HTTP edge the `Mcp-Method` header, otherwise the verb.
    pub method: Box<str>,
    /// The subject of the request: a name, or a uri without user, query and fragment. A task id is
    /// digested instead.
    pub target: Option<Box<str>>,
    /// The digest of the target, unless the target was recorded unchanged.
    pub target_digest: Option<Digest>,
    /// The JSON-RPC id, unique only among the requests of one peer that are under way.
    pub id: Option<RequestIdText>,
    /// The caller, by a credential that was checked or by a claim: see [`Principal::is_verified`].
    pub principal: Option<Arc<Principal>>,
    /// The digest of issuer, tenant and subject, if one of them was cut.
    pub principal_digest: Option<Digest>,
    /// The name that the client claims.
    pub claimed_client_name: Option<Box<str>>,
    /// The version that the client claims.
    pub claimed_client_version: Option<Box<str>>,
    /// The address of the peer.
    pub client_address: Option<IpAddr>,
    /// The transport.
    pub transport: Option<Transport>,
    /// The protocol version.
    pub protocol_version: Option<Box<str>>,
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
    pub arguments: Vec<(Box<str>, Box<str>)>,
    /// The approximate size of the arguments as JSON, in bytes; only with
    /// [`AuditLayer::sizes`](crate::AuditLayer::sizes).
    pub request_size: Option<usize>,
    /// The outcome.
    pub outcome: CallOutcome,
    /// The layer that decided.
    pub decision: Decision,
    /// The number of attempts: 1 without a retry.
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
    pub error_id: Option<Box<str>>,
    /// A masked error, or the message of a panic or a failure; only with
    /// [`AuditLayer::originals`](crate::AuditLayer::originals).
    pub original: Option<Box<Original>>,
}

/// A JSON-RPC id. A text is cut to 128 bytes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum RequestIdText {
    /// A number.
    Number(i64),
    /// A text.
    Text(Box<str>),
}

impl Record {
    /// A record without anything about a request.
    pub(crate) fn new(sequence: u64, method: &str) -> Self {
        Self {
            sequence,
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

    /// A record of what is known before a request runs.
    pub(crate) fn of<Req: McpRequest>(settings: &Settings, request: &Req, sequence: u64) -> Self {
        let method = request.method();
        let connection = request.connection();
        let mut record = Self::new(sequence, method.as_str());
        record.long_lived = method.is_long_lived();
        record.set_principal(settings, request.context().principal());
        record.client_address = connection.peer_address;
        record.transport = connection.transport;
        record.set_session(settings, connection.session_id);
        record.trace_id = trace_id(settings, request);
        record.cursor = request
            .cursor()
            .map(|cursor| digest(settings, Domain::Cursor, cursor));
        record.continuation = request.is_continuation();
        if let Some(target) = request.target() {
            record.set_target(settings, &method, target);
        }
        record.id = match request.id() {
            Some(RequestId::Number(number)) => Some(RequestIdText::Number(number)),
            Some(RequestId::String(text)) => Some(RequestIdText::Text(cut(text, NAME_LIMIT))),
            _ => None,
        };
        if let Some(client) = request.client_info() {
            record.claimed_client_name = Some(cut(&client.name, NAME_LIMIT));
            record.claimed_client_version = Some(cut(&client.version, NAME_LIMIT));
        }
        let version = request.protocol_version();
        record.protocol_version = version.map(|version| cut(&version, NAME_LIMIT));
        record.read_arguments(settings, request);
        record
    }

    pub(crate) fn set_session(&mut self, settings: &Settings, id: Option<&str>) {
        self.session = id.map(|id| digest(settings, Domain::Session, id));
    }

    /// Keeps the principal, or a copy of it whose texts are cut.
    pub(crate) fn set_principal(
        &mut self,
        settings: &Settings,
        principal: Option<&Arc<Principal>>,
    ) {
        let Some(whole) = principal else { return };
        let optional = [whole.issuer(), whole.tenant(), whole.client_id()];
        let fits = |text: &str| text.len() <= PRINCIPAL_LIMIT;
        if fits(whole.subject()) && optional.into_iter().flatten().all(fits) {
            self.principal = Some(Arc::clone(whole));
            return;
        }
        let kept = |text: &str| cut(text, PRINCIPAL_LIMIT);
        let mut short = Principal::new(kept(whole.subject()), whole.authentication());
        if let Some(issuer) = whole.issuer() {
            short = short.with_issuer(kept(issuer));
        }
        if let Some(tenant) = whole.tenant() {
            short = short.with_tenant(kept(tenant));
        }
        if let Some(client) = whole.client_id() {
            short = short.with_client_id(kept(client));
        }
        self.principal = Some(Arc::new(short));
        let identity = serde_json::json!([whole.issuer(), whole.tenant(), whole.subject()]);
        self.principal_digest = Some(digest(settings, Domain::Principal, &identity.to_string()));
    }

    fn set_target(&mut self, settings: &Settings, method: &Method<'_>, target: &str) {
        let is_uri = match method {
            Method::GetTask | Method::TaskResult | Method::UpdateTask | Method::CancelTask => {
                self.target_digest = Some(digest(settings, Domain::Task, target));
                return;
            }
            method => method.target_kind() == Some(ListedKind::Resource),
        };
        let mut kept = &*redact_uri(target);
        if is_uri {
            // A relative reference has no scheme, by which a uri is recognised.
            kept = kept.split(['?', '#']).next().unwrap_or_default();
        }
        self.set_cut_target(settings, target, kept);
    }

    /// Keeps a target, with the digest of the whole if it was changed.
    pub(crate) fn set_cut_target(&mut self, settings: &Settings, whole: &str, kept: &str) {
        let kept = cut(kept, TARGET_LIMIT);
        if *kept != *whole {
            self.target_digest = Some(digest(settings, Domain::Target, whole));
        }
        self.target = Some(kept);
    }

    fn read_arguments<Req: McpRequest>(&mut self, settings: &Settings, request: &Req) {
        if let Some(list) = &settings.arguments
            && let Some(target) = request.target()
        {
            self.arguments = list.values(target, request.arguments());
        }
        if !settings.digest_arguments && !settings.sizes && !self.continuation {
            return;
        }
        let arguments = request.arguments();
        let size = size(arguments);
        self.request_size = settings.sizes.then_some(size);
        if size > MAX_DIGESTED {
            return;
        }
        if settings.digest_arguments && !matches!(arguments, Arguments::None) {
            let write = |out: &mut Vec<u8>| arguments.write_canonical(out);
            self.arguments_digest = Some(digest_written(settings, Domain::Arguments, write));
        }
        if self.continuation {
            let write = |out: &mut Vec<u8>| request.write_params(out);
            self.continuation_digest = Some(digest_written(settings, Domain::Params, write));
        }
    }

    /// Adds what an answer and its trail report.
    pub(crate) fn read_response<Res: McpResponse>(&mut self, settings: &Settings, response: &Res) {
        self.outcome = CallOutcome::of(&response.outcome());
        self.read_trail(FromTrail::read(response.trail(), settings.originals));
        self.task = response
            .task_id()
            .map(|id| digest(settings, Domain::Task, id));
        let next = response.next_cursor();
        self.next_cursor = next.map(|cursor| digest(settings, Domain::Cursor, cursor));
        if settings.sizes || settings.digest_results {
            let size = response.size_estimate();
            self.response_size = settings.sizes.then_some(size);
            if settings.digest_results && size <= MAX_DIGESTED {
                let write = |out: &mut Vec<u8>| response.write_json(out);
                self.result_digest = Some(digest_written(settings, Domain::Result, write));
            }
        }
    }

    pub(crate) fn read_trail(&mut self, read: FromTrail) {
        self.decision = read.decision;
        self.attempts = read.attempts;
        self.cache = read.cache;
        self.filtered = read.filtered;
        self.error_id = read.error_id;
        self.original = read.original.map(Box::new);
    }

    /// Ends a request without an answer.
    pub(crate) fn end(&mut self, outcome: CallOutcome, decision: Decision) {
        self.outcome = outcome;
        self.decision = decision;
        self.attempts = 1;
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

fn trace_id<Req: McpRequest>(settings: &Settings, request: &Req) -> Option<TraceId> {
    let current = settings.trace_id.as_ref().and_then(|trace_id| trace_id());
    current.or_else(|| TraceId::from_traceparent(request.meta()?.get("traceparent")?.as_str()?))
}

fn size(arguments: Arguments<'_>) -> usize {
    match arguments {
        Arguments::Map(map) => map_size(map),
        Arguments::Value(value) => json_size(value),
        Arguments::Raw(text) => text.len(),
        _ => 0,
    }
}

fn digest(settings: &Settings, domain: Domain, text: &str) -> Digest {
    settings.digester.digest(domain as u8, text.as_bytes())
}

fn digest_written(settings: &Settings, domain: Domain, write: impl FnOnce(&mut Vec<u8>)) -> Digest {
    let mut bytes = Vec::new();
    write(&mut bytes);
    settings.digester.digest(domain as u8, &bytes)
}
