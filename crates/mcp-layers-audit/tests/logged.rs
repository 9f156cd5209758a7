//! Events of `tracing`.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    fmt::Debug,
    sync::{Arc, Mutex},
};

use common::{answer, call};
use futures::executor::block_on;
use mcp_layers_audit::{AuditLayer, Cef, ChannelSink, TracingSink, OverflowPolicy};
use tracing::{Event, Level, Subscriber, field::Field};
use tracing_subscriber::{Layer, layer::Context, prelude::*};

/// The level, the target and the fields of each event.
type Said = Arc<Mutex<Vec<(Level, String, String)>>>;

struct Listen(Said);

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
    let said = Said::default();
    let subscriber = tracing_subscriber::registry().with(Listen(said.clone()));
    tracing::subscriber::with_default(subscriber, run);
    said.lock().unwrap().drain(..).collect()
}

#[test]
fn trouble_is_said_once_and_loudly_and_its_end_too() {
    for trouble in [OverflowPolicy::Refuse, OverflowPolicy::Drop] {
        let (sink, mut records) = ChannelSink::bounded(1).unwrap();
        let layer = AuditLayer::new(sink).unwrap().on_overflow(trouble);
        let said = listen(|| {
            for _ in 0..10 {
                block_on(answer(&layer, call("echo")));
            }
            records.try_next();
            block_on(answer(&layer, call("echo")));
        });
        let levels: Vec<_> = said.iter().map(|(level, ..)| *level).collect();
        assert_eq!(levels, [Level::ERROR, Level::INFO], "{said:?}");
        assert!(
            said.iter()
                .all(|(_, target, _)| target == "mcp_layers_audit")
        );
    }
}

#[test]
fn a_record_is_an_event() {
    let json = AuditLayer::new(TracingSink::new()).unwrap();
    let cef = AuditLayer::new(TracingSink::new().encoder(Cef::new())).unwrap();
    for (layer, begin) in [
        (json, "record={\"kind\":\"request\""),
        (cef, "record=CEF:0|"),
    ] {
        let said = listen(|| {
            block_on(answer(&layer, call("echo")));
        });
        let [(level, target, text)] = &said[..] else {
            panic!("{said:?}");
        };
        assert_eq!(
            (*level, target.as_str()),
            (Level::INFO, "mcp_layers_audit::record")
        );
        assert!(text.starts_with(begin) && text.contains("echo"), "{text}");
    }
}
