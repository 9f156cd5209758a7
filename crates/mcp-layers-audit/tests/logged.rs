//! Events of `tracing`.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    fmt::Debug,
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{answer, call};
use futures::executor::block_on;
use mcp_layers_audit::{AuditLayer, Cef, ChannelSink, OverflowPolicy, TracingSink};
use mcp_layers_core::Clock;
use tracing::{Event, Level, Subscriber, field::Field};
use tracing_subscriber::{Layer, layer::Context, prelude::*};

/// The level, the target and the fields of each event.
type Logged = Arc<Mutex<Vec<(Level, String, String)>>>;

struct Listen(Logged);

impl<S: Subscriber> Layer<S> for Listen {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = String::new();
        event.record(&mut |field: &Field, value: &dyn Debug| {
            text += &format!("{field}={value:?}");
        });
        let target = event.metadata().target().to_owned();
        self.0
            .lock()
            .unwrap()
            .push((*event.metadata().level(), target, text));
    }
}

fn listen(run: impl FnOnce()) -> Vec<(Level, String, String)> {
    let events = Logged::default();
    let subscriber = tracing_subscriber::registry().with(Listen(events.clone()));
    tracing::subscriber::with_default(subscriber, run);
    events.lock().unwrap().drain(..).collect()
}

#[test]
fn a_full_sink_and_its_end_are_logged_once() {
    for policy in [OverflowPolicy::Refuse, OverflowPolicy::Drop] {
        let (sink, mut records) = ChannelSink::bounded(1).unwrap();
        let layer = AuditLayer::new(sink).unwrap().on_overflow(policy);
        let logged = listen(|| {
            for _ in 0..10 {
                block_on(answer(&layer, call("echo")));
            }
            records.try_next();
            block_on(answer(&layer, call("echo")));
        });
        let levels: Vec<_> = logged.iter().map(|(level, ..)| *level).collect();
        assert_eq!(levels, [Level::ERROR, Level::INFO], "{logged:?}");
        assert!(
            logged
                .iter()
                .all(|(_, target, _)| target == "mcp_layers_audit")
        );
    }
}

#[test]
fn a_record_is_an_event() {
    let json = AuditLayer::new(TracingSink::new()).unwrap();
    let cef = AuditLayer::new(TracingSink::new().encoder(Cef)).unwrap();
    for (layer, begin) in [
        (json, "record={\"kind\":\"request\""),
        (cef, "record=CEF:0|"),
    ] {
        let logged = listen(|| {
            block_on(answer(&layer, call("echo")));
        });
        let [(level, target, text)] = &logged[..] else {
            panic!("{logged:?}");
        };
        assert_eq!(
            (*level, target.as_str()),
            (Level::INFO, "mcp_layers_audit::record")
        );
        assert!(text.starts_with(begin) && text.contains("echo"), "{text}");
    }
}

#[test]
fn a_full_sink_is_logged_once_a_second_with_a_count() {
    let (sink, mut records) = ChannelSink::bounded(1).unwrap();
    let clock = Clock::manual();
    let layer = AuditLayer::new(sink).unwrap().with_clock(clock.clone());
    let logged = listen(|| {
        for _ in 0..776 {
            block_on(answer(&layer, call("echo")));
        }
        clock.advance(Duration::from_secs(1));
        block_on(answer(&layer, call("echo")));
        // Room that comes and goes is no reason for more lines.
        for _ in 0..100 {
            records.try_next();
            for _ in 0..5 {
                block_on(answer(&layer, call("echo")));
            }
        }
    });
    let counts: Vec<_> = logged
        .iter()
        .filter_map(|(_, _, text)| text.split("count=").nth(1))
        .collect();
    assert_eq!(counts.len(), 2, "{logged:?}");
    assert!(
        counts[0].starts_with('1') && counts[1].starts_with("775"),
        "{logged:?}"
    );
    assert!(logged.len() <= 3, "{logged:?}");
}
