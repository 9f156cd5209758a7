//! Reports of the cache: in the trail, and in the result's `_meta`.

use mcp_layers_core::{Event, McpResponse, trail::CacheEvent};
use serde_json::{Map, Value};

/// The key of a result's `_meta` for the report of
/// [`CacheLayer::report_in_meta`](crate::CacheLayer::report_in_meta): an object with `state` (`hit`,
/// `stale`, `miss`, `coalesced`, `bypass`) and, where they apply, `ageMs` and `reason`.
pub const META_KEY: &str = "dev.mcp-layers/cache";

/// Adds the event to the trail, and to the result if `in_meta` is set.
pub(crate) fn report<Res: McpResponse>(response: &mut Res, event: CacheEvent, in_meta: bool) {
    response.trail_mut().push(Event::Cache(event));
    if !in_meta {
        return;
    }
    let (state, age, reason) = match event {
        CacheEvent::Hit { age } => ("hit", Some(age), None),
        CacheEvent::Stale { age } => ("stale", Some(age), None),
        CacheEvent::Coalesced => ("coalesced", None, None),
        CacheEvent::Bypass { reason } => ("bypass", None, Some(reason.as_str())),
        _ => ("miss", None, None),
    };
    let mut value = Map::new();
    value.insert("state".to_owned(), Value::from(state));
    if let Some(age) = age {
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        value.insert("ageMs".to_owned(), Value::from(age));
    }
    if let Some(reason) = reason {
        value.insert("reason".to_owned(), Value::from(reason));
    }
    response.insert_meta(META_KEY, Value::Object(value));
}
