//! Keys, their files, and digests under them.
#![allow(clippy::unwrap_used)]

use mcp_layers_audit_log::{Digest, Digester, Key};

fn digest(key: &Key) -> Digest {
    Digester::new(key).digest(0, b"t")
}

#[test]
fn a_key_file_is_created_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let created = digest(&Key::read_or_create(&path).unwrap());
    assert_eq!(digest(&Key::read_or_create(&path).unwrap()), created);
    std::fs::write(&path, "short").unwrap();
    assert!(Key::read_or_create(&path).is_err());
}

#[cfg(unix)]
#[test]
fn a_key_file_that_others_may_write_or_own_is_refused() {
    use std::{fs, io::ErrorKind, os::unix::fs::PermissionsExt};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    Key::read_or_create(&path).unwrap();
    for mode in [0o666, 0o620, 0o602] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = Key::read_or_create(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{mode:o}");
    }
    for mode in [0o400, 0o440, 0o644] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        Key::read(&path).unwrap();
    }
    // Only root can give a file away.
    if std::os::unix::fs::chown(&path, Some(12_345), None).is_ok() {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let error = Key::read(&path).unwrap_err();
        assert!(error.to_string().contains("12345"), "{error}");
    }
    assert!(Key::read("/dev/null").is_err());
}

#[test]
fn a_short_key_is_refused_and_a_key_shows_nothing() {
    assert!(Key::new([7; 15]).is_err());
    let shown = format!("{:?}", Key::new([171; 16]).unwrap());
    assert!(!shown.contains("171") && !shown.contains("ab"), "{shown}");
}

#[test]
fn equal_inputs_have_equal_digests_under_one_key_and_domain_only() {
    let one = Digester::new(&Key::new([1; 32]).unwrap());
    let other = Digester::new(&Key::new([2; 32]).unwrap());
    let digest = one.digest(b't', b"t-1");
    assert_eq!(digest, one.digest(b't', b"t-1"));
    assert_ne!(digest, one.digest(b't', b"t-2"));
    assert_ne!(digest, one.digest(b'c', b"t-1"));
    assert_ne!(digest, other.digest(b't', b"t-1"));
    assert_eq!(digest.to_string().len(), 32);
}
