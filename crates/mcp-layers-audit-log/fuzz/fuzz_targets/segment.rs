//! Any bytes as a file, and as the checkpoint beside it: neither the verifier nor the repair panics,
//! and without the key only what the writer wrote verifies.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mcp_layers_audit_log::{Key, LogOptions, fuzz};

static KEY: LazyLock<Key> = LazyLock::new(|| Key::new([5; 32]).expect("a key"));

/// A log of one writer.
static WRITTEN: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("audit-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("log");
    drop(LogOptions::new(&KEY).open(&path).expect("a log"));
    let read = |name: &str| std::fs::read(folder.join(name)).expect("a file");
    let written = (read("log"), read("log.checkpoint"));
    let _ = std::fs::remove_dir_all(&folder);
    written
});

fuzz_target!(|data: &[u8]| {
    let (segment, checkpoint) = &*WRITTEN;
    let at = data.first().map_or(0, |at| usize::from(*at)).min(data.len());
    let (first, second) = data.split_at(at);
    assert!(!fuzz(first, second, &KEY), "the key is secret");
    assert!(!fuzz(second, checkpoint, &KEY) || second == &segment[..]);
    // All of it, alone and with something after or before it.
    assert!(fuzz(segment, checkpoint, &KEY));
    if !data.is_empty() {
        let behind = [segment, data].concat();
        assert!(!fuzz(&behind, checkpoint, &KEY));
        let before = [data, segment].concat();
        assert!(!fuzz(&before, checkpoint, &KEY));
        let mut changed = segment.clone();
        let place = data.iter().fold(7_usize, |sum, byte| sum * 31 % 65_521 + usize::from(*byte));
        let length = changed.len();
        changed[place % length] ^= data[0] | 1;
        assert!(!fuzz(&changed, checkpoint, &KEY));
    }
});
