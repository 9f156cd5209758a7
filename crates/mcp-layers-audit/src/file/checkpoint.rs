//! Where a chain ends, kept beside it.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    chain::{Link, hex, parse_hex},
    segment::{LogId, beside, private},
};
use crate::Key;

/// Where a chain ended when this was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) log: LogId,
    pub(crate) segment: u64,
    /// The number of the last line.
    pub(crate) n: u64,
    pub(crate) link: Link,
}

/// Why there is no checkpoint to go by.
#[derive(Debug)]
pub(crate) enum NoCheckpoint {
    Missing,
    Bad,
    Io(io::Error),
}

impl Checkpoint {
    /// Puts the checkpoint in the place of the one before, whole or not at all.
    pub(crate) fn write(&self, path: &Path, key: &Key) -> io::Result<()> {
        let value = json!({
            "log": hex(&self.log),
            "segment": self.segment,
            "n": self.n,
            "link": hex(&self.link),
            "mac": hex(&self.mac(key).finalize().into_bytes()),
        });
        let new = beside(path, "checkpoint.new");
        let mut file =
            private(OpenOptions::new().write(true).create(true).truncate(true)).open(&new)?;
        file.write_all(format!("{value}\n").as_bytes())?;
        file.sync_data()?;
        fs::rename(&new, Self::path(path))
    }

    pub(crate) fn read(path: &Path, key: &Key) -> Result<Self, NoCheckpoint> {
        let text = match fs::read(Self::path(path)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(NoCheckpoint::Missing);
            }
            Err(error) => return Err(NoCheckpoint::Io(error)),
        };
        Self::parse(&text, key).ok_or(NoCheckpoint::Bad)
    }

    pub(crate) fn parse(text: &[u8], key: &Key) -> Option<Self> {
        let value: Value = serde_json::from_slice(text).ok()?;
        let bytes = |name: &str| Some(value.get(name)?.as_str()?.as_bytes());
        let checkpoint = Self {
            log: parse_hex(bytes("log")?)?,
            segment: value.get("segment")?.as_u64()?,
            n: value.get("n")?.as_u64()?,
            link: parse_hex(bytes("link")?)?,
        };
        let mac: Link = parse_hex(bytes("mac")?)?;
        checkpoint.mac(key).verify_slice(&mac).ok()?;
        Some(checkpoint)
    }

    pub(crate) fn path(path: &Path) -> PathBuf {
        beside(path, "checkpoint")
    }

    fn mac(&self, key: &Key) -> Hmac<Sha256> {
        let mut mac = key.derive("checkpoint");
        mac.update(&self.log);
        mac.update(&self.segment.to_be_bytes());
        mac.update(&self.n.to_be_bytes());
        mac.update(&self.link);
        mac
    }
}
