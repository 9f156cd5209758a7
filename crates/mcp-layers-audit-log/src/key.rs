//! The secret key of a log.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    path::Path,
};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::files::{invalid, private};

/// A secret key, for the chain of a log and for digests.
///
/// One key may serve both: a key of its own is derived for each use, by HMAC-SHA-256 (RFC 2104)
/// over the name of the use. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Key {
    secret: Hmac<Sha256>,
}

impl Key {
    /// The length of the shortest key, in bytes: 16.
    pub const MIN_BYTES: usize = 16;

    /// A key of these bytes.
    ///
    /// # Errors
    /// `InvalidData` for fewer than [`Key::MIN_BYTES`].
    pub fn new(bytes: impl AsRef<[u8]>) -> io::Result<Self> {
        let bytes = bytes.as_ref();
        let (least, found) = (Self::MIN_BYTES, bytes.len());
        if found < least {
            return Err(invalid(format!(
                "a key has at least {least} bytes, this one has {found}"
            )));
        }
        Ok(Self {
            secret: hmac(bytes),
        })
    }

    /// A random key that is gone with the process.
    ///
    /// # Errors
    /// The operating system provides no random bytes.
    pub fn random() -> io::Result<Self> {
        Self::new(random()?)
    }

    /// Reads the key from a file.
    ///
    /// # Errors
    /// Errors of the operating system; `InvalidData` for a key that is too short; `PermissionDenied`
    /// for what is not a regular file, for a file that its group or others may write, or for one that
    /// belongs to neither the user of this process nor root. A file that others may read is
    /// accepted with a warning in the log.
    pub fn read(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let mut file = File::open(path)?;
        check_permissions(&file, path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Self::new(bytes)
    }

    /// Reads the key from a file, or creates the file with a random key, readable by its owner only.
    ///
    /// # Errors
    /// As [`Key::read`] and [`Key::random`].
    pub fn read_or_create(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let mut options = OpenOptions::new();
        match private(options.write(true).create_new(true)).open(path) {
            Ok(mut file) => {
                let bytes = random()?;
                file.write_all(&bytes)?;
                file.sync_all()?;
                Self::new(bytes)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::read(path),
            Err(error) => Err(error),
        }
    }

    /// The key for one use.
    pub(crate) fn derive(&self, usage: &str) -> Hmac<Sha256> {
        let mut derive = self.secret.clone();
        derive.update(b"mcp-layers-audit/1/");
        derive.update(usage.as_bytes());
        hmac(&derive.finalize().into_bytes())
    }
}

fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn random() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

#[cfg(unix)]
fn check_permissions(file: &File, path: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let found = file.metadata()?;
    let own = rustix::process::geteuid().as_raw();
    let problem = if !found.is_file() {
        "it is not a regular file".to_owned()
    } else if found.mode() & 0o022 != 0 {
        format!("its mode {:o} lets others write it", found.mode() & 0o777)
    } else if found.uid() != own && found.uid() != 0 {
        format!("it belongs to user {}, neither {own} nor root", found.uid())
    } else {
        if found.mode() & 0o004 != 0 {
            tracing::warn!(
                target: "mcp_layers_audit_log",
                path = %path.display(),
                "the key file can be read by every user of this machine",
            );
        }
        return Ok(());
    };
    let message = format!("the key file {} is not safe: {problem}", path.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "there is nothing to check here")]
fn check_permissions(_: &File, _: &Path) -> io::Result<()> {
    Ok(())
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}
