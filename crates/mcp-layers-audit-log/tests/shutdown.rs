//! Closing, flushing, deadlines, and a writer that is gone.
#![allow(clippy::unwrap_used)]

mod common;

use std::{fs::OpenOptions, io::ErrorKind, io::Write, time::Duration};

use common::{Brake, PATIENCE, append, folder, key, kinds, options};
use mcp_layers_audit_log::{AuditLog, Loss, SyncPolicy, verify};

#[test]
fn closing_writes_what_waits_within_the_deadline() {
    let (_folder, path) = folder();
    let brake = Brake::default();
    let log = brake.open(options().sync(SyncPolicy::Interval(PATIENCE)), &path);
    append(&log, 50);
    brake.reached(1);
    brake.allow(usize::MAX);
    let closed = log.close(PATIENCE);
    assert_eq!((closed.written, closed.lost), (50, 0));
    assert_eq!(verify(&path, &key()).unwrap().records, 50);
    assert_eq!(
        log.append("late".to_owned()).unwrap_err().kind(),
        ErrorKind::BrokenPipe
    );
}

#[test]
fn records_that_a_shutdown_has_no_time_for_are_counted() {
    let (_folder, path) = folder();
    let brake = Brake::default();
    let log = brake.open(options().sync(SyncPolicy::Interval(PATIENCE)), &path);
    append(&log, 1);
    brake.reached(1);
    append(&log, 49);
    let closed = log.close(Duration::ZERO);
    assert_eq!((closed.written, closed.lost), (0, 50));
    // The one that was being written when the time was up still comes.
    brake.allow(1);
    let closed = log.close(PATIENCE);
    assert_eq!((closed.written, closed.lost), (1, 49));
    let verified = verify(&path, &key()).unwrap();
    assert_eq!(
        (verified.records, verified.dropped, verified.closed),
        (1, 49, 1)
    );
}

#[test]
fn dropping_the_last_handle_closes_the_log() {
    let (_folder, path) = folder();
    let log = options()
        .sync(SyncPolicy::Interval(PATIENCE))
        .open(&path)
        .unwrap();
    append(&log, 20);
    drop(log.clone());
    append(&log, 1);
    drop(log);
    let verified = verify(&path, &key()).unwrap();
    assert_eq!(
        (verified.records, verified.vouched, verified.closed),
        (21, 24, 1)
    );
}

#[test]
fn a_full_queue_refuses_records_and_the_chain_counts_them() {
    let (_folder, path) = folder();
    let brake = Brake::default();
    let log = brake.open(options().capacity(2), &path);
    let receipts: Vec<_> = (0..2)
        .map(|_| log.append("taken".to_owned()).unwrap())
        .collect();
    assert_eq!(
        log.append("lost".to_owned()).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    log.lost(Loss::Refused);
    assert_eq!((log.waiting(), log.missing()), (2, 2));
    brake.allow(usize::MAX);
    for receipt in receipts {
        receipt.unwrap().blocking_recv().unwrap();
    }
    log.close(PATIENCE);
    let verified = verify(&path, &key()).unwrap();
    assert_eq!(
        (verified.records, verified.dropped, verified.refused),
        (2, 1, 1)
    );
    assert!(kinds(&path).contains(&"gap".to_owned()));
}

#[test]
fn flushing_fails_when_the_writer_is_gone() {
    let (_folder, path) = folder();
    let panics = |_: &String, _: &mut Vec<u8>| {
        std::panic::resume_unwind(Box::new("quietly"));
    };
    let log: AuditLog = options().open_with(&path, panics).unwrap();
    let receipt = log.append("text".to_owned()).unwrap().unwrap();
    assert!(receipt.blocking_recv().is_err());
    assert_eq!(
        log.flush(PATIENCE).unwrap_err().kind(),
        ErrorKind::BrokenPipe
    );
    assert_eq!(log.prune(1).unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert!(log.is_degraded());
    assert_eq!(log.close(PATIENCE).lost, 1);
}

#[test]
fn the_longest_duration_means_no_limit() {
    let (_folder, path) = folder();
    let longest = Duration::MAX;
    let log = options()
        .sync(SyncPolicy::Interval(longest))
        .checkpoint_every(longest)
        .retry_every(longest)
        .close_within(longest)
        .max_age(longest)
        .open(&path)
        .unwrap();
    append(&log, 3);
    log.flush(longest).unwrap();
    assert_eq!(log.close(longest).written, 3);
    drop(log);
    drop(options().close_within(longest).open(&path).unwrap());
    assert_eq!(verify(&path, &key()).unwrap().closed, 2);
}

#[test]
fn a_failed_write_that_is_never_retried_still_ends_with_the_log() {
    let (_folder, path) = folder();
    let log = options().retry_every(Duration::MAX).open(&path).unwrap();
    append(&log, 1);
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    let len = file.metadata().unwrap().len();
    file.write_all(b"x").unwrap();
    let receipt = log.append("late".to_owned()).unwrap().unwrap();
    assert!(receipt.blocking_recv().is_err());
    assert_eq!(
        log.flush(Duration::ZERO).unwrap_err().kind(),
        ErrorKind::TimedOut
    );
    // A flush is a reason to try again.
    file.set_len(len).unwrap();
    log.flush(PATIENCE).unwrap();
    assert!(!log.is_degraded());
    assert_eq!(log.close(PATIENCE).lost, 0);
    assert_eq!(verify(&path, &key()).unwrap().records, 2);
}

#[test]
fn a_capacity_size_or_age_of_zero_is_refused() {
    let (_folder, path) = folder();
    for options in [
        options().capacity(0),
        options().max_bytes(0),
        options().max_age(Duration::ZERO),
    ] {
        assert_eq!(
            options.open(&path).unwrap_err().kind(),
            ErrorKind::InvalidInput
        );
    }
}
