//! The content of records: what is kept of a request, of its answer, and of the answer's trail.

use std::sync::Arc;

use mcp_layers_audit_log::Digest;
use mcp_layers_core::{
    Arguments, Event, ListedKind, McpRequest, McpResponse, Method, Principal, Trail,
    adapter::{json_size, map_size},
    request::RequestId,
};
use mcp_layers_redact::redact_uri;

use crate::{
    CacheState, CallOutcome, Decision, Original, TraceId,
    record::{Record, RequestIdText},
    settings::Settings,
    text::{NAME_LIMIT, cut},
};

/// The size of the largest arguments and results that are digested, in bytes: the digest of larger
/// ones would cost more than the call.
const MAX_DIGESTED: usize = 1024 * 1024;

/// Lengths of texts that callers choose, in bytes.
const TARGET_LIMIT: usize = 1024;
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

impl Record {
    /// A record of what is known before a request runs.
    pub(crate) fn of<Req: McpRequest>(settings: &Settings, request: &Req) -> Self {
        let method = request.method();
        let connection = request.connection();
        let mut record = Self::new(method.as_str());
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
        let kept = |text: &str| -> Box<str> { (*cut(text, PRINCIPAL_LIMIT)).into() };
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
        self.read_trail(response.trail(), settings.originals);
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

    /// Reads the trail of a response. Where several layers decided, the outermost counts: it was the
    /// last to do so.
    pub(crate) fn read_trail(&mut self, trail: &Trail, originals: bool) {
        self.attempts = 1;
        for event in trail.events() {
            if let Some(decision) = Decision::of(event) {
                self.decision = decision;
            }
            match event {
                Event::Attempt { number, .. } => self.attempts = self.attempts.max(*number),
                Event::Cache(event) => self.cache = CacheState::of(event),
                Event::Filtered { entries } => self.filtered += entries,
                Event::Masked { error_id, original } => {
                    self.error_id = Some(cut(error_id, NAME_LIMIT));
                    self.original =
                        originals.then(|| Original::of(&original.message, Some(original)));
                }
                Event::Panicked { message: text } | Event::Failed { cause: text } if originals => {
                    self.original = Some(Original::of(text, None));
                }
                _ => {}
            }
        }
    }

    /// Ends a request without an answer.
    pub(crate) fn end(&mut self, outcome: CallOutcome, decision: Decision) {
        self.outcome = outcome;
        self.decision = decision;
        self.attempts = 1;
    }
}

fn trace_id<Req: McpRequest>(settings: &Settings, request: &Req) -> Option<TraceId> {
    let current = settings.trace_id.as_ref().and_then(|trace_id| trace_id.0());
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

#[cfg(test)]
#[path = "../tests/unit/collect.rs"]
mod tests;
