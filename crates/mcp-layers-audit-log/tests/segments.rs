//! Rotation, archives, and programs that move or truncate the file.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    fs,
    io::ErrorKind,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use common::{PATIENCE, append, edit, fault, folder, key, kinds, open, options, segment, write};
use mcp_layers_audit_log::{Fault, Verifier, verify};

#[test]
fn rotation_by_size_keeps_the_chain() {
    let (_folder, path) = folder();
    for _ in 0..2 {
        let log = options().max_bytes(1_000).open(&path).unwrap();
        append(&log, 30);
        log.close(PATIENCE);
    }
    let verified = verify(&path, &key()).unwrap();
    assert_eq!(verified.records, 60);
    assert!(verified.segments > 5, "{verified:?}");
    for number in 1..verified.segments {
        let kinds = kinds(&segment(&path, number));
        assert_eq!(
            (kinds[0].as_str(), kinds[kinds.len() - 1].as_str()),
            ("segment", "end")
        );
        assert!(fs::metadata(segment(&path, number)).unwrap().len() < 2_000);
    }
    // Segments swapped, cut, and missing.
    let (two, three, aside) = (
        segment(&path, 2),
        segment(&path, 3),
        path.with_extension("x"),
    );
    let swap = || {
        for (from, to) in [(&two, &aside), (&three, &two), (&aside, &three)] {
            fs::rename(from, to).unwrap();
        }
    };
    swap();
    let error = fault(&path);
    assert!(matches!(error.fault, Fault::OtherFile), "{error}");
    assert_eq!((&error.file, error.line), (&two, 1));
    swap();
    let whole = fs::read(&two).unwrap();
    edit(&two, |lines| drop(lines.pop()));
    let error = fault(&path);
    assert!(matches!(error.fault, Fault::NotEnded), "{error}");
    assert_eq!(error.file, two);
    fs::write(&two, whole).unwrap();
    verify(&path, &key()).unwrap();
    fs::remove_file(&two).unwrap();
    assert!(matches!(
        fault(&path).fault,
        Fault::MissingSegment { segment: 2 }
    ));
}

#[test]
fn rotation_by_age_follows_the_clock_and_survives_restarts() {
    let (_folder, path) = folder();
    let now = Arc::new(Mutex::new(SystemTime::now()));
    let day = Duration::from_secs(86_400);
    let open = || {
        let now = now.clone();
        let clock = move || *now.lock().unwrap();
        options().max_age(day).clock(clock).open(&path).unwrap()
    };
    let log = open();
    append(&log, 2);
    assert!(!segment(&path, 1).exists());
    *now.lock().unwrap() += day;
    append(&log, 2);
    assert!(segment(&path, 1).exists() && !segment(&path, 2).exists());
    *now.lock().unwrap() += day / 2;
    drop(log);
    let log = open();
    *now.lock().unwrap() += day / 2;
    append(&log, 1);
    assert!(segment(&path, 2).exists());
    log.close(PATIENCE);
    assert_eq!(verify(&path, &key()).unwrap().records, 5);
}

#[test]
fn an_external_rename_is_noticed_and_the_chain_continues() {
    let (_folder, path) = folder();
    let log = open(&path);
    append(&log, 3);
    let moved = path.with_extension("moved");
    fs::rename(&path, &moved).unwrap();
    append(&log, 2);
    log.close(PATIENCE);
    assert_eq!(kinds(&path)[..2], ["segment", "moved"]);
    assert!(matches!(
        fault(&path).fault,
        Fault::MissingSegment { segment: 1 }
    ));
    let verifier = Verifier::new(&path, &key()).files([moved.clone(), path.clone()]);
    assert_eq!(verifier.verify().unwrap().records, 5);
    // Under its number, it is found without help.
    fs::rename(&moved, segment(&path, 1)).unwrap();
    assert_eq!(verify(&path, &key()).unwrap().records, 5);
}

#[test]
fn copytruncate_leads_to_a_new_segment_and_the_copy_completes_the_log() {
    let (_folder, path) = folder();
    let log = open(&path);
    append(&log, 3);
    let copy = path.with_extension("jsonl.1");
    fs::copy(&path, &copy).unwrap();
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(0)
        .unwrap();
    append(&log, 2);
    assert!(!log.is_degraded());
    log.close(PATIENCE);
    drop(log);
    assert_eq!(kinds(&path)[..2], ["segment", "truncated"]);
    // The server starts again, with or without the copy.
    write(&path, 1);
    assert!(matches!(
        fault(&path).fault,
        Fault::MissingSegment { segment: 1 }
    ));
    fs::rename(&copy, segment(&path, 1)).unwrap();
    let verified = verify(&path, &key()).unwrap();
    assert_eq!((verified.records, verified.truncated), (6, 1));
    // A copy that lacks a line does not verify.
    edit(&segment(&path, 1), |lines| drop(lines.pop()));
    assert!(matches!(fault(&path).fault, Fault::NotEnded));
}

