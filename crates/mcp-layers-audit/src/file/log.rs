//! A log that is being written: what is in its files is whole, or is taken back.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{
    chain::Chain,
    checkpoint::{Checkpoint, NoCheckpoint},
    repair::{self, Scanned},
    segment::{self, Header, LogId, beside, complete, is_at, numbered, private, sync_folder},
};
use crate::{Key, stamp::unix_nanos};

/// The one writer's view of a log.
pub(crate) struct Log {
    path: PathBuf,
    key: Key,
    id: LogId,
    chain: Chain,
    segment: u64,
    file: File,
    /// How much of the file is whole.
    len: u64,
    /// Whether there may be more than that.
    torn: bool,
    /// Whether the segment's last line is written.
    ended: bool,
    /// Whether the chain went on since the checkpoint.
    ahead: bool,
    buffer: Vec<u8>,
    /// Held as long as this is the writer.
    _lock: File,
}

impl Log {
    /// Opens a log, or begins one. What cannot be a torn tail is not repaired.
    pub(crate) fn open(path: &Path, key: &Key) -> io::Result<Self> {
        let lock = lock(path)?;
        let segments = complete(path)?;
        let checkpoint = match Checkpoint::read(path, key) {
            Ok(checkpoint) => checkpoint,
            Err(NoCheckpoint::Missing) if segments.is_empty() && is_empty(path)? => {
                begin(path, key)?
            }
            Err(NoCheckpoint::Missing) => return Err(invalid("there is no checkpoint")),
            Err(NoCheckpoint::Bad) => {
                return Err(invalid(
                    "the checkpoint is damaged, or made with another key",
                ));
            }
            Err(NoCheckpoint::Io(error)) => return Err(error),
        };
        let mut log = match repair::scan(path, key)? {
            Some(active) => Self::resume(path, key, lock, active)?,
            None => {
                let mut before = (Chain::new(key), 0);
                if let Some(last) = segments.last() {
                    let last = repair::scan(&numbered(path, *last), key)?;
                    let last = last.ok_or_else(|| invalid("the last complete segment is empty"))?;
                    before = (last.chain, last.header.segment);
                }
                let (chain, segment) = before;
                Self::create(path, key, lock, checkpoint.log, chain, segment + 1)?
            }
        };
        let have = log.chain.next - 1;
        if log.id != checkpoint.log || have < checkpoint.n {
            return Err(invalid(format!(
                "the checkpoint vouches for line {} of another file than this one, which ends with \
                 line {have}",
                checkpoint.n
            )));
        }
        log.ahead = have > checkpoint.n;
        Ok(log)
    }

