//! Refusals at the HTTP edge are counted.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::executor::block_on;
use http::{Request, Response, StatusCode};
use mcp_layers_core::{Event, Trail};
use mcp_layers_timing::{
    Attribute, Metric, RecordActive, RecordCount, RecordDuration, Recorder, TimingHttpLayer,
};
use tower::{Layer, ServiceExt, service_fn};

/// The counts by status and reason.
#[derive(Clone, Default)]
struct Counts(Arc<Mutex<BTreeMap<(String, String), u64>>>);

impl Recorder for Counts {
    fn duration(&self, _: Metric, _: &[Attribute]) -> RecordDuration {
        Box::new(|_| {})
    }

    fn active(&self, _: Metric, _: &[Attribute]) -> RecordActive {
        Box::new(|_| {})
    }

    fn counter(&self, metric: Metric, attributes: &[Attribute]) -> RecordCount {
        assert_eq!(metric, Metric::HttpRefused);
        let value = |name| {
            let mut found = attributes.iter().filter(|attribute| attribute.name == name);
            found.next().unwrap().value.clone()
        };
        let key = (
            value("http.response.status_code"),
            value("mcp_layers.reason"),
        );
        let counts = self.0.clone();
        Box::new(move || *counts.lock().unwrap().entry(key.clone()).or_default() += 1)
    }
}

fn answer(layer: &TimingHttpLayer, status: u16, events: &[Event]) {
    let service = layer.layer(service_fn(move |_: Request<()>| {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        if !events.is_empty() {
            let mut trail = Trail::new();
            events.iter().for_each(|event| trail.push(event.clone()));
            response.extensions_mut().insert(trail);
        }
        std::future::ready(Ok::<_, Infallible>(response))
    }));
    let response = block_on(service.oneshot(Request::new(()))).unwrap();
    assert_eq!(response.status(), status);
}

fn denied(rule: impl Into<std::borrow::Cow<'static, str>>) -> Event {
    Event::Denied { rule: rule.into() }
}

#[test]
fn refusals_are_counted_by_status_and_reason() {
    let counts = Counts::default();
    let layer = TimingHttpLayer::new().recorder(counts.clone());
    let limited = Event::Limited {
        rule: "per-tool".into(),
        retry_after: Duration::ZERO,
    };
    for (status, events) in [
        (200, vec![]),
        (202, vec![denied("hidden")]),
        (401, vec![denied("token")]),
        (401, vec![denied("token")]),
        (403, vec![denied("scopes")]),
        (404, vec![denied("session")]),
        (404, vec![]),
        (413, vec![]),
        (429, vec![limited]),
        (500, vec![]),
        (503, vec![denied("keys")]),
    ] {
        answer(&layer, status, &events);
    }
    let expected = [
        ("401", "token", 2),
        ("403", "scopes", 1),
        ("404", "session", 1),
        ("404", "transport", 1),
        ("413", "transport", 1),
        ("429", "limited", 1),
        ("503", "keys", 1),
    ];
    let expected =
        expected.map(|(status, reason, count)| ((status.to_owned(), reason.to_owned()), count));
    assert_eq!(*counts.0.lock().unwrap(), BTreeMap::from(expected));
}

#[test]
fn the_number_of_reasons_is_bounded() {
    let counts = Counts::default();
    let layer = TimingHttpLayer::new().recorder(counts.clone());
    for number in 0..1_000 {
        answer(&layer, 403, &[denied(format!("rule {number}"))]);
    }
    answer(&layer, 403, &[denied("rule 0")]);
    let counts = counts.0.lock().unwrap();
    assert_eq!(counts.len(), 65);
    let count = |reason: &str| counts[&("403".to_owned(), reason.to_owned())];
    assert_eq!((count("_OTHER"), count("rule 0")), (1_000 - 64, 2));
}
