//! The Open Cybersecurity Schema Framework.

use mcp_layers_core::{Principal, Transport};

use super::{Encode, write::Object};
use crate::{Ending, Record, encode::json::authentication};

/// One event of class *API Activity* (6003) of OCSF 1.6.0 a record.
///
/// `api.operation` is the method, `resources` the target, `actor.user` the verified principal. What
/// OCSF has no place for, and what the caller says of itself, stands in `unmapped`. Activities:
/// listing and reading are *Read*, `tools/call` and all else *Other*, because whether a tool changes
/// something is not known; cancelling a task is *Delete*, updating one *Update*.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Ocsf;

impl Ocsf {
    /// The version of the schema that events follow.
    pub const VERSION: &str = "1.6.0";

    /// The encoder.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

const CLASS: u32 = 6003;

impl Encode for Ocsf {
    fn encode(&self, record: &Record, out: &mut Vec<u8>) {
        let (activity, activity_name) = activity(record.method());
        let mut event = Object::new(out);
        event.number("category_uid", 6);
        event.text("category_name", "Application Activity");
        event.number("class_uid", CLASS);
        event.text("class_name", "API Activity");
        event.number("activity_id", activity);
        event.text("activity_name", activity_name);
        event.number("type_uid", CLASS * 100 + activity);
        event.number("time", record.unix_nanos.div_euclid(1_000_000));
        event.number_if("duration", record.duration.map(|took| took.as_millis()));
        let (severity, severity_name) = severity(record);
        event.number("severity_id", severity);
        event.text("severity", severity_name);
        let (status, status_name) = status(record.ending);
        event.number("status_id", status);
        event.text("status", status_name);
        event.shown_if("status_code", record.ending.code());
        event.text("status_detail", record.decision.verdict);
        write_metadata(record, &mut event);
        write_actor(record, &mut event);
        let mut endpoint = event.object("src_endpoint");
        match record.client_address {
            Some(address) => endpoint.shown("ip", address),
            None => endpoint.text("name", "unknown"),
        }
        drop(endpoint);
        write_api(record, &mut event);
        write_target(record, &mut event);
        write_unmapped(record, &mut event);
    }
}

fn activity(method: &str) -> (u32, &'static str) {
    match method {
        "tasks/cancel" | "resources/unsubscribe" => (4, "Delete"),
        "tasks/update" | "logging/setLevel" => (3, "Update"),
        "resources/subscribe" | "subscriptions/listen" => (1, "Create"),
        "prompts/get"
        | "completion/complete"
        | "server/discover"
        | "resources/read"
        | "resources/directory/read"
        | "tasks/get"
        | "tasks/result"
        | "skills/get" => (2, "Read"),
        list if list.ends_with("/list") => (2, "Read"),
        _ => (99, "Other"),
    }
}

fn severity(record: &Record) -> (u32, &'static str) {
    match (record.ending, record.decision.verdict) {
        (_, "denied") | (Ending::Panicked, _) => (3, "Medium"),
        (ending, _) if ending.is_failure() => (2, "Low"),
        _ => (1, "Informational"),
    }
}

fn status(ending: Ending) -> (u32, &'static str) {
    match ending {
        Ending::Success | Ending::TaskCreated => (1, "Success"),
        Ending::Open | Ending::InputRequired => (99, ending.as_str()),
        _ => (2, "Failure"),
    }
}

fn write_metadata(record: &Record, event: &mut Object<'_>) {
    let mut metadata = event.object("metadata");
    metadata.text("version", Ocsf::VERSION);
    metadata.number("sequence", record.sequence);
    metadata.shown_if("correlation_uid", record.trace_id);
    let tenant = verified(record).and_then(Principal::tenant);
    metadata.text_if("tenant_uid", tenant);
    let mut product = metadata.object("product");
    product.text("name", "mcp-layers-audit");
    product.text("vendor_name", "mcp-layers");
    product.text("version", env!("CARGO_PKG_VERSION"));
}

fn verified(record: &Record) -> Option<&Principal> {
    let principal = record.principal.as_deref();
    principal.filter(|principal| principal.is_verified())
}

fn write_actor(record: &Record, event: &mut Object<'_>) {
    let mut actor = event.object("actor");
    match verified(record) {
        Some(principal) => {
            let mut user = actor.object("user");
            user.text("uid", principal.subject());
            user.text_if("domain", principal.issuer());
            drop(user);
            actor.text_if("app_uid", principal.client_id());
        }
        None => actor.text("invoked_by", "unknown"),
    }
    if let Some(session) = record.session {
        actor.object("session").shown("uid", session);
    }
}

fn write_api(record: &Record, event: &mut Object<'_>) {
    let mut api = event.object("api");
    api.text("operation", record.method());
    api.text_if("version", record.protocol_version());
    api.object("service").text("name", "MCP");
    if let Some(id) = record.id() {
        api.object("request").text("uid", &id.to_string());
    }
    if let Some(code) = record.ending.code() {
        let mut response = api.object("response");
        response.number("code", code);
        response.text_if("error", record.error_id.as_deref());
    }
}

fn write_target(record: &Record, event: &mut Object<'_>) {
    if record.target().is_some() || record.target_digest.is_some() {
        let out = event.key("resources");
        out.push(b'[');
        let mut resource = Object::new(out);
        resource.text_if("name", record.target());
        resource.shown_if("uid", record.target_digest);
        drop(resource);
        out.push(b']');
    }
}

fn write_unmapped(record: &Record, event: &mut Object<'_>) {
    let mut unmapped = event.object("unmapped");
    unmapped.text("outcome", record.ending.as_str());
    unmapped.text("decision_layer", record.decision.layer);
    unmapped.text_if("decision_rule", record.decision.rule.as_deref());
    unmapped.number("attempts", record.attempts);
    unmapped.number("monotonic_ns", record.monotonic.as_nanos());
    if let Some(principal) = verified(record) {
        unmapped.text("authentication", authentication(principal));
    }
    if let Some(claimed) = record.principal.as_deref().filter(|one| !one.is_verified()) {
        unmapped.text("unverified_subject", claimed.subject());
    }
    unmapped.text_if("unverified_client_name", record.claimed_client_name());
    unmapped.text_if("unverified_client_version", record.claimed_client_version());
    unmapped.text_if("transport", record.transport.map(Transport::as_str));
    unmapped.text_if("cache", record.cache.map(|cache| cache.state));
    unmapped.shown_if("arguments_digest", record.arguments_digest);
    unmapped.shown_if("result_digest", record.result_digest);
    unmapped.shown_if("cursor", record.cursor);
    unmapped.shown_if("next_cursor", record.next_cursor);
    unmapped.shown_if("task", record.task);
    unmapped.number_if("request_size", record.request_size);
    unmapped.number_if("response_size", record.response_size);
    unmapped.text_if("error_id", record.error_id.as_deref());
    if let Some(original) = &record.original {
        unmapped.text("original_message", &original.message);
        unmapped.text_if("original_data", original.data.as_deref());
    }
    if !record.arguments.is_empty() {
        let mut arguments = unmapped.object("arguments");
        for (name, value) in &record.arguments {
            arguments.text(name, value);
        }
    }
}
