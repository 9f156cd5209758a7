//! Gauges as a recorder gets them.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use mcp_layers_core::trail::CircuitState;
use mcp_layers_events::{Gauges, Label, Recorder};

/// The last value of each gauge.
#[derive(Default, Clone)]
struct Values(Arc<Mutex<BTreeMap<String, f64>>>);

impl Recorder for Values {
    fn count(&self, _: &'static str, _: Option<Label<'_>>) {}

    fn gauge(&self, name: &'static str, label: Option<Label<'_>>, value: f64) {
        let label = label.map(|(key, value)| format!("{{{key}={value}}}"));
        let series = format!("{name}{}", label.unwrap_or_default());
        self.0.lock().unwrap().insert(series, value);
    }
}

impl Values {
    fn get(&self, series: &str) -> Option<f64> {
        self.0.lock().unwrap().get(series).copied()
    }
}

#[test]
fn gauges_are_read_at_each_update_and_not_before() {
    let (values, read) = (Values::default(), Arc::new(AtomicUsize::new(0)));
    let entries = read.clone();
    let gauges = Gauges::new().recorder(values.clone()).read(move |gauges| {
        gauges.set(
            "mcp_layers.cache.entries",
            (entries.fetch_add(1, Relaxed) + 5) as f64,
        );
    });
    assert_eq!(read.load(Relaxed), 0);
    gauges.update();
    assert_eq!(values.get("mcp_layers.cache.entries"), Some(5.0));
    gauges.update();
    assert_eq!(values.get("mcp_layers.cache.entries"), Some(6.0));
}

#[test]
fn the_state_of_a_circuit_is_a_number() {
    let values = Values::default();
    let gauges = Gauges::new().recorder(values.clone()).read(|gauges| {
        gauges.circuit("closed", CircuitState::Closed);
        gauges.circuit("half", CircuitState::HalfOpen);
        gauges.circuit("open", CircuitState::Open);
    });
    gauges.update();
    for (circuit, state) in [("closed", 0.0), ("half", 1.0), ("open", 2.0)] {
        let series = format!("mcp_layers.circuit.state{{circuit={circuit}}}");
        assert_eq!(values.get(&series), Some(state), "{circuit}");
    }
}

#[test]
fn a_series_that_is_not_set_any_more_becomes_zero() {
    let (values, first) = (Values::default(), AtomicUsize::new(0));
    let gauges = Gauges::new().recorder(values.clone()).read(move |gauges| {
        if first.fetch_add(1, Relaxed) == 0 {
            gauges.circuit("search", CircuitState::Open);
        }
    });
    gauges.update();
    let series = "mcp_layers.circuit.state{circuit=search}";
    assert_eq!(values.get(series), Some(2.0));
    gauges.update();
    assert_eq!(values.get(series), Some(0.0));
}

#[test]
fn names_beyond_the_limit_share_one_series_with_the_largest_value() {
    let values = Values::default();
    let gauges = Gauges::new().recorder(values.clone()).max_names(1).unwrap();
    let gauges = gauges.read(|gauges| {
        gauges.set_labeled("entries", ("table", "a"), 1.0);
        gauges.set_labeled("entries", ("table", "b"), 3.0);
        gauges.set_labeled("entries", ("table", "c"), 2.0);
    });
    gauges.update();
    assert_eq!(values.get("entries{table=a}"), Some(1.0));
    assert_eq!(values.get("entries{table=_OTHER}"), Some(3.0));
    assert_eq!(values.0.lock().unwrap().len(), 2);
    assert!(Gauges::new().max_names(0).is_err());
}
