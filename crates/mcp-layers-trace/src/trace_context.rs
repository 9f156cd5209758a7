//! Trace context in `_meta`, in the format of W3C Trace Context.

use std::str::FromStr;

use mcp_layers_core::McpRequest;
use opentelemetry::{
    Context, SpanId, TraceFlags, TraceId,
    trace::{SpanContext, TraceContextExt, TraceState},
};
use serde_json::{Map, Value};

pub(crate) const TRACEPARENT: &str = "traceparent";
pub(crate) const TRACESTATE: &str = "tracestate";

/// The longest `traceparent` that is read, in bytes. Version 00 has 55.
const MAX_PARENT: usize = 256;
/// The longest `tracestate` that is read, in bytes.
const MAX_STATE: usize = 2_048;

/// Reads the span context that a caller put into `_meta`; `None` for none, and for an invalid one.
pub(crate) fn extract(meta: &Map<String, Value>) -> Option<SpanContext> {
    let (trace_id, span_id, flags) = parse(meta.get(TRACEPARENT)?.as_str()?)?;
    let state = meta.get(TRACESTATE).and_then(Value::as_str);
    let state = state.filter(|text| text.len() <= MAX_STATE);
    let state = state.and_then(|text| TraceState::from_str(text).ok());
    Some(SpanContext::new(
        trace_id,
        span_id,
        flags,
        true,
        state.unwrap_or_default(),
    ))
}

/// Parses a `traceparent` of version 00 to fe (W3C Trace Context, section 3.2).
fn parse(header: &str) -> Option<(TraceId, SpanId, TraceFlags)> {
    if header.len() > MAX_PARENT {
        return None;
    }
    let mut parts = header.split('-');
    let (version, trace_id) = (parts.next()?, parts.next()?);
    let (span_id, flags) = (parts.next()?, parts.next()?);
    let fits = is_hex(version, 2) && is_hex(trace_id, 32) && is_hex(span_id, 16);
    let is_whole = version != "00" || parts.next().is_none();
    if !fits || !is_hex(flags, 2) || !is_whole || version == "ff" {
        return None;
    }
    let trace_id = TraceId::from_hex(trace_id).ok()?;
    let span_id = SpanId::from_hex(span_id).ok()?;
    if trace_id == TraceId::INVALID || span_id == SpanId::INVALID {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
    Some((trace_id, span_id, flags & TraceFlags::SAMPLED))
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text
            .bytes()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// Writes the span of a context into `_meta`, unless the caller wrote one of its own.
pub(crate) fn inject<Req: McpRequest>(request: &mut Req, context: &Context) {
    let span = context.span();
    let span = span.span_context();
    let own = request.meta().and_then(|meta| meta.get(TRACEPARENT));
    if !span.is_valid() || own.is_some() {
        return;
    }
    let Some(meta) = request.meta_mut() else {
        return;
    };
    let (trace_id, span_id) = (span.trace_id(), span.span_id());
    let flags = (span.trace_flags() & TraceFlags::SAMPLED).to_u8();
    let parent = format!("00-{trace_id}-{span_id}-{flags:02x}");
    meta.insert(TRACEPARENT.to_owned(), Value::String(parent));
    let state = span.trace_state().header();
    // A state belongs to its parent.
    meta.remove(TRACESTATE);
    if !state.is_empty() {
        meta.insert(TRACESTATE.to_owned(), Value::String(state));
    }
}

#[cfg(test)]
#[path = "../tests/unit/trace_context.rs"]
mod tests;
