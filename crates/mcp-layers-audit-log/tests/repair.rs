//! Repair of what a killed writer leaves, and refusal of any other damage.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
};

use common::{PATIENCE, append, edit, fault, folder, key, open, options, segment, write};
use mcp_layers_audit_log::{Fault, verify};
use proptest::prelude::*;

#[test]
fn a_torn_tail_is_cut_off_kept_and_noted() {
    let (_folder, path) = folder();
    write(&path, 3);
    let whole = fs::read(&path).unwrap();
    let line = whole
        .split_inclusive(|byte| *byte == b'\n')
        .next_back()
        .unwrap()
        .to_vec();
    for cut in [1, 20, 100, line.len() - 1] {
        let before = verify(&path, &key()).unwrap();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(&line[..cut]).unwrap();
        let error = fault(&path);
        assert!(matches!(error.fault, Fault::Torn), "{error}");
        write(&path, 1);
        let after = verify(&path, &key()).unwrap();
        assert_eq!(after.repairs, before.repairs + 1);
        assert_eq!(after.records, before.records + 1);
        let kept = format!("{}.torn-{}", path.display(), before.lines + 1);
        assert_eq!(fs::read(kept).unwrap(), &line[..cut]);
    }
}

#[test]
fn pages_that_were_never_written_are_a_torn_tail() {
    let (_folder, path) = folder();
    write(&path, 3);
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(&[0; 5000]).unwrap();
    file.write_all(b"x\n").unwrap();
    write(&path, 1);
    assert_eq!(verify(&path, &key()).unwrap().records, 4);
}

#[test]
fn damage_that_is_no_torn_tail_stops_the_start() {
    let (_folder, path) = folder();
    write(&path, 5);
    let whole = fs::read(&path).unwrap();
    edit(&path, |lines| lines[3] = lines[3].replace("tool", "fool"));
    let error = options().open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(error.to_string().contains("line 4"), "{error}");
    // The file was not touched.
    edit(&path, |lines| lines[3] = lines[3].replace("fool", "tool"));
    assert_eq!(fs::read(&path).unwrap(), whole);
}

#[test]
fn an_interrupted_rotation_is_finished() {
    // The writer died between the last line of a segment and its new name, between the name and
    // the next file, or when that file was created and empty.
    for died in ["ended", "renamed", "begun"] {
        let (_folder, path) = folder();
        write(&path, 3);
        let checkpoint = path.with_extension("jsonl.checkpoint");
        let vouched = fs::read(&checkpoint).unwrap();
        let log = options().max_bytes(1).open(&path).unwrap();
        append(&log, 1);
        drop(log);
        fs::write(&checkpoint, vouched).unwrap();
        match died {
            "ended" => fs::rename(segment(&path, 1), &path).unwrap(),
            "renamed" => fs::remove_file(&path).unwrap(),
            _ => fs::write(&path, "").unwrap(),
        }
        write(&path, 2);
        let verified = verify(&path, &key()).unwrap();
        assert_eq!((verified.records, verified.segments), (5, 2), "{died}");
    }
}

#[test]
fn a_second_writer_is_refused() {
    let (_folder, path) = folder();
    let log = open(&path);
    let error = options().open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert!(error.to_string().contains("another writer"), "{error}");
    append(&log, 2);
    log.close(PATIENCE);
    drop(log);
    open(&path);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// A log that a crash cut anywhere in its last lines opens again, keeps every whole line, and
    /// verifies; with any byte changed, it does not.
    #[test]
    fn a_log_that_was_cut_anywhere_behind_its_checkpoint_is_repaired(
        before in 0_usize..4,
        after in 1_usize..5,
        cut in any::<prop::sample::Index>(),
        change in any::<prop::sample::Index>(),
    ) {
        let (_folder, path) = folder();
        write(&path, before);
        let checkpoint = path.with_extension("jsonl.checkpoint");
        let vouched = fs::read(&checkpoint).unwrap();
        let safe = fs::read(&path).unwrap().len();
        write(&path, after);
        fs::write(&checkpoint, vouched).unwrap();
        let whole = fs::read(&path).unwrap();
        let cut = safe + cut.index(whole.len() - safe + 1);
        fs::write(&path, &whole[..cut]).unwrap();
        let kept = whole[..cut].split_inclusive(|byte| *byte == b'\n')
            .filter(|line| line.ends_with(b"\n"))
            .filter(|line| String::from_utf8_lossy(line).contains("\"tool-"))
            .count() as u64;
        write(&path, 1);
        let verified = verify(&path, &key()).unwrap();
        prop_assert_eq!(verified.records, kept + 1);

        let mut bytes = fs::read(&path).unwrap();
        let at = change.index(bytes.len());
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        let error = verify(&path, &key()).unwrap_err();
        prop_assert!(error.line == line, "{} at line {}", error, line);
    }
}
