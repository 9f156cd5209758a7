//! The audit and its flags.

use std::error::Error;

use mcp_layers::audit::{AuditLayer, FileOptions, Key};

use super::{
    layers::{PutAround, put},
    settings::{Flag, Settings},
};

const FILE: Flag = Flag {
    name: "--audit-file",
    value: "FILE",
    help: "audit: append the records to this file",
};

const KEY_FILE: Flag = Flag {
    name: "--audit-key-file",
    value: "FILE",
    help: "audit: the secret of the chain; FILE.key, made if need be, without it",
};

pub(super) const FLAGS: &[Flag] = &[FILE, KEY_FILE];

/// Answers come after their record was synced; errors are recorded as they were.
///
/// # Errors
/// No file is given, or it cannot be opened.
pub(super) fn make(settings: &Settings) -> Result<PutAround, Box<dyn Error>> {
    let file = settings.get(&FILE).ok_or("audit needs --audit-file FILE")?;
    let key = match settings.get(&KEY_FILE) {
        Some(key) => Key::new(std::fs::read(key)?)?,
        // Beside the file, whoever can change the one can read the other: good enough to try it.
        None => Key::read_or_create(format!("{file}.key"))?,
    };
    let file = FileOptions::new(&key).open(file)?;
    put(AuditLayer::new(file)?.key(&key).originals(true).sizes(true))
}
