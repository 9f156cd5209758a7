//! Changes of state are logged.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use common::{SECOND, call, call_by, failure, layer, send};
use mcp_layers_test::{Answer, MockService};
use tracing::{
    Event, Id, Level, Metadata, Subscriber,
    field::{Field, Visit},
    instrument::WithSubscriber,
    span::{Attributes, Record},
};

/// Keeps the events of this crate as lines.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<(Level, String)>>>);

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("mcp_layers_circuit_breaker")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        let level = *event.metadata().level();
        self.0.lock().unwrap().push((level, line.0));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!("{}={value:?} ", field.name()));
    }
}

#[tokio::test]
async fn changes_of_state_are_logged_once_each() {
    let lines = Lines::default();
    let (layer, clock) = layer();
    let mock = MockService::new();
    async {
        for _ in 0..10 {
            send(&layer, &mock, call("dig"), failure()).await;
        }
        clock.advance(30 * SECOND);
        send(&layer, &mock, call("dig"), Answer::plausible()).await;
        for _ in 0..10 {
            send(&layer, &mock, call_by("mallory", "dig"), failure()).await;
        }
    }
    .with_subscriber(lines.clone())
    .await;
    let lines = lines.0.lock().unwrap();
    let expected = [
        (Level::WARN, r#"state="open" scope="everybody""#),
        (Level::INFO, r#"state="half_open" scope="everybody""#),
        (Level::INFO, r#"state="closed" scope="everybody""#),
        (Level::WARN, r#"state="open" scope="one principal""#),
    ];
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    for ((level, line), (expected_level, expected)) in lines.iter().zip(expected) {
        assert_eq!(*level, expected_level);
        assert!(line.contains(r#"circuit="tools/call dig""#), "{line}");
        assert!(line.contains(expected), "{line}");
    }
}
