//! Attributes from the decisions of inner layers.

use mcp_layers_core::{Event, Trail, trail::CacheEvent};
use opentelemetry::KeyValue;

const CACHE: &str = "mcp_layers.cache";
const RETRIES: &str = "mcp_layers.retries";
const LIMITED_BY: &str = "mcp_layers.limited_by";
const DENIED_BY: &str = "mcp_layers.denied_by";
const CIRCUIT: &str = "mcp_layers.circuit";

/// Adds an attribute for each kind of decision in the trail. Of several of one kind, the outermost counts.
pub(crate) fn describe(trail: &Trail, attributes: &mut Vec<KeyValue>) {
    let (mut cache, mut limited, mut denied, mut circuit) = (None, None, None, None);
    let mut attempts = 0;
    for event in trail.events() {
        match event {
            Event::Cache(event) => cache = cache_value(*event),
            Event::Attempt { number, .. } => attempts = attempts.max(*number),
            Event::Limited { rule, .. } => limited = Some(rule),
            Event::Denied { rule } => denied = Some(rule),
            Event::CircuitOpen { circuit: name, .. } => circuit = Some(name),
            _ => {}
        }
    }
    let texts = [
        (LIMITED_BY, limited),
        (DENIED_BY, denied),
        (CIRCUIT, circuit),
    ];
    for (key, text) in texts {
        attributes.extend(text.map(|text| KeyValue::new(key, text.to_string())));
    }
    attributes.extend(cache.map(|cache| KeyValue::new(CACHE, cache)));
    if attempts > 1 {
        attributes.push(KeyValue::new(RETRIES, i64::from(attempts - 1)));
    }
}

fn cache_value(event: CacheEvent) -> Option<&'static str> {
    match event {
        CacheEvent::Hit { .. } => Some("hit"),
        CacheEvent::Stale { .. } => Some("stale"),
        CacheEvent::Miss => Some("miss"),
        CacheEvent::Coalesced => Some("coalesced"),
        CacheEvent::Bypass { .. } => Some("bypass"),
        _ => None,
    }
}
