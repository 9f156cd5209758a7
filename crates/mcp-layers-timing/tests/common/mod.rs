//! A recorder that keeps its measurements, and services with given answers.
#![allow(dead_code, clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use mcp_layers_core::{
    Catalog, JsonRpcRequest, JsonRpcResponse, McpError, McpRequest, McpResponse,
};
use mcp_layers_timing::{Attribute, Metric, RecordActive, RecordDuration, Recorder, TimingLayer};
use serde_json::{Value, json};
use tower::{Layer, Service, ServiceExt, service_fn};

/// Attributes as text, sorted by name.
pub(crate) type Attributes = BTreeMap<&'static str, String>;

/// Series, each with what was recorded to it.
type Opened<T> = Arc<Mutex<Vec<(Metric, Attributes, Arc<Mutex<Vec<T>>>)>>>;

/// Remembers everything.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    durations: Opened<Duration>,
    active: Opened<i64>,
}

impl Recorder for Memory {
    fn duration(&self, metric: Metric, attributes: &[Attribute]) -> RecordDuration {
        let seen = Arc::new(Mutex::new(Vec::new()));
        self.durations
            .lock()
            .unwrap()
            .push((metric, map(attributes), seen.clone()));
        Box::new(move |duration| seen.lock().unwrap().push(duration))
    }

    fn active(&self, metric: Metric, attributes: &[Attribute]) -> RecordActive {
        let seen = Arc::new(Mutex::new(Vec::new()));
        self.active
            .lock()
            .unwrap()
            .push((metric, map(attributes), seen.clone()));
        Box::new(move |change| seen.lock().unwrap().push(change))
    }
}

impl Memory {
    /// Every measurement, with its series.
    pub(crate) fn measurements(&self) -> Vec<(Metric, Attributes, Duration)> {
        let series = self.durations.lock().unwrap();
        let mut all = Vec::new();
        for (metric, attributes, seen) in series.iter() {
            let seen = seen.lock().unwrap();
            all.extend(seen.iter().map(|took| (*metric, attributes.clone(), *took)));
        }
        all
    }

    /// The number of measurements in such series.
    pub(crate) fn count(&self, such: impl Fn(&Attributes) -> bool) -> usize {
        let series = self.durations.lock().unwrap();
        let those = series.iter().filter(|(_, map, _)| such(map));
        those.map(|(_, _, seen)| seen.lock().unwrap().len()).sum()
    }

    /// The attributes of the only measurement.
    #[track_caller]
    pub(crate) fn only(&self) -> Attributes {
        let mut all = self.measurements();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0).1
    }

    /// The number of series of durations.
    pub(crate) fn series(&self) -> usize {
        self.durations.lock().unwrap().len()
    }

    /// The values of one attribute, over all series of durations.
    pub(crate) fn values(&self, name: &str) -> Vec<String> {
        let series = self.durations.lock().unwrap();
        let values = series.iter().filter_map(|(_, map, _)| map.get(name));
        let mut values: Vec<_> = values.cloned().collect();
        values.sort_unstable();
        values.dedup();
        values
    }

    /// The number of clones of this recorder.
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.durations)
    }

    /// The number of requests in flight.
    pub(crate) fn in_flight(&self, method: &str) -> i64 {
        let active = self.active.lock().unwrap();
        let of_method = |map: &Attributes| map["mcp.method.name"] == method;
        active
            .iter()
            .filter(|(_, map, _)| of_method(map))
            .map(|(_, _, seen)| seen.lock().unwrap().iter().sum::<i64>())
            .sum()
    }
}

fn map(attributes: &[Attribute]) -> Attributes {
    let map: Attributes = attributes
        .iter()
        .map(|attribute| (attribute.name, attribute.value.clone()))
        .collect();
    assert_eq!(map.len(), attributes.len(), "a name twice: {attributes:?}");
    map
}

/// A server's layer with a recorder to read.
pub(crate) fn server() -> (TimingLayer, Memory) {
    let memory = Memory::default();
    (TimingLayer::server().recorder(memory.clone()), memory)
}

/// A client's layer with a recorder to read.
pub(crate) fn client() -> (TimingLayer, Memory) {
    let memory = Memory::default();
    (TimingLayer::client().recorder(memory.clone()), memory)
}

pub(crate) fn call(tool: &str) -> JsonRpcRequest {
    JsonRpcRequest::call_tool(1, tool, json!({}))
}

/// The same request in a stack whose catalog has these tools and prompts.
pub(crate) fn with_catalog(mut request: JsonRpcRequest, catalog: &Catalog) -> JsonRpcRequest {
    request.context_mut().set_catalog(catalog.clone());
    request
}

/// Sends one request through the layer, which gets this answer.
pub(crate) fn exchange(layer: &TimingLayer, request: JsonRpcRequest, answer: Result<Value, i32>) {
    let service = layer.layer(service_fn(move |request: JsonRpcRequest| {
        let response = respond(&request, answer.clone());
        async move { Ok::<_, Infallible>(response) }
    }));
    futures::executor::block_on(service.oneshot(request)).unwrap();
}

/// An answer: a result, or an error of this code.
pub(crate) fn respond(request: &JsonRpcRequest, answer: Result<Value, i32>) -> JsonRpcResponse {
    match answer {
        Ok(result) => JsonRpcResponse::success(request, result),
        Err(code) => JsonRpcResponse::from_error(request.reply_to(), McpError::new(code, "no")),
    }
}

/// A service that never answers.
pub(crate) fn pending() -> impl Service<
    JsonRpcRequest,
    Response = JsonRpcResponse,
    Error = Infallible,
    Future = std::future::Pending<Result<JsonRpcResponse, Infallible>>,
> + Clone {
    service_fn(|_: JsonRpcRequest| std::future::pending())
}
