//! Unit tests of `src/collect.rs`.
#![allow(clippy::unwrap_used)]

use crate::{Decision, Record};
use mcp_layers_core::{Event, McpError, Trail, trail::CacheEvent};

fn read(trail: &Trail, originals: bool) -> Record {
    let mut record = Record::new("tools/call");
    record.read_trail(trail, originals);
    record
}

#[test]
fn the_outermost_layer_that_decided_counts() {
    let mut trail = Trail::new();
    for number in 1..=3 {
        trail.push(Event::Attempt {
            number,
            of: 3,
            code: Some(-32603),
        });
    }
    let message = "boom".into();
    trail.push(Event::Panicked { message });
    trail.push(Event::Cache(CacheEvent::Miss));
    let record = read(&trail, true);
    assert_eq!(record.attempts, 3);
    assert_eq!(record.decision, Decision::PANICKED);
    assert_eq!(record.cache.unwrap().state, "miss");
    assert_eq!(record.original.unwrap().message, "boom");
    let rule = "no-admin".into();
    trail.push(Event::Denied { rule });
    let record = read(&trail, false);
    assert_eq!(
        (record.decision.layer, record.decision.verdict),
        ("authorization", "denied")
    );
    assert_eq!(record.decision.rule.as_deref(), Some("no-admin"));
    assert_eq!(record.original, None);
}

#[test]
fn the_original_of_a_masked_error_goes_with_its_id() {
    let mut trail = Trail::new();
    let message = "x".into();
    trail.push(Event::Panicked { message });
    let original = Box::new(McpError::new(-32603, "db password=hunter2").with("a", 1));
    let error_id = "e-1".into();
    trail.push(Event::Masked { error_id, original });
    let record = read(&trail, true);
    let kept = record.original.unwrap();
    assert_eq!(record.error_id.as_deref(), Some("e-1"));
    assert_eq!(
        (kept.code, &*kept.message),
        (Some(-32603), "db password=hunter2")
    );
    assert_eq!(kept.data.as_deref(), Some(r#"{"a":1}"#));
    assert_eq!(read(&trail, false).original, None);
}
