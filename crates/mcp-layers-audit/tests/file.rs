//! The file: its chain, its repair, its rotation, its lock.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    num::NonZeroU64,
    path::{Path, PathBuf},
    time::Duration,
};

use common::{Brake, PATIENCE, folder, key, kinds, lines, open, record};
use mcp_layers_audit::{
    Cef, Fault, FileOptions, FileSink, Key, Ocsf, Sync, VerifyError, verify, verify_files,
};
use mcp_layers_core::McpResponse;
use mcp_layers_test::ManualClock;
use proptest::prelude::*;

fn segment(path: &Path, number: u64) -> PathBuf {
    PathBuf::from(format!("{}.{number:06}", path.display()))
}

async fn records(sink: &FileSink, count: usize) {
    for n in 0..count {
        record(sink.clone(), &format!("tool-{n}")).await;
    }
}

/// A closed log with this many records, whose first line is the header.
async fn log(path: &Path, count: usize) {
    let sink = open(path);
    records(&sink, count).await;
    assert_eq!(sink.close(PATIENCE).lost, 0);
}

#[track_caller]
fn fault(path: &Path) -> VerifyError {
    verify(path, &key()).unwrap_err()
}

fn edit(path: &Path, change: impl FnOnce(&mut Vec<String>)) {
    let text = fs::read_to_string(path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    change(&mut lines);
    fs::write(path, lines.join("\n") + "\n").unwrap();
}

#[tokio::test]
async fn a_log_verifies_while_it_is_written_and_after() {
    for sync in [Sync::Each, Sync::Batch, Sync::Interval(Duration::ZERO)] {
        let (_folder, path) = folder();
        let sink = FileOptions::new(&key()).sync(sync).open(&path).unwrap();
        records(&sink, 20).await;
        sink.flush(PATIENCE).unwrap();
        assert_eq!(verify(&path, &key()).unwrap().records, 20, "{sync:?}");
        let closed = sink.close(PATIENCE);
        assert_eq!((closed.written, closed.lost), (20, 0), "{sync:?}");
        let verified = verify(&path, &key()).unwrap();
        assert_eq!(
            (verified.lines, verified.vouched, verified.segments),
            (21, 21, 1)
        );
    }
}

#[tokio::test]
async fn the_chain_goes_on_when_the_file_is_opened_again() {
    let (_folder, path) = folder();
    log(&path, 3).await;
    log(&path, 4).await;
    let verified = verify(&path, &key()).unwrap();
    assert_eq!((verified.records, verified.repairs), (7, 0));
    let numbers: Vec<_> = lines(&path)
        .iter()
        .map(|line| line["n"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (1..=8).collect::<Vec<_>>());
}

#[tokio::test]
async fn l4_an_edited_record_is_named() {
    let (_folder, path) = folder();
    log(&path, 9).await;
    edit(&path, |lines| {
        lines[5] = lines[5].replace("tool-4", "tool-X");
    });
    let error = fault(&path);
    assert!(matches!(error.fault, Fault::Changed), "{error}");
    assert_eq!((error.line, error.record), (6, 6));
    assert!(
        error.to_string().contains("line 6: record 6: was changed"),
        "{error}"
    );
}

#[tokio::test]
async fn l4_a_deleted_or_inserted_record_is_named() {
    let (_folder, path) = folder();
    log(&path, 9).await;
    let whole = fs::read(&path).unwrap();
    edit(&path, |lines| drop(lines.remove(5)));
    let error = fault(&path);
    assert!(
        matches!(error.fault, Fault::OutOfOrder { found: 7 }),
        "{error}"
    );
    assert_eq!(error.record, 6);
    fs::write(&path, &whole).unwrap();
    edit(&path, |lines| lines.insert(5, lines[4].clone()));
    assert_eq!(fault(&path).record, 6);
}

#[tokio::test]
async fn l4_reordered_records_are_named() {
    let (_folder, path) = folder();
    log(&path, 9).await;
    edit(&path, |lines| lines.swap(3, 4));
    assert_eq!(fault(&path).record, 4);
}

#[tokio::test]
async fn l4_a_cut_tail_shows_by_the_checkpoint() {
    let (_folder, path) = folder();
    log(&path, 9).await;
    edit(&path, |lines| lines.truncate(7));
    let error = fault(&path);
    assert!(
        matches!(error.fault, Fault::CutTail { vouched: 10 }),
        "{error}"
    );
    assert_eq!(error.record, 8);
    // Nobody appends to such a file.
    let error = FileOptions::new(&key()).open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    fs::remove_file(&path).unwrap();
    assert!(matches!(fault(&path).fault, Fault::Io(_)));
    assert_eq!(
        FileOptions::new(&key()).open(&path).unwrap_err().kind(),
        ErrorKind::InvalidData
    );
}

#[tokio::test]
async fn l4_a_swapped_file_is_known() {
    let (_folder, path) = folder();
    let (_other_folder, other) = folder();
    log(&path, 3).await;
    log(&other, 5).await;
    let own = fs::read(&path).unwrap();
    fs::copy(&other, &path).unwrap();
    let error = fault(&path);
    assert!(matches!(error.fault, Fault::OtherFile), "{error}");
    assert_eq!(error.line, 1);
    // One record of the other log in its place.
    fs::write(&path, own).unwrap();
    let theirs = fs::read_to_string(&other).unwrap();
    edit(&path, |lines| {
        lines[2] = theirs.lines().nth(2).unwrap().to_owned();
    });
    assert_eq!(fault(&path).record, 3);
}

#[tokio::test]
async fn l4_a_missing_or_forged_checkpoint_is_known() {
    let (_folder, path) = folder();
    log(&path, 3).await;
    let checkpoint = path.with_extension("jsonl.checkpoint");
    let own = fs::read_to_string(&checkpoint).unwrap();
    fs::write(&checkpoint, own.replace("\"n\":4", "\"n\":3")).unwrap();
    assert!(matches!(fault(&path).fault, Fault::BadCheckpoint));
    fs::remove_file(&checkpoint).unwrap();
    assert!(matches!(fault(&path).fault, Fault::NoCheckpoint));
    assert_eq!(
        FileOptions::new(&key()).open(&path).unwrap_err().kind(),
        ErrorKind::InvalidData
    );
}

#[tokio::test]
async fn another_key_verifies_nothing() {
    let (_folder, path) = folder();
    log(&path, 3).await;
    let other = Key::new([1; 32]).unwrap();
    assert!(verify(&path, &other).is_err());
    assert_eq!(
        FileOptions::new(&other).open(&path).unwrap_err().kind(),
        ErrorKind::InvalidData
    );
}

#[tokio::test]
async fn l3_a_torn_tail_is_cut_off_kept_and_noted() {
    let (_folder, path) = folder();
    log(&path, 3).await;
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
        log(&path, 1).await;
        let after = verify(&path, &key()).unwrap();
        assert_eq!(after.repairs, before.repairs + 1);
        assert_eq!(after.records, before.records + 1);
        let kept = format!("{}.torn-{}", path.display(), before.lines + 1);
        assert_eq!(fs::read(kept).unwrap(), &line[..cut]);
    }
}

#[tokio::test]
async fn l3_pages_that_were_never_written_are_a_torn_tail() {
    let (_folder, path) = folder();
    log(&path, 3).await;
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(&[0; 5000]).unwrap();
    file.write_all(b"x\n").unwrap();
    log(&path, 1).await;
    assert_eq!(verify(&path, &key()).unwrap().records, 4);
}

#[tokio::test]
async fn damage_that_is_no_torn_tail_stops_the_start() {
    let (_folder, path) = folder();
    log(&path, 5).await;
    let whole = fs::read(&path).unwrap();
    edit(&path, |lines| lines[3] = lines[3].replace("tool", "fool"));
    let error = FileOptions::new(&key()).open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(error.to_string().contains("line 4"), "{error}");
    // Nothing was touched.
    edit(&path, |lines| lines[3] = lines[3].replace("fool", "tool"));
    assert_eq!(fs::read(&path).unwrap(), whole);
}

#[tokio::test]
async fn l10_rotation_by_size_keeps_the_chain() {
    let (_folder, path) = folder();
    let options = || FileOptions::new(&key()).max_bytes(NonZeroU64::new(3_000).unwrap());
    let sink = options().open(&path).unwrap();
    records(&sink, 30).await;
    sink.close(PATIENCE);
    let sink = options().open(&path).unwrap();
    records(&sink, 30).await;
    sink.close(PATIENCE);
    let verified = verify(&path, &key()).unwrap();
    assert_eq!(verified.records, 60);
    assert!(verified.segments > 5, "{verified:?}");
    for number in 1..verified.segments {
        let kinds = kinds(&segment(&path, number));
        assert_eq!(
            (kinds[0].as_str(), kinds[kinds.len() - 1].as_str()),
            ("segment", "end")
        );
        assert!(fs::metadata(segment(&path, number)).unwrap().len() < 4_500);
    }
    // Segments swapped, cut, and missing.
    let (two, three, aside) = (
        segment(&path, 2),
        segment(&path, 3),
        path.with_extension("x"),
    );
    for (from, to) in [(&two, &aside), (&three, &two), (&aside, &three)] {
        fs::rename(from, to).unwrap();
    }
    let error = fault(&path);
    assert!(matches!(error.fault, Fault::OtherFile), "{error}");
    assert_eq!((&error.file, error.line), (&two, 1));
    for (from, to) in [(&two, &aside), (&three, &two), (&aside, &three)] {
        fs::rename(from, to).unwrap();
    }
    let whole = fs::read(&two).unwrap();
    edit(&two, |lines| drop(lines.pop()));
    assert!(matches!(fault(&path).fault, Fault::NotEnded));
    fs::write(&two, whole).unwrap();
    verify(&path, &key()).unwrap();
    fs::remove_file(&two).unwrap();
    assert!(matches!(
        fault(&path).fault,
        Fault::MissingSegment { segment: 2 }
    ));
}

#[tokio::test]
async fn l10_rotation_by_age_follows_the_clock() {
    let (_folder, path) = folder();
    let clock = ManualClock::new();
    let day = Duration::from_secs(86_400);
    let sink = FileOptions::new(&key())
        .max_age(day)
        .clock(clock.clone())
        .open(&path)
        .unwrap();
    records(&sink, 2).await;
    assert!(!segment(&path, 1).exists());
    clock.advance(day);
    records(&sink, 2).await;
    assert!(segment(&path, 1).exists() && !segment(&path, 2).exists());
    sink.close(PATIENCE);
    assert_eq!(verify(&path, &key()).unwrap().records, 4);
}

#[tokio::test]
async fn l10_an_interrupted_rotation_is_finished() {
    // The writer died between the last line of a segment and its new name, between the name and
    // the next file, or when that file was made and empty.
    for died in ["ended", "renamed", "begun"] {
        let (_folder, path) = folder();
        log(&path, 3).await;
        let checkpoint = path.with_extension("jsonl.checkpoint");
        let vouched = fs::read(&checkpoint).unwrap();
        let tiny = FileOptions::new(&key()).max_bytes(NonZeroU64::MIN);
        let sink = tiny.open(&path).unwrap();
        records(&sink, 1).await;
        drop(sink);
        fs::write(&checkpoint, vouched).unwrap();
        match died {
            "ended" => fs::rename(segment(&path, 1), &path).unwrap(),
            "renamed" => fs::remove_file(&path).unwrap(),
            _ => fs::write(&path, "").unwrap(),
        }
        log(&path, 2).await;
        let verified = verify(&path, &key()).unwrap();
        assert_eq!((verified.records, verified.segments), (5, 2), "{died}");
    }
}

#[tokio::test]
async fn l10_an_external_rename_is_noticed_and_the_chain_goes_on() {
    let (_folder, path) = folder();
    let sink = open(&path);
    records(&sink, 3).await;
    let moved = path.with_extension("moved");
    fs::rename(&path, &moved).unwrap();
    records(&sink, 2).await;
    sink.close(PATIENCE);
    assert_eq!(kinds(&path)[..2], ["segment", "moved"]);
    assert!(matches!(fault(&path).fault, Fault::OtherFile));
    let verified = verify_files(&path, &[moved.clone(), path.clone()], &key()).unwrap();
    assert_eq!(verified.records, 5);
    // In its place under its number, it is found by itself.
    fs::rename(&moved, segment(&path, 1)).unwrap();
    assert_eq!(verify(&path, &key()).unwrap().records, 5);
}

#[tokio::test]
async fn l4_a_file_that_somebody_truncates_or_appends_to_is_written_no_more() {
    for truncate in [true, false] {
        let (_folder, path) = folder();
        let sink = FileOptions::new(&key())
            .close_within(Duration::ZERO)
            .open(&path)
            .unwrap();
        records(&sink, 3).await;
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        if truncate {
            file.set_len(0).unwrap();
        } else {
            file.write_all(b"x").unwrap();
        }
        let response = record(sink.clone(), "late").await;
        assert_eq!(response.outcome().code(), Some(503));
        assert!(sink.in_trouble());
        sink.close(Duration::ZERO);
        assert!(verify(&path, &key()).is_err());
    }
}

#[tokio::test]
async fn l10_a_second_writer_is_refused() {
    let (_folder, path) = folder();
    let sink = open(&path);
    let error = FileOptions::new(&key()).open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert!(error.to_string().contains("another writer"), "{error}");
    records(&sink, 2).await;
    sink.close(PATIENCE);
    drop(sink);
    open(&path);
}

#[tokio::test]
async fn l11_shutdown_flushes_within_the_deadline() {
    let (_folder, path) = folder();
    let brake = Brake::default();
    let options = FileOptions::new(&key()).sync(Sync::Interval(PATIENCE));
    let sink = options.encoder(brake.clone()).open(&path).unwrap();
    records(&sink, 50).await;
    brake.reached(1);
    brake.allow(usize::MAX);
    let closed = sink.close(PATIENCE);
    assert_eq!((closed.written, closed.lost), (50, 0));
    assert_eq!(verify(&path, &key()).unwrap().records, 50);
    record(sink, "late").await;
}

#[tokio::test]
async fn l11_what_a_shutdown_has_no_time_for_is_counted() {
    let (_folder, path) = folder();
    let brake = Brake::default();
    let options = FileOptions::new(&key()).sync(Sync::Interval(PATIENCE));
    let sink = options.encoder(brake.clone()).open(&path).unwrap();
    records(&sink, 1).await;
    brake.reached(1);
    records(&sink, 49).await;
    let closed = sink.close(Duration::ZERO);
    assert_eq!((closed.written, closed.lost), (0, 50));
    // The one that was being written when the time was up still comes.
    brake.allow(1);
    let closed = sink.close(PATIENCE);
    assert_eq!((closed.written, closed.lost), (1, 49));
    let verified = verify(&path, &key()).unwrap();
    assert_eq!((verified.records, verified.dropped), (1, 49));
}

#[tokio::test]
async fn l11_the_last_sink_closes_the_file() {
    let (_folder, path) = folder();
    let options = FileOptions::new(&key()).sync(Sync::Interval(PATIENCE));
    let sink = options.open(&path).unwrap();
    records(&sink, 20).await;
    drop(sink);
    let verified = verify(&path, &key()).unwrap();
    assert_eq!((verified.records, verified.vouched), (20, 21));
}

#[tokio::test]
async fn every_format_is_chained() {
    let (_folder, path) = folder();
    let sink = FileOptions::new(&key())
        .encoder(Ocsf::new())
        .open(&path)
        .unwrap();
    records(&sink, 2).await;
    sink.close(PATIENCE);
    drop(sink);
    let sink = FileOptions::new(&key())
        .encoder(Cef::new())
        .open(&path)
        .unwrap();
    records(&sink, 2).await;
    sink.close(PATIENCE);
    assert_eq!(verify(&path, &key()).unwrap().records, 4);
    let lines = lines(&path);
    assert_eq!(lines[1]["record"]["class_uid"], 6003);
    assert!(lines[3]["record"].as_str().unwrap().starts_with("CEF:0|"));
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_readable_by_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = folder();
    log(&path, 1).await;
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{entry:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever prefix of its last lines a crash leaves, the log opens again, keeps every whole
    /// line, and verifies; whatever byte is changed inside, it does not.
    #[test]
    fn a_log_that_was_cut_anywhere_behind_its_checkpoint_is_repaired(
        before in 0_usize..4,
        after in 1_usize..5,
        cut in any::<prop::sample::Index>(),
        change in any::<prop::sample::Index>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (_folder, path) = folder();
        runtime.block_on(log(&path, before));
        let checkpoint = path.with_extension("jsonl.checkpoint");
        let vouched = fs::read(&checkpoint).unwrap();
        let safe = fs::read(&path).unwrap().len();
        runtime.block_on(log(&path, after));
        fs::write(&checkpoint, vouched).unwrap();
        let whole = fs::read(&path).unwrap();
        let cut = safe + cut.index(whole.len() - safe + 1);
        fs::write(&path, &whole[..cut]).unwrap();
        let kept = whole[..cut].iter().filter(|byte| **byte == b'\n').count() as u64;
        runtime.block_on(log(&path, 1));
        let verified = verify(&path, &key()).unwrap();
        prop_assert_eq!(verified.records, kept);

        let mut bytes = fs::read(&path).unwrap();
        let at = change.index(bytes.len());
        bytes[at] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        let error = verify(&path, &key()).unwrap_err();
        prop_assert!(error.line == line, "{} at line {}", error, line);
    }
}
