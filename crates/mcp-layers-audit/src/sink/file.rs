//! Records in a durable, chained file.

use std::{io, ops::Deref, path::Path, sync::Arc};

use mcp_layers_audit_log::{AuditLog, LogOptions};

use super::{Entry, Places, Room, Sink, Written};
use crate::{Encode, Json, Record, share::Share};

/// A record in the queue of a [`FileSink`].
#[derive(Debug)]
pub struct Queued {
    record: Arc<Record>,
    /// Freed when the record is written.
    _share: Option<Arc<Share>>,
}

/// Appends records to a durable, tamper-evident file. Clones share the file; dropping the last one
/// closes it.
///
/// Dereferences to the [`AuditLog`], for `flush`, `close`, `prune` and its counters. Call
/// [`AuditLog::close`] on every way out of the process, also on SIGTERM.
#[derive(Debug, Clone)]
pub struct FileSink {
    log: AuditLog<Queued>,
}

impl FileSink {
    /// Opens the file, and writes JSON records to it. `{pid}` in the path is replaced by the id of this
    /// process.
    ///
    /// # Errors
    /// As [`LogOptions::open_with`].
    pub fn open(path: impl AsRef<Path>, options: LogOptions) -> io::Result<Self> {
        Self::open_with(path, options, Json)
    }

    /// Opens the file, and writes records of another format to it.
    ///
    /// # Errors
    /// As [`LogOptions::open_with`].
    pub fn open_with(
        path: impl AsRef<Path>,
        options: LogOptions,
        encode: impl Encode,
    ) -> io::Result<Self> {
        let write = move |queued: &Queued, out: &mut Vec<u8>| {
            encode.encode(&queued.record, out);
            if !encode.is_json() {
                let text = serde_json::Value::from(String::from_utf8_lossy(out));
                *out = text.to_string().into_bytes();
            }
        };
        let log = options.open_with(path, write)?;
        Ok(Self { log })
    }
}

impl Deref for FileSink {
    type Target = AuditLog<Queued>;

    fn deref(&self) -> &Self::Target {
        &self.log
    }
}

impl Sink for FileSink {
    fn room(&self) -> Room<'_> {
        let places = Places {
            free: self.log.room(),
            capacity: self.log.capacity(),
        };
        if self.log.is_degraded() {
            Room::Degraded(places)
        } else {
            Room::Limited(places)
        }
    }

    fn write(&self, entry: Entry) -> Written {
        let appended = match entry {
            Entry::Record(record, place) => {
                let _share = place.share;
                let queued = Queued { record, _share };
                match place.permit {
                    Some(permit) => self.log.append_reserved(queued, permit),
                    None => self.log.append(queued),
                }
            }
            Entry::Lost(loss) => {
                self.log.lost(loss);
                Ok(None)
            }
        };
        match appended {
            Ok(Some(receipt)) => Written::Unsynced(receipt),
            Ok(None) => Written::Taken,
            Err(_) => Written::Rejected,
        }
    }
}
