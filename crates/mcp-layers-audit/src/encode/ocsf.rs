//! The Open Cybersecurity Schema Framework.

use mcp_layers_core::{Principal, request::Transport};
use serde_json::json;

use super::{Encode, json::arguments, timestamp, without_nulls};
use crate::{
    CallOutcome, Record,
    record::{RequestIdText, authentication},
};

/// One event of class *API Activity* (6003) of OCSF 1.6.0 per record.
///
/// `api.operation` is the method, `resources` the target, `actor.user` the verified principal. What
/// OCSF has no place for, and what the caller claims, is in `unmapped`. Activities: listing and
/// reading are *Read*; `tools/call` and all else *Other*, because it is not known whether a tool
/// changes something; cancelling a task is *Delete*, updating one *Update*.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ocsf;

impl Ocsf {
    /// The version of the schema that events follow.
    pub const VERSION: &str = "1.6.0";
}

const CLASS: u32 = 6003;

impl Encode for Ocsf {
    fn encode(&self, record: &Record, out: &mut Vec<u8>) {
        let (activity, activity_name) = activity(&record.method);
        let (severity, severity_name) = severity(record);
        let (status, status_name) = status(record.outcome);
        let user = record.verified();
        let code = record.outcome.code();
        let named = record.target.is_some() || record.target_digest.is_some();
        let event = json!({
            "category_uid": 6,
            "category_name": "Application Activity",
            "class_uid": CLASS,
            "class_name": "API Activity",
            "activity_id": activity,
            "activity_name": activity_name,
            "type_uid": CLASS * 100 + activity,
            "time": timestamp(record).as_millisecond(),
            "duration": record.duration.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
            "severity_id": severity,
            "severity": severity_name,
            "status_id": status,
            "status": status_name,
            "status_code": code.map(|code| code.to_string()),
            "status_detail": record.decision.verdict,
            "metadata": {
                "version": Self::VERSION,
                "sequence": record.sequence,
                "correlation_uid": record.trace_id.map(|id| id.to_string()),
                "tenant_uid": user.and_then(Principal::tenant),
                "product": {
                    "name": "mcp-layers-audit",
                    "vendor_name": "mcp-layers",
                    "version": env!("CARGO_PKG_VERSION"),
                },
            },
            "actor": {
                "user": user.map(|user| without_nulls(json!({
                    "uid": user.subject(), "domain": user.issuer(),
                }))),
                "app_uid": user.and_then(Principal::client_id),
                "invoked_by": user.is_none().then_some("unknown"),
                "session": record.session.map(|session| json!({ "uid": session })),
            },
            "src_endpoint": match record.client_address {
                Some(address) => json!({ "ip": address }),
                None => json!({ "name": "unknown" }),
            },
            "api": {
                "operation": record.method,
                "version": record.protocol_version,
                "service": { "name": "MCP" },
                "request": record.id.as_ref().map(|id| json!({ "uid": match id {
                    RequestIdText::Number(number) => number.to_string(),
                    RequestIdText::Text(text) => text.to_string(),
                }})),
                "response": code.map(|code| without_nulls(json!({
                    "code": code, "error": record.error_id,
                }))),
            },
            "resources": named.then(|| json!([without_nulls(json!({
                "name": record.target, "uid": record.target_digest,
            }))])),
            "unmapped": unmapped(record),
        });
        let event = without_nulls(event);
        serde_json::to_writer(out, &event).expect("a value is always JSON");
    }
}

/// The members that OCSF has no place for.
fn unmapped(record: &Record) -> serde_json::Value {
    let ended = record.duration.is_some();
    let number = record.opened.then_some(record.sequence);
    let original = record.original.as_ref();
    json!({
        "outcome": record.outcome.as_str(),
        "opens": number.filter(|_| !ended),
        "closes": number.filter(|_| ended),
        "decision_layer": record.decision.layer,
        "decision_rule": record.decision.rule,
        "attempts": record.attempts,
        "monotonic_ns": u64::try_from(record.monotonic.as_nanos()).unwrap_or(u64::MAX),
        "authentication": record.verified().map(authentication),
        "principal_digest": record.principal_digest,
        "unverified_subject": record.claimed().map(Principal::subject),
        "unverified_client_name": record.claimed_client_name,
        "unverified_client_version": record.claimed_client_version,
        "transport": record.transport.map(Transport::as_str),
        "cache": record.cache.map(|cache| cache.state),
        "arguments_digest": record.arguments_digest,
        "continuation_digest": record.continuation_digest,
        "result_digest": record.result_digest,
        "cursor": record.cursor,
        "next_cursor": record.next_cursor,
        "task": record.task,
        "request_size": record.request_size,
        "response_size": record.response_size,
        "error_id": record.error_id,
        "original_message": original.map(|original| &original.message),
        "original_data": original.map(|original| &original.data),
        "arguments": arguments(record),
    })
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
    match (record.outcome, record.decision.verdict) {
        (_, "denied") | (CallOutcome::Panicked, _) => (3, "Medium"),
        (outcome, _) if outcome.is_failure() => (2, "Low"),
        _ => (1, "Informational"),
    }
}

fn status(outcome: CallOutcome) -> (u32, &'static str) {
    match outcome {
        CallOutcome::Success | CallOutcome::TaskCreated => (1, "Success"),
        CallOutcome::Open | CallOutcome::InputRequired => (99, outcome.as_str()),
        _ => (2, "Failure"),
    }
}
