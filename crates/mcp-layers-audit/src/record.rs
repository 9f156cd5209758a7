//! What is recorded of one request.

use std::{cell::RefCell, net::IpAddr, sync::Arc, time::Duration};

use mcp_layers_core::{
    Arguments, McpRequest, McpResponse, Method, Principal, RequestId, Transport, json_size,
    map_size,
};

use crate::{
    CacheState, Decision, Digest, Ending, Original, TraceId,
    digest::Sort,
    ending::FromTrail,
    layer::Settings,
    redact::scrub_uri,
    text::{Slot, Texts},
};

/// Arguments and results beyond this many bytes are not digested: the digest would cost more than
/// the call.
const DIGESTED: usize = 1024 * 1024;

/// What is recorded of one request: compact, and not serialised yet.
///
/// Texts that the caller chose are cut (target 1,024 bytes, names 128); `…` at the end says so.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Record {
    /// Which record of this layer it is, from 0. An open and a close record share the number.
    pub sequence: u64,
    /// When the request came: nanoseconds since the Unix epoch.
    pub unix_nanos: i64,
    /// When the request came, by the monotonic clock since the layer was made.
    pub monotonic: Duration,
    /// How long it took; `None` in an open record.
    pub duration: Option<Duration>,
    /// Whether this belongs to a long-lived request, which has an open record and a close record.
    pub long_lived: bool,
    /// Who is calling, by a credential that was checked, or by a claim: see
    /// [`Principal::is_verified`].
    pub principal: Option<Arc<Principal>>,
    /// The address of the socket's other end.
    pub client_address: Option<IpAddr>,
    /// The transport.
    pub transport: Option<Transport>,
    /// The session id of the legacy HTTP transport, digested.
    pub session: Option<Digest>,
    /// The trace, from `params._meta.traceparent` or [`AuditLayer::trace_id`](crate::AuditLayer::trace_id).
    pub trace_id: Option<TraceId>,
    /// The target's digest, where the target is a task id, or a uri that was not recorded whole.
    pub target_digest: Option<Digest>,
    /// The arguments, digested; only with [`AuditLayer::key`](crate::AuditLayer::key).
    pub arguments_digest: Option<Digest>,
    /// The cursor of a list request, digested.
    pub cursor: Option<Digest>,
    /// Whether the request goes on with an earlier one.
    pub continuation: bool,
    /// Of a continuation: all its parameters, `requestState` among them, digested.
    pub continuation_digest: Option<Digest>,
    /// Allow-listed argument values, redacted and cut.
    pub arguments: Vec<(Box<str>, Box<str>)>,
    /// About how many bytes the arguments have as JSON; only with
    /// [`AuditLayer::sizes`](crate::AuditLayer::sizes).
    pub request_size: Option<usize>,
    /// How the request ended.
    pub ending: Ending,
    /// Which layer decided so.
    pub decision: Decision,
    /// How often the request was tried: 1 without a retry.
    pub attempts: u32,
    /// What the cache did.
    pub cache: Option<CacheState>,
    /// How many entries policies took out of a list.
    pub filtered: usize,
    /// About how many bytes the answer has as JSON; only with
    /// [`AuditLayer::sizes`](crate::AuditLayer::sizes).
    pub response_size: Option<usize>,
    /// The result, digested; only with
    /// [`AuditLayer::digest_results`](crate::AuditLayer::digest_results).
    pub result_digest: Option<Digest>,
    /// The task that the answer created or reports, digested.
    pub task: Option<Digest>,
    /// Where the next page begins, digested as [`Record::cursor`] is.
    pub next_cursor: Option<Digest>,
    /// What the caller got to quote in the place of a masked error.
    pub error_id: Option<Box<str>>,
    /// What was masked, or what a panic or a failure said; only with
    /// [`AuditLayer::originals`](crate::AuditLayer::originals).
    pub original: Option<Box<Original>>,
    known_method: Option<Method<'static>>,
    number_id: Option<i64>,
    texts: Texts,
}

impl Record {
    /// The method.
    #[must_use]
    pub fn method(&self) -> &str {
        match &self.known_method {
            Some(method) => method.as_str(),
            None => self.texts.get(Slot::Method).unwrap_or_default(),
        }
    }

