//! Baggage in `_meta`, in the format of W3C Baggage.

use mcp_layers_core::McpRequest;
use opentelemetry::{
    Context,
    baggage::{BaggageExt, KeyValueMetadata},
};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

const BAGGAGE: &str = "baggage";

/// The longest text that is read, in bytes (W3C Baggage, section 3.3.2).
const MAX_LEN: usize = 8_192;

/// Adds the baggage of `_meta` to a context. Invalid members are left out, and members that the context
/// has already keep their values.
pub(crate) fn extract(meta: &Map<String, Value>, context: Context) -> Context {
    let text = meta.get(BAGGAGE).and_then(Value::as_str);
    let Some(text) = text.filter(|text| text.len() <= MAX_LEN) else {
        return context;
    };
    let own = context.baggage().iter().map(|(key, (value, metadata))| {
        KeyValueMetadata::new(key.clone(), value.clone(), metadata.clone())
    });
    let members: Vec<_> = text.split(',').filter_map(member).chain(own).collect();
    context.with_baggage(members)
}

fn member(text: &str) -> Option<KeyValueMetadata> {
    let (pair, metadata) = text.split_once(';').unwrap_or((text, ""));
    let (key, value) = pair.split_once('=')?;
    let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
    let (key, metadata) = (key.trim().to_owned(), metadata.trim().to_owned());
    Some(KeyValueMetadata::new(key, value.into_owned(), metadata))
}

/// Writes the baggage of a context into `_meta`, unless the caller wrote some.
pub(crate) fn inject<Req: McpRequest>(request: &mut Req, context: &Context) {
    let baggage = context.baggage();
    let is_there = request
        .meta()
        .is_some_and(|meta| meta.contains_key(BAGGAGE));
    if baggage.is_empty() || is_there {
        return;
    }
    if let Some(meta) = request.meta_mut() {
        meta.insert(BAGGAGE.to_owned(), Value::String(baggage.to_string()));
    }
}