#[test]
fn what_is_left_of_a_truncated_file_is_kept() {
    let (_folder, path) = folder();
    let log = open(&path);
    append(&log, 3);
    let whole = fs::read(&path).unwrap();
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(100)
        .unwrap();
    append(&log, 2);
    log.close(PATIENCE);
    let kept = path.with_extension("jsonl.truncated-1");
    assert_eq!(fs::read(kept).unwrap(), &whole[..100]);
    // The lines that are gone can be left behind, which the chain says.
    drop(log);
    let log = open(&path);
    log.prune(1).unwrap();
    log.close(PATIENCE);
    let verified = verify(&path, &key()).unwrap();
    assert_eq!((verified.records, verified.pruned), (2, 1));
}

#[test]
fn a_log_that_was_truncated_while_no_writer_ran_starts_again_with_its_copy() {
    let (_folder, path) = folder();
    write(&path, 3);
    let copy = fs::read(&path).unwrap();
    fs::write(&path, "").unwrap();
    let error = options().open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(error.to_string().contains("put its copy back"), "{error}");
    fs::write(&path, copy).unwrap();
    write(&path, 1);
    assert_eq!(verify(&path, &key()).unwrap().records, 4);
}

#[test]
fn an_archived_segment_is_noted_and_the_rest_verifies() {
    let (_folder, path) = folder();
    let archive = tempfile::tempdir().unwrap();
    let log = options().max_bytes(1).open(&path).unwrap();
    append(&log, 4);
    let moved = archive.path().join("audit.jsonl.000001");
    fs::rename(segment(&path, 1), &moved).unwrap();
    // Without a note, an archived segment is missing ...
    log.flush(PATIENCE).unwrap();
    assert!(matches!(
        fault(&path).fault,
        Fault::MissingSegment { segment: 1 }
    ));
    // ... unless the verifier begins where the archive ends.
    let checkpoint = path.with_extension("jsonl.checkpoint");
    let begin = fs::read(&moved).unwrap();
    let last = String::from_utf8(begin).unwrap();
    let last: serde_json::Value = serde_json::from_str(last.lines().last().unwrap()).unwrap();
    let text = format!("{}:{}", last["n"], last["mac"].as_str().unwrap());
    let end = text.parse().unwrap();
    let verified = Verifier::new(&path, &key()).from(end).verify().unwrap();
    assert_eq!(verified.records, 4);
    // Another position is not the end of the archive.
    let wrong = format!("{}:{}", last["n"], "0".repeat(64)).parse().unwrap();
    assert!(Verifier::new(&path, &key()).from(wrong).verify().is_err());
    assert!(checkpoint.exists());

    assert_eq!(log.prune(9).unwrap_err().kind(), ErrorKind::InvalidInput);
    log.prune(1).unwrap();
    let verified = verify(&path, &key()).unwrap();
    assert_eq!((verified.records, verified.pruned), (4, 1));
    // Only the noted segment may be missing.
    fs::remove_file(segment(&path, 2)).unwrap();
    assert!(matches!(
        fault(&path).fault,
        Fault::MissingSegment { segment: 2 }
    ));
}

#[test]
fn the_end_of_a_log_is_where_its_continuation_begins() {
    let (_folder, path) = folder();
    write(&path, 2);
    let end = verify(&path, &key()).unwrap().end;
    let log = options().max_bytes(1).open(&path).unwrap();
    append(&log, 1);
    log.close(PATIENCE);
    let files = [segment(&path, 1), path.clone()];
    let all = Verifier::new(&path, &key()).files(files).verify().unwrap();
    assert!(all.end.n > end.n && all.end.mac != end.mac);
}

#[test]
fn the_oldest_segments_are_deleted_and_noted() {
    let (_folder, path) = folder();
    let log = options().max_bytes(1).keep_segments(2).open(&path).unwrap();
    append(&log, 10);
    log.close(PATIENCE);
    assert!(!segment(&path, 8).exists() && segment(&path, 9).exists());
    assert!(segment(&path, 10).exists());
    let verified = verify(&path, &key()).unwrap();
    assert_eq!((verified.segments, verified.pruned), (3, 8));
}
