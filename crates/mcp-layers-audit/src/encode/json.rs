//! JSON, the format of this crate.

use mcp_layers_core::{Authentication, Principal, RequestId, Transport};

use super::{
    Encode,
    write::{Object, write_json_text},
    write_rfc3339,
};
use crate::Record;

/// One JSON object a record. Fields without a value are left out.
///
/// What the caller says of itself stands in `unverified`, apart from `principal`.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Json;

impl Json {
    /// The encoder.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Encode for Json {
    fn encode(&self, record: &Record, out: &mut Vec<u8>) {
        let mut object = Object::new(out);
        object.text("kind", "request");
        object.number("sequence", record.sequence);
        let time = object.key("time");
        time.push(b'"');
        write_rfc3339(record.unix_nanos, time);
        time.push(b'"');
        object.number("monotonic_ns", record.monotonic.as_nanos());
        object.number_if("duration_ns", record.duration.map(|took| took.as_nanos()));
        if record.long_lived {
            object.flag("long_lived", true);
        }
        object.text("method", record.method());
        object.text_if("target", record.target());
        object.shown_if("target_digest", record.target_digest);
        match record.id() {
            Some(RequestId::Number(number)) => object.number("id", number),
            Some(RequestId::String(text)) => object.text("id", text),
            _ => {}
        }
        write_who(record, &mut object);
        object.shown_if("client_address", record.client_address);
        object.text_if("transport", record.transport.map(Transport::as_str));
        object.text_if("protocol_version", record.protocol_version());
        object.shown_if("session", record.session);
        object.shown_if("trace_id", record.trace_id);
        write_what(record, &mut object);
        write_outcome(record, &mut object);
    }
}

/// Who called, and what the caller says of itself.
fn write_who(record: &Record, object: &mut Object<'_>) {
    let (verified, claimed) = match &record.principal {
        Some(principal) if principal.is_verified() => (Some(principal), None),
        principal => (None, principal.as_ref()),
    };
    if let Some(principal) = verified {
        write_principal(principal, &mut object.object("principal"));
    }
    let name = record.claimed_client_name();
    if claimed.is_some() || name.is_some() {
        let mut unverified = object.object("unverified");
        if let Some(principal) = claimed {
            write_principal(principal, &mut unverified);
        }
        unverified.text_if("client_name", name);
        unverified.text_if("client_version", record.claimed_client_version());
    }
}

fn write_principal(principal: &Principal, object: &mut Object<'_>) {
    object.text("subject", principal.subject());
    object.text_if("issuer", principal.issuer());
    object.text_if("client_id", principal.client_id());
    object.text_if("tenant", principal.tenant());
    object.text("authentication", authentication(principal));
}

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

/// What was asked for.
fn write_what(record: &Record, object: &mut Object<'_>) {
    object.shown_if("arguments_digest", record.arguments_digest);
    object.shown_if("cursor", record.cursor);
    if record.continuation {
        object.flag("continuation", true);
    }
    object.shown_if("continuation_digest", record.continuation_digest);
    if !record.arguments.is_empty() {
        let mut arguments = object.object("arguments");
        for (name, value) in &record.arguments {
            arguments.text(name, value);
        }
    }
    object.number_if("request_size", record.request_size);
}

/// What came of it.
fn write_outcome(record: &Record, object: &mut Object<'_>) {
    object.text("outcome", record.ending.as_str());
    object.number_if("code", record.ending.code());
    if record.duration.is_none() {
        return;
    }
    let mut decision = object.object("decision");
    decision.text("layer", record.decision.layer);
    decision.text("verdict", record.decision.verdict);
    decision.text_if("rule", record.decision.rule.as_deref());
    drop(decision);
    object.number("attempts", record.attempts);
    if let Some(cache) = record.cache {
        let mut object = object.object("cache");
        object.text("state", cache.state);
        object.number_if("age_ns", cache.age.map(|age| age.as_nanos()));
    }
    if record.filtered > 0 {
        object.number("filtered", record.filtered);
    }
    object.number_if("response_size", record.response_size);
    object.shown_if("result_digest", record.result_digest);
    object.shown_if("task", record.task);
    object.shown_if("next_cursor", record.next_cursor);
    object.text_if("error_id", record.error_id.as_deref());
    if let Some(original) = &record.original {
        let mut object = object.object("original");
        object.number_if("code", original.code);
        object.text("message", &original.message);
        if let Some(data) = &original.data {
            write_json_text(data, object.key("data"));
        }
    }
}
