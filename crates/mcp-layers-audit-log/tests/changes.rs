//! Changes of a log, each of which the verifier names.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    path::Path,
    time::Duration,
};

use common::{PATIENCE, append, edit, fault, folder, key, lines, open, options, write};
use mcp_layers_audit_log::{AuditLog, Fault, Key, SyncPolicy, verify};

fn open_error(path: &Path) -> ErrorKind {
    options().open(path).unwrap_err().kind()
}

#[test]
fn a_log_verifies_while_it_is_written_and_after() {
    for sync in [
        SyncPolicy::Each,
        SyncPolicy::Batch,
        SyncPolicy::Interval(Duration::ZERO),
    ] {
        let (_folder, path) = folder();
        let log = options().sync(sync).open(&path).unwrap();
        append(&log, 20);
        log.flush(PATIENCE).unwrap();
        let verified = verify(&path, &key()).unwrap();
        assert_eq!((verified.records, verified.closed), (20, 0), "{sync:?}");
        let closed = log.close(PATIENCE);
        assert_eq!((closed.written, closed.lost), (20, 0), "{sync:?}");
        let verified = verify(&path, &key()).unwrap();
        assert_eq!(
            (verified.lines, verified.vouched, verified.segments),
            (23, 23, 1)
        );
        assert_eq!((verified.opened, verified.closed), (1, 1));
    }
}