    /// What the request was about: a name, or a uri without user, query and fragment. A task id is
    /// digested instead.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        self.texts.get(Slot::Target)
    }

    /// The JSON-RPC id, unique only among the requests in flight of one peer.
    #[must_use]
    pub fn id(&self) -> Option<RequestId<'_>> {
        match self.number_id {
            Some(number) => Some(RequestId::Number(number)),
            None => self.texts.get(Slot::Id).map(RequestId::String),
        }
    }

    /// What the client calls itself. Nobody checked it.
    #[must_use]
    pub fn claimed_client_name(&self) -> Option<&str> {
        self.texts.get(Slot::ClientName)
    }

    /// What the client says its version is. Nobody checked it.
    #[must_use]
    pub fn claimed_client_version(&self) -> Option<&str> {
        self.texts.get(Slot::ClientVersion)
    }

    /// The protocol version.
    #[must_use]
    pub fn protocol_version(&self) -> Option<&str> {
        self.texts.get(Slot::Protocol)
    }

    /// What the request says of itself.
    pub(crate) fn of<Req: McpRequest>(settings: &Settings, request: &Req, sequence: u64) -> Self {
        let method = request.method();
        let connection = request.connection();
        let digester = &settings.digester;
        let digest = |sort, text: &str| digester.digest(sort, text.as_bytes());
        let mut record = Self {
            sequence,
            unix_nanos: 0,
            monotonic: Duration::ZERO,
            duration: None,
            long_lived: method.is_long_lived(),
            principal: request.context().principal().cloned(),
            client_address: connection.peer_address,
            transport: connection.transport,
            session: connection.session_id.map(|id| digest(Sort::Session, id)),
            trace_id: trace_id(settings, request),
            target_digest: None,
            arguments_digest: None,
            cursor: request.cursor().map(|cursor| digest(Sort::Cursor, cursor)),
            continuation: request.is_continuation(),
            continuation_digest: None,
            arguments: Vec::new(),
            request_size: None,
            ending: Ending::Open,
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
            known_method: method.known(),
            number_id: None,
            texts: Texts::new(),
        };
        if record.known_method.is_none() {
            record.texts.set(Slot::Method, method.as_str());
        }
        if let Some(target) = request.target() {
            record.set_target(settings, &method, target);
        }
        match request.id() {
            Some(RequestId::Number(number)) => record.number_id = Some(number),
            Some(RequestId::String(text)) => record.texts.set(Slot::Id, text),
            _ => {}
        }
        if let Some(client) = request.client_info() {
            record.texts.set(Slot::ClientName, &client.name);
            record.texts.set(Slot::ClientVersion, &client.version);
        }
        if let Some(version) = request.protocol_version() {
            record.texts.set(Slot::Protocol, &version);
        }
        record.look_at_arguments(settings, request);
        record
    }

    fn set_target(&mut self, settings: &Settings, method: &Method<'_>, target: &str) {
        let digest = |sort| Some(settings.digester.digest(sort, target.as_bytes()));
        let is_task = matches!(
            method,
            Method::GetTask | Method::TaskResult | Method::UpdateTask | Method::CancelTask
        );
        if is_task {
            self.target_digest = digest(Sort::Task);
            return;
        }
        let shown = scrub_uri(target);
        if shown.len() != target.len() {
            self.target_digest = digest(Sort::Target);
        }
        self.texts.set(Slot::Target, &shown);
    }

    fn look_at_arguments<Req: McpRequest>(&mut self, settings: &Settings, request: &Req) {
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
        if size > DIGESTED {
            return;
        }
        if settings.digest_arguments && !matches!(arguments, Arguments::None) {
            let write = |out: &mut Vec<u8>| arguments.write_canonical(out);
            self.arguments_digest = Some(digest_of(settings, Sort::Arguments, write));
        }
        if self.continuation {
            let write = |out: &mut Vec<u8>| request.write_params(out);
            self.continuation_digest = Some(digest_of(settings, Sort::Params, write));
        }
    }

    /// What the answer says.
    pub(crate) fn look_at_response<Res: McpResponse>(
        &mut self,
        settings: &Settings,
        response: &Res,
    ) {
        self.ending = Ending::of(&response.outcome());
        self.attempts = 1;
        if !response.trail().is_empty() {
            let read = FromTrail::read(response.trail(), settings.originals);
            self.decision = read.decision;
            self.attempts = read.attempts;
            self.cache = read.cache;
            self.filtered = read.filtered;
            self.error_id = read.error_id;
            self.original = read.original.map(Box::new);
        }
        let digest = |sort, text: &str| settings.digester.digest(sort, text.as_bytes());
        self.task = response.task_id().map(|id| digest(Sort::Task, id));
        self.next_cursor = response
            .next_cursor()
            .map(|cursor| digest(Sort::Cursor, cursor));
        if settings.sizes || settings.digest_results {
            let size = response.size_estimate();
            self.response_size = settings.sizes.then_some(size);
            if settings.digest_results && size <= DIGESTED {
                let write = |out: &mut Vec<u8>| response.write_json(out);
                self.result_digest = Some(digest_of(settings, Sort::Result, write));
            }
        }
    }

    /// What is known when there is no answer.
    pub(crate) fn end(&mut self, ending: Ending, decision: Decision) {
        self.ending = ending;
        self.decision = decision;
        self.attempts = 1;
    }
}

fn trace_id<Req: McpRequest>(settings: &Settings, request: &Req) -> Option<TraceId> {
    if let Some(own) = settings.trace_id.as_ref().and_then(|trace_id| trace_id()) {
        return Some(own);
    }
    let header = request.meta()?.get("traceparent")?.as_str()?;
    TraceId::from_traceparent(header)
}

/// About how many bytes.
fn size(arguments: Arguments<'_>) -> usize {
    match arguments {
        Arguments::Map(map) => map_size(map),
        Arguments::Value(value) => json_size(value),
        Arguments::Raw(text) => text.len(),
        _ => 0,
    }
}

/// Digests what is written into a buffer that the thread keeps.
fn digest_of(settings: &Settings, sort: Sort, write: impl FnOnce(&mut Vec<u8>)) -> Digest {
    const KEPT: usize = 64 * 1024;
    thread_local! {
        static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    BUFFER.with_borrow_mut(|buffer| {
        buffer.clear();
        write(buffer);
        let digest = settings.digester.digest(sort, buffer);
        if buffer.capacity() > KEPT {
            *buffer = Vec::new();
        }
        digest
    })
}
