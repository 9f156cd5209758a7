//! JSON, the format of this crate.

use std::time::Duration;

use mcp_layers_core::{Principal, request::Transport};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value, json};

use super::{Encode, timestamp, without_nulls};
use crate::{Record, record::authentication};

/// One JSON object per record. Members without a value are left out.
///
/// What the caller claims is in `unverified`, apart from `principal`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json;

impl Encode for Json {
    fn encode(&self, record: &Record, out: &mut Vec<u8>) {
        serde_json::to_writer(out, &Members(record))
            .expect("keys are texts, and a vector takes any length");
    }
}

/// The members of a record that have a value.
pub(super) struct Members<'a>(pub(super) &'a Record);

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = self.0;
        let ended = record.duration.is_some();
        let number = record.opened.then_some(record.sequence);
        let mut map = Writer(serializer.serialize_map(None)?);
        map.always("kind", "request")?;
        map.always("sequence", record.sequence)?;
        map.some("opens", number.filter(|_| !ended))?;
        map.some("closes", number.filter(|_| ended))?;
        map.always("time", format!("{:.9}", timestamp(record)))?;
        map.always("monotonic_ns", nanos(record.monotonic))?;
        map.some("duration_ns", record.duration.map(nanos))?;
        map.some("long_lived", record.long_lived.then_some(true))?;
        map.always("method", &record.method)?;
        map.some("target", record.target.as_ref())?;
        map.some("target_digest", record.target_digest)?;
        map.some("id", record.id.as_ref())?;
        map.some("principal", record.verified().map(principal))?;
        map.some("principal_digest", record.principal_digest)?;
        map.some("unverified", unverified(record))?;
        map.some("client_address", record.client_address)?;
        map.some("transport", record.transport.map(Transport::as_str))?;
        map.some("protocol_version", record.protocol_version.as_ref())?;
        map.some("session", record.session)?;
        map.some("trace_id", record.trace_id.map(|id| id.to_string()))?;
        map.some("arguments_digest", record.arguments_digest)?;
        map.some("cursor", record.cursor)?;
        map.some("continuation", record.continuation.then_some(true))?;
        map.some("continuation_digest", record.continuation_digest)?;
        map.some("arguments", arguments(record))?;
        map.some("request_size", record.request_size)?;
        map.always("outcome", record.outcome.as_str())?;
        map.some("code", record.outcome.code())?;
        if ended {
            let decision = &record.decision;
            let (layer, verdict, rule) = (decision.layer, decision.verdict, &decision.rule);
            let decision = json!({ "layer": layer, "verdict": verdict, "rule": rule });
            map.always("decision", without_nulls(decision))?;
            map.always("attempts", record.attempts)?;
        }
        let cache = record.cache.map(|cache| {
            without_nulls(json!({ "state": cache.state, "age_ns": cache.age.map(nanos) }))
        });
        map.some("cache", cache)?;
        map.some(
            "filtered",
            Some(record.filtered).filter(|entries| *entries > 0),
        )?;
        map.some("response_size", record.response_size)?;
        map.some("result_digest", record.result_digest)?;
        map.some("task", record.task)?;
        map.some("next_cursor", record.next_cursor)?;
        map.some("error_id", record.error_id.as_ref())?;
        let original = record.original.as_ref().map(|original| {
            let (code, message, data) = (original.code, &original.message, &original.data);
            without_nulls(json!({ "code": code, "message": message, "data": data }))
        });
        map.some("original", original)?;
        map.0.end()
    }
}

struct Writer<M>(M);

impl<M: SerializeMap> Writer<M> {
    fn always(&mut self, key: &str, value: impl Serialize) -> Result<(), M::Error> {
        self.0.serialize_entry(key, &value)
    }

    fn some(&mut self, key: &str, value: Option<impl Serialize>) -> Result<(), M::Error> {
        value.map_or(Ok(()), |value| self.always(key, value))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn principal(principal: &Principal) -> Value {
    without_nulls(json!({
        "subject": principal.subject(),
        "issuer": principal.issuer(),
        "client_id": principal.client_id(),
        "tenant": principal.tenant(),
        "authentication": authentication(principal),
    }))
}

/// The claims of the caller.
fn unverified(record: &Record) -> Option<Value> {
    let mut claims = record.claimed().map_or_else(|| json!({}), principal);
    if let Some(name) = &record.claimed_client_name {
        claims["client_name"] = json!(name);
        claims["client_version"] = json!(record.claimed_client_version);
    }
    let claims = without_nulls(claims);
    claims
        .as_object()
        .is_some_and(|claims| !claims.is_empty())
        .then_some(claims)
}

/// The allow-listed argument values.
pub(super) fn arguments(record: &Record) -> Option<Map<String, Value>> {
    let arguments = record.arguments.iter();
    let arguments: Map<_, _> = arguments
        .map(|(name, value)| (name.to_string(), json!(value)))
        .collect();
    (!arguments.is_empty()).then_some(arguments)
}
