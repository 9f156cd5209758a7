//! Folders, logs, and a writer that waits.
#![allow(dead_code, clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use mcp_layers_audit_log::{AuditLog, Key, LogOptions, VerifyError, verify};
use serde_json::Value;
use tempfile::TempDir;

/// The most time that a test waits for a thing that happens soon.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn key() -> Key {
    Key::new([42; 32]).unwrap()
}

pub(crate) fn options() -> LogOptions {
    LogOptions::new(&key())
}

/// A folder, and the path of a log in it.
pub(crate) fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    (folder, path)
}

pub(crate) fn open(path: &Path) -> AuditLog {
    options().open(path).unwrap()
}

/// Appends records, each of which waits for the one before.
pub(crate) fn append(log: &AuditLog, count: usize) {
    for n in 0..count {
        if let Some(receipt) = log.append(format!("tool-{n}")).unwrap() {
            receipt.blocking_recv().unwrap();
        }
    }
}

/// Writes a log with this many records, and closes it.
pub(crate) fn write(path: &Path, count: usize) {
    let log = open(path);
    append(&log, count);
    assert_eq!(log.close(PATIENCE).lost, 0);
}

pub(crate) fn segment(path: &Path, number: u64) -> PathBuf {
    PathBuf::from(format!("{}.{number:06}", path.display()))
}

#[track_caller]
pub(crate) fn fault(path: &Path) -> VerifyError {
    verify(path, &key()).unwrap_err()
}

/// The lines of a file, as JSON.
pub(crate) fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The kinds of a file's lines; `record` for records.
pub(crate) fn kinds(path: &Path) -> Vec<String> {
    let kind = |line: &Value| {
        line["record"]["kind"]
            .as_str()
            .unwrap_or("record")
            .to_owned()
    };
    lines(path).iter().map(kind).collect()
}

pub(crate) fn edit(path: &Path, change: impl FnOnce(&mut Vec<String>)) {
    let text = fs::read_to_string(path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    change(&mut lines);
    fs::write(path, lines.join("\n") + "\n").unwrap();
}

/// Waits in the writer's thread until it may continue: a disk that is as slow as the test wants.
#[derive(Clone, Default)]
pub(crate) struct Brake {
    shared: Arc<(Mutex<(usize, usize)>, Condvar)>,
}

impl Brake {
    /// Opens a log whose writer waits.
    pub(crate) fn open(&self, options: LogOptions, path: &Path) -> AuditLog {
        let brake = self.clone();
        let write = move |text: &String, out: &mut Vec<u8>| {
            brake.wait();
            out.extend_from_slice(format!("{text:?}").as_bytes());
        };
        options.open_with(path, write).unwrap()
    }

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
        let waited = self
            .shared
            .1
            .wait_timeout_while(state, PATIENCE, few)
            .unwrap();
        assert!(!waited.1.timed_out());
    }

    fn wait(&self) {
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
    }
}
