//! Failures of a real disk: full, over its quota, read-only; a descriptor that is closed.
//!
//! A full disk is a small tmpfs, for which these tests must be root. Where they are not, they say so,
//! and fail if the environment has `CI=true`.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use common::{PATIENCE, answer, call, folder, key, open, options};
use mcp_layers_audit::{AuditLayer, FileSink, SyncPolicy, verify};
use mcp_layers_core::McpResponse;
use tempfile::TempDir;

/// A small file system of its own.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self { folder });
        }
        eprintln!("\n=== NOT RUN: only root can mount a small disk ===\n");
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "CI must run this as root"
        );
        None
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("audit.jsonl")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("-l")
            .arg(self.folder.path())
            .status();
    }
}

/// Calls until one is refused; how many were answered.
async fn call_until_refused(layer: &AuditLayer) -> u64 {
    for answered in 0..10_000 {
        if answer(layer, call("echo")).await.outcome().code() == Some(503) {
            return answered;
        }
    }
    panic!("never refused");
}

#[tokio::test]
async fn a_full_disk_refuses_calls_and_heals() {
    for sync in [SyncPolicy::Each, SyncPolicy::Batch] {
        let Some(disk) = SmallDisk::mount() else {
            return;
        };
        let path = disk.path();
        let ballast = disk.folder.path().join("ballast");
        let sink = FileSink::open(&path, options().sync(sync)).unwrap();
        let layer = AuditLayer::new(sink.clone()).unwrap();
        fs::write(&ballast, vec![0; 128 * 1024]).unwrap();
        let answered = call_until_refused(&layer).await;
        assert!(answered > 10, "{answered}");
        assert!(sink.is_degraded() && layer.handle().stats().degraded);
        for _ in 0..5 {
            assert_eq!(
                answer(&layer, call("echo")).await.outcome().code(),
                Some(503)
            );
        }
        assert_eq!(layer.handle().stats().unacknowledged, 1);
        // What was acknowledged is there, and nothing is torn.
        assert_eq!(verify(&path, &key()).unwrap().records, answered);

        fs::remove_file(ballast).unwrap();
        sink.flush(PATIENCE).unwrap();
        assert!(!sink.is_degraded());
        assert_eq!(answer(&layer, call("echo")).await.outcome().code(), None);
        sink.close(PATIENCE);
        let verified = verify(&path, &key()).unwrap();
        // The record that could not be written waited.
        assert_eq!((verified.records, verified.dropped), (answered + 2, 0));
        assert_eq!(verified.refused, layer.handle().stats().refused);
    }
}

#[tokio::test]
async fn a_disk_that_stays_full_does_not_hold_up_a_shutdown() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let path = disk.path();
    let sink = open(&path);
    let layer = AuditLayer::new(sink.clone()).unwrap();
    let answered = call_until_refused(&layer).await;
    let closed = sink.close(std::time::Duration::ZERO);
    assert!(closed.written >= answered);
    drop((sink, layer));
    assert_eq!(verify(&path, &key()).unwrap().records, answered);
}

#[tokio::test]
async fn a_read_only_place_stops_the_start() {
    if let Some(disk) = SmallDisk::mount() {
        let remount = Command::new("mount")
            .args(["-o", "remount,ro"])
            .arg(disk.folder.path())
            .status();
        assert!(remount.unwrap().success());
        assert!(FileSink::open(disk.path(), options()).is_err());
    }
    let (folder, _) = folder();
    assert!(FileSink::open(folder.path().join("no/such/folder"), options()).is_err());
    fs::create_dir(folder.path().join("a-folder")).unwrap();
    assert!(FileSink::open(folder.path().join("a-folder"), options()).is_err());
}

const CHILD: &str = "AUDIT_DISK_CHILD";

/// Runs a test of this program again in a process of its own, behind a shell's words.
fn child(test: &str, path: &Path, shell: &str) -> String {
    let me = std::env::current_exe().unwrap();
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(format!("{shell} exec \"$0\" --exact {test} --nocapture"))
        .arg(me)
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
    said
}

#[tokio::test]
async fn a_quota_refuses_calls_in_the_child() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let sink = open(Path::new(&path));
    let layer = AuditLayer::new(sink.clone()).unwrap();
    println!("\nanswered {}", call_until_refused(&layer).await);
    assert!(sink.is_degraded());
    sink.close(std::time::Duration::ZERO);
}

#[test]
fn a_quota_refuses_calls() {
    let (_folder, path) = folder();
    // 32 blocks of 512 bytes; the signal would end the process.
    let shell = "trap '' XFSZ; ulimit -f 32;";
    let said = child("a_quota_refuses_calls_in_the_child", &path, shell);
    let answered = said.lines().find_map(|line| line.strip_prefix("answered "));
    let answered: u64 = answered.unwrap().parse().unwrap();
    assert!(answered > 3, "{said}");
    assert_eq!(verify(&path, &key()).unwrap().records, answered);
    // Without the quota, the same file goes on.
    open(&path);
    assert_eq!(verify(&path, &key()).unwrap().records, answered);
}

#[tokio::test]
async fn a_closed_descriptor_refuses_calls_in_the_child() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let path = Path::new(&path);
    let sink = open(path);
    let layer = AuditLayer::new(sink.clone()).unwrap();
    assert_eq!(answer(&layer, call("echo")).await.outcome().code(), None);
    let descriptor = fs::read_dir("/proc/self/fd").unwrap().find_map(|entry| {
        let entry = entry.unwrap();
        let ours = fs::read_link(entry.path()).is_ok_and(|to| to == path);
        ours.then(|| entry.file_name().to_string_lossy().parse::<i32>().unwrap())
    });
    nix::unistd::close(descriptor.unwrap()).unwrap();
    for _ in 0..3 {
        assert_eq!(
            answer(&layer, call("echo")).await.outcome().code(),
            Some(503)
        );
    }
    assert!(sink.is_degraded());
    println!("\nrefused");
    // The file must not be closed again.
    std::process::exit(0);
}

#[test]
fn a_closed_descriptor_refuses_calls() {
    let (_folder, path) = folder();
    let path = path.canonicalize().unwrap_or(path);
    let said = child("a_closed_descriptor_refuses_calls_in_the_child", &path, "");
    assert!(said.contains("\nrefused"), "{said}");
    assert_eq!(verify(&path, &key()).unwrap().records, 1);
}
