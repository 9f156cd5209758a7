//! Folders, sinks that wait, and services.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::{
    convert::Infallible,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use mcp_layers_audit::{
    AuditLayer, ChannelSink, Encode, FileSink, Json, Key, LogOptions, Record, Records, Sink,
};
use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::{Layer, ServiceExt, service_fn};

/// The most time that a test waits for a thing that happens soon.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn key() -> Key {
    Key::new([42; 32]).unwrap()
}

/// A folder, and the path of a log in it.
pub(crate) fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    (folder, path)
}

pub(crate) fn options() -> LogOptions {
    LogOptions::new(&key())
}

pub(crate) fn open(path: &Path) -> FileSink {
    FileSink::open(path, options()).unwrap()
}

pub(crate) fn call(tool: &str) -> JsonRpcRequest {
    JsonRpcRequest::call_tool(1, tool, json!({ "text": "hello" }))
}

/// A layer whose records are read here.
pub(crate) fn channel() -> (AuditLayer, Records) {
    let (sink, records) = ChannelSink::bounded(4096).unwrap();
    (AuditLayer::new(sink).unwrap(), records)
}

/// The only record that there is.
#[track_caller]
pub(crate) fn only(records: &mut Records) -> Arc<Record> {
    let record = records.try_next().expect("a record");
    assert!(records.try_next().is_none(), "one record only");
    record
}

/// A record as JSON.
pub(crate) fn json_of(record: &Record) -> Value {
    let mut out = Vec::new();
    Json.encode(record, &mut out);
    serde_json::from_slice(&out).unwrap()
}

/// Sends a request through the layer to a service that answers `{}`.
pub(crate) async fn answer(layer: &AuditLayer, request: JsonRpcRequest) -> JsonRpcResponse {
    let service = layer.layer(service_fn(|request: JsonRpcRequest| async move {
        Ok::<_, Infallible>(JsonRpcResponse::success(&request, json!({})))
    }));
    service.oneshot(request).await.unwrap()
}

/// Gives a sink a record of a call of this tool.
pub(crate) async fn record(sink: impl Sink, tool: &str) -> JsonRpcResponse {
    answer(&AuditLayer::new(sink).unwrap(), call(tool)).await
}

/// The lines of a file, as JSON.
pub(crate) fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The kinds of a file's lines.
pub(crate) fn kinds(path: &Path) -> Vec<String> {
    let kind = |line: &Value| line["record"]["kind"].as_str().unwrap().to_owned();
    lines(path).iter().map(kind).collect()
}

/// Waits in the writer's thread until it may continue: a disk that is as slow as the test wants.
#[derive(Clone, Default)]
pub(crate) struct Brake {
    shared: Arc<(Mutex<(usize, usize)>, Condvar)>,
}

impl Brake {
    /// Lets this many more records pass.
    pub(crate) fn allow(&self, records: usize) {
        let mut state = self.shared.0.lock().unwrap();
        state.0 = state.0.saturating_add(records);
        self.shared.1.notify_all();
    }

    /// Waits until this many records have come, those that passed included.
    pub(crate) fn reached(&self, records: usize) {
        let state = self.shared.0.lock().unwrap();
        let few = |state: &mut (usize, usize)| state.1 < records;
        let (_state, waited) = self
            .shared
            .1
            .wait_timeout_while(state, PATIENCE, few)
            .unwrap();
        assert!(!waited.timed_out());
    }
}

impl Encode for Brake {
    fn encode(&self, record: &Record, out: &mut Vec<u8>) {
        let mut state = self.shared.0.lock().unwrap();
        state.1 += 1;
        self.shared.1.notify_all();
        let held = |state: &mut (usize, usize)| state.0 == 0;
        let (mut state, waited) = self
            .shared
            .1
            .wait_timeout_while(state, PATIENCE, held)
            .unwrap();
        assert!(!waited.timed_out());
        state.0 -= 1;
        drop(state);
        Json.encode(record, out);
    }
}