#[test]
fn the_chain_continues_when_the_log_is_opened_again() {
    let (_folder, path) = folder();
    write(&path, 3);
    write(&path, 4);
    let verified = verify(&path, &key()).unwrap();
    assert_eq!(
        (verified.records, verified.repairs, verified.opened),
        (7, 0, 2)
    );
    let numbers: Vec<_> = lines(&path)
        .iter()
        .map(|line| line["n"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (1..=12).collect::<Vec<_>>());
}

#[test]
fn an_edited_record_is_named() {
    let (_folder, path) = folder();
    write(&path, 9);
    edit(&path, |lines| {
        lines[5] = lines[5].replace("tool-3", "tool-X");
    });
    let error = fault(&path);
    assert!(matches!(error.fault, Fault::Changed), "{error}");
    assert_eq!((error.line, error.record), (6, 6));
    assert!(
        error.to_string().contains("line 6: record 6: was changed"),
        "{error}"
    );
}

#[test]
fn a_deleted_or_inserted_record_is_named() {
    let (_folder, path) = folder();
    write(&path, 9);
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

#[test]
fn reordered_records_are_named() {
    let (_folder, path) = folder();
    write(&path, 9);
    edit(&path, |lines| lines.swap(3, 4));
    assert_eq!(fault(&path).record, 4);
}

#[test]
fn a_cut_tail_shows_by_the_checkpoint() {
    let (_folder, path) = folder();
    write(&path, 9);
    edit(&path, |lines| lines.truncate(7));
    let error = fault(&path);
    assert!(
        matches!(error.fault, Fault::CutTail { vouched: 12 }),
        "{error}"
    );
    assert_eq!(error.record, 8);
    // No writer appends to such a file.
    assert_eq!(open_error(&path), ErrorKind::InvalidData);
    fs::remove_file(&path).unwrap();
    assert!(matches!(fault(&path).fault, Fault::Io(_)));
    assert_eq!(open_error(&path), ErrorKind::InvalidData);
}

#[test]
fn a_swapped_file_is_recognised() {
    let (_folder, path) = folder();
    let (_other_folder, other) = folder();
    write(&path, 3);
    write(&other, 5);
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

#[test]
fn a_missing_or_forged_checkpoint_is_recognised() {
    let (_folder, path) = folder();
    write(&path, 3);
    let checkpoint = path.with_extension("jsonl.checkpoint");
    let own = fs::read_to_string(&checkpoint).unwrap();
    fs::write(&checkpoint, own.replace("\"n\":6", "\"n\":3")).unwrap();
    assert!(matches!(fault(&path).fault, Fault::BadCheckpoint));
    fs::remove_file(&checkpoint).unwrap();
    assert!(matches!(fault(&path).fault, Fault::NoCheckpoint));
    assert_eq!(open_error(&path), ErrorKind::InvalidData);
}

#[test]
fn another_key_verifies_nothing() {
    let (_folder, path) = folder();
    write(&path, 3);
    let other = Key::new([1; 32]).unwrap();
    assert!(verify(&path, &other).is_err());
    let error = mcp_layers_audit_log::LogOptions::new(&other)
        .open(&path)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
}

#[test]
fn a_file_to_which_another_program_appends_is_written_no_more() {
    let (_folder, path) = folder();
    let log = options().close_within(Duration::ZERO).open(&path).unwrap();
    append(&log, 3);
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"x").unwrap();
    let receipt = log.append("late".to_owned()).unwrap().unwrap();
    assert!(receipt.blocking_recv().is_err());
    assert!(log.is_degraded());
    log.close(Duration::ZERO);
    assert!(verify(&path, &key()).is_err());
}

#[test]
fn a_record_cannot_pose_as_a_line_of_the_log() {
    let (_folder, path) = folder();
    let write = |body: &String, out: &mut Vec<u8>| out.extend_from_slice(body.as_bytes());
    let log: AuditLog = options().open_with(&path, write).unwrap();
    for body in [
        r#"{"kind":"end","time":""}"#,
        "two\nlines",
        "",
        r#"{"kind":"mine"}"#,
    ] {
        log.append(body.to_owned()).unwrap();
    }
    log.close(PATIENCE);
    assert_eq!(verify(&path, &key()).unwrap().records, 4);
    assert_eq!(lines(&path)[5]["record"]["kind"], "mine");
}

#[test]
fn opening_records_without_a_closing_one_are_counted() {
    let (_folder, path) = folder();
    let write = |body: &String, out: &mut Vec<u8>| out.extend_from_slice(body.as_bytes());
    let log: AuditLog = options().open_with(&path, write).unwrap();
    for body in [
        r#"{"opens":1}"#,
        r#"{"opens":2}"#,
        r#"{"unmapped":{"opens":3}}"#,
        r#"{"closes":2}"#,
        r#"{"text":"\"closes\":1"}"#,
        r#"{"unmapped":{"closes":3}}"#,
        r#"{"closes":9}"#,
    ] {
        log.append(body.to_owned()).unwrap();
    }
    log.flush(PATIENCE).unwrap();
    assert_eq!(verify(&path, &key()).unwrap().unfinished, 1);
    // A later process numbers its operations from the start again.
    drop(log);
    let log: AuditLog = options().open_with(&path, write).unwrap();
    log.append(r#"{"opens":1}"#.to_owned()).unwrap();
    log.append(r#"{"closes":1}"#.to_owned()).unwrap();
    log.close(PATIENCE);
    assert_eq!(verify(&path, &key()).unwrap().unfinished, 1);
}

#[cfg(unix)]
#[test]
fn files_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = folder();
    write(&path, 1);
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{entry:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_a_new_checkpoint_leads_nowhere() {
    let (folder, path) = folder();
    let victim = folder.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    std::os::unix::fs::symlink(&victim, path.with_extension("jsonl.checkpoint.new")).unwrap();
    write(&path, 1);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert_eq!(verify(&path, &key()).unwrap().records, 1);
}

#[test]
fn each_process_has_a_file_of_its_own() {
    let (folder, _) = folder();
    let log = open(&folder.path().join("audit-{pid}.jsonl"));
    append(&log, 1);
    let path = folder
        .path()
        .join(format!("audit-{}.jsonl", std::process::id()));
    assert_eq!(log.path(), path);
    log.close(PATIENCE);
    assert_eq!(verify(&path, &key()).unwrap().records, 1);
}
