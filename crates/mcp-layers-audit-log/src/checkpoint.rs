//! The checkpoint: the end of a chain, kept beside its file.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{
    Fault, Key,
    chain::Position,
    control::LogId,
    files::{beside, create_anew},
    hex::Hex,
};

/// The end of a chain when this was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) log: LogId,
    pub(crate) segment: u64,
    /// The last line.
    pub(crate) end: Position,
}

/// The content of the file.
#[derive(Serialize, Deserialize)]
struct Stored {
    log: Hex<16>,
    segment: u64,
    n: u64,
    link: Hex<32>,
    mac: Hex<32>,
}

impl Checkpoint {
    /// Replaces the previous checkpoint, as a whole or not at all.
    pub(crate) fn write(&self, path: &Path, key: &Key) -> io::Result<()> {
        let stored = Stored {
            log: Hex(self.log),
            segment: self.segment,
            n: self.end.n,
            link: Hex(self.end.mac),
            mac: Hex(self.mac(key).finalize().into_bytes().into()),
        };
        let mut text = serde_json::to_vec(&stored)?;
        text.push(b'\n');
        let new = beside(path, "checkpoint.new");
        let mut file = create_anew(&new)?;
        file.write_all(&text)?;
        file.sync_data()?;
        fs::rename(&new, Self::path(path))
    }

    pub(crate) fn read(path: &Path, key: &Key) -> Result<Self, Fault> {
        let text = fs::read(Self::path(path)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Fault::NoCheckpoint,
            _ => Fault::Io(error),
        })?;
        Self::parse(&text, key).ok_or(Fault::BadCheckpoint)
    }

    pub(crate) fn parse(text: &[u8], key: &Key) -> Option<Self> {
        let stored: Stored = serde_json::from_slice(text).ok()?;
        let checkpoint = Self {
            log: stored.log.0,
            segment: stored.segment,
            end: Position {
                n: stored.n,
                mac: stored.link.0,
            },
        };
        checkpoint.mac(key).verify_slice(&stored.mac.0).ok()?;
        Some(checkpoint)
    }

    pub(crate) fn path(path: &Path) -> PathBuf {
        beside(path, "checkpoint")
    }

    fn mac(&self, key: &Key) -> Hmac<Sha256> {
        let mut mac = key.derive("checkpoint");
        mac.update(&self.log);
        mac.update(&self.segment.to_be_bytes());
        mac.update(&self.end.n.to_be_bytes());
        mac.update(&self.end.mac);
        mac
    }
}