    fn resume(path: &Path, key: &Key, lock: File, active: Scanned) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).open(path)?;
        let mut log = Self {
            path: path.to_owned(),
            key: key.clone(),
            id: active.header.log,
            chain: active.chain,
            segment: active.header.segment,
            file,
            len: active.len,
            torn: active.torn > 0,
            ended: active.ended,
            ahead: false,
            buffer: Vec::new(),
            _lock: lock,
        };
        if active.torn > 0 {
            repair::keep_tail(path, active.len, log.chain.next)?;
            tracing::warn!(
                target: "mcp_layers_audit",
                bytes = active.torn,
                line = log.chain.next,
                "a torn tail was cut off the audit file",
            );
            let body = segment::repair(now(), active.torn);
            if !log.ended {
                log.commit(true, |chain, out| chain.append(&body, out))?;
            }
        }
        Ok(log)
    }

    fn create(
        path: &Path,
        key: &Key,
        lock: File,
        id: LogId,
        mut chain: Chain,
        segment: u64,
    ) -> io::Result<Self> {
        let mut buffer = Vec::new();
        let file = create_segment(path, id, &mut chain, segment, &[], &mut buffer)?;
        Ok(Self {
            path: path.to_owned(),
            key: key.clone(),
            id,
            chain,
            segment,
            file,
            len: buffer.len() as u64,
            torn: false,
            ended: false,
            ahead: true,
            buffer,
            _lock: lock,
        })
    }

    /// Appends lines: all of them or, when there is an error, none.
    pub(crate) fn commit(
        &mut self,
        sync: bool,
        fill: impl FnOnce(&mut Chain, &mut Vec<u8>),
    ) -> io::Result<()> {
        self.take_back()?;
        if self.file.metadata()?.len() != self.len {
            return Err(invalid(
                "somebody else wrote to the audit file, or truncated it",
            ));
        }
        let mut chain = self.chain.clone();
        self.buffer.clear();
        fill(&mut chain, &mut self.buffer);
        self.torn = true;
        let written = self.file.write_all(&self.buffer);
        let written = written.and_then(|()| if sync { self.file.sync_data() } else { Ok(()) });
        if let Err(error) = written {
            // What could not be taken back now is before the next attempt.
            let _ = self.take_back();
            return Err(error);
        }
        self.torn = false;
        self.len += self.buffer.len() as u64;
        self.chain = chain;
        self.ahead = true;
        Ok(())
    }

    fn take_back(&mut self) -> io::Result<()> {
        if self.torn {
            self.file.set_len(self.len)?;
            self.torn = false;
        }
        Ok(())
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Whether somebody took the file away, or put another in its place.
    pub(crate) fn is_moved(&self) -> io::Result<bool> {
        is_at(&self.path, &self.file).map(|there| !there)
    }

    /// Whether the segment was ended, and its successor not begun.
    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Ends the segment, and goes on in a new one. Tried again after an error, it goes on where it
    /// was.
    pub(crate) fn rotate(&mut self) -> io::Result<()> {
        if !self.ended {
            let body = segment::end(now());
            self.commit(true, |chain, out| chain.append(&body, out))?;
            self.ended = true;
        }
        let moved = self.is_moved()?;
        if !moved {
            let to = numbered(&self.path, self.segment);
            if to.try_exists()? {
                let message = format!("{} is there already", to.display());
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
            }
            fs::rename(&self.path, to)?;
            sync_folder(&self.path)?;
        }
        let notes = moved.then(|| segment::moved(now(), self.segment));
        let notes: Vec<_> = notes.into_iter().collect();
        let mut chain = self.chain.clone();
        let next = self.segment + 1;
        self.file = create_segment(
            &self.path,
            self.id,
            &mut chain,
            next,
            &notes,
            &mut self.buffer,
        )?;
        self.chain = chain;
        self.segment = next;
        self.len = self.buffer.len() as u64;
        self.ended = false;
        self.ahead = true;
        Ok(())
    }

    /// Moves the checkpoint to the end of the chain, which must be synced.
    pub(crate) fn checkpoint(&mut self) -> io::Result<()> {
        if self.ahead {
            let checkpoint = Checkpoint {
                log: self.id,
                segment: self.segment,
                n: self.chain.next - 1,
                link: self.chain.link,
            };
            checkpoint.write(&self.path, &self.key)?;
            self.ahead = false;
            let mac = super::chain::hex(&self.chain.link);
            tracing::debug!(
                target: "mcp_layers_audit::checkpoint",
                segment = checkpoint.segment,
                n = checkpoint.n,
                mac,
                "audit checkpoint",
            );
        }
        Ok(())
    }

    /// Whether the chain went on since the checkpoint.
    pub(crate) fn is_ahead(&self) -> bool {
        self.ahead
    }
}

/// Nanoseconds since the Unix epoch.
pub(crate) fn now() -> i64 {
    unix_nanos(SystemTime::now())
}

fn lock(path: &Path) -> io::Result<File> {
    let name = beside(path, "lock");
    let file = private(OpenOptions::new().write(true).create(true).truncate(false)).open(name)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let message = format!("another writer has {}", path.display());
            Err(io::Error::new(io::ErrorKind::WouldBlock, message))
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn is_empty(path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(file) => Ok(file.len() == 0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// The checkpoint comes before the first line, so that a log without one has lost it.
fn begin(path: &Path, key: &Key) -> io::Result<Checkpoint> {
    let mut log = LogId::default();
    getrandom::fill(&mut log).map_err(|error| io::Error::other(error.to_string()))?;
    let checkpoint = Checkpoint {
        log,
        segment: 1,
        n: 0,
        link: [0; 32],
    };
    checkpoint.write(path, key)?;
    Ok(checkpoint)
}

/// Makes the file of a segment, with its first line. A failed attempt leaves no file.
fn create_segment(
    path: &Path,
    log: LogId,
    chain: &mut Chain,
    segment: u64,
    notes: &[Vec<u8>],
    buffer: &mut Vec<u8>,
) -> io::Result<File> {
    let header = Header {
        log,
        segment,
        previous: chain.link,
    };
    buffer.clear();
    chain.append(&header.body(now()), buffer);
    notes.iter().for_each(|note| chain.append(note, buffer));
    if is_empty(path)? && path.try_exists()? {
        // Of an attempt that was interrupted.
        fs::remove_file(path)?;
    }
    let mut file = private(OpenOptions::new().append(true).create_new(true)).open(path)?;
    let written = file.write_all(buffer).and_then(|()| file.sync_all());
    match written.and_then(|()| sync_folder(path)) {
        Ok(()) => Ok(file),
        Err(error) => {
            let _ = fs::remove_file(path);
            Err(error)
        }
    }
}

pub(crate) fn invalid(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}
