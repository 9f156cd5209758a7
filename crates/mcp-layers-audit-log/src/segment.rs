//! The segment that is being written. Its file holds whole lines, or is cut back to them.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{
    Fault, Key,
    chain::{Chain, Position},
    checkpoint::Checkpoint,
    control::{Control, Header, LogId, parse_rfc3339, rfc3339},
    create::create_file,
    files::{self, beside, complete, invalid, is_at, is_empty, numbered, sync_folder},
    hex::Hex,
    options::Now,
    scan::{self, Scanned},
};

/// The single writer's view of a log.
pub(crate) struct Segment {
    path: PathBuf,
    key: Key,
    now: Now,
    log: LogId,
    pub(crate) number: u64,
    /// The time of the first line.
    pub(crate) begun: Option<SystemTime>,
    chain: Chain,
    file: File,
    /// The length of the whole lines, in bytes.
    pub(crate) len: u64,
    /// True if a part of a line may follow them.
    torn: bool,
    /// True if the last line is written, and the successor not begun.
    pub(crate) ended: bool,
    /// True if the chain is ahead of the checkpoint.
    pub(crate) ahead: bool,
    buffer: Vec<u8>,
    /// Held as long as this is the writer.
    _lock: File,
}

/// The state of the file, compared with what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tampering {
    /// None.
    None,
    /// Another program moved the file, or put another one in its place.
    Moved,
    /// Another program truncated the file, to this length.
    Truncated(u64),
}

impl Segment {
    /// Opens a log, or begins one, and repairs a torn tail. Other damage is an error.
    pub(crate) fn open(path: &Path, key: &Key, now: Now) -> io::Result<Self> {
        let lock = files::lock(path)?;
        let segments = complete(path)?;
        let checkpoint = match Checkpoint::read(path, key) {
            Ok(checkpoint) => checkpoint,
            Err(Fault::NoCheckpoint) if segments.is_empty() && is_empty(path)? => begin(path, key)?,
            Err(Fault::Io(error)) => return Err(error),
            Err(fault) => return Err(invalid(format!("the checkpoint {fault}"))),
        };
        let active = match scan::scan(path, key)? {
            Some(active) => active,
            None => {
                let mut before = (Chain::new(key, Position::default()), 0);
                if let Some(last) = segments.last() {
                    let last = scan::scan(&numbered(path, *last), key)?
                        .ok_or_else(|| invalid("the last complete segment is empty"))?;
                    before = (last.chain, last.header.segment);
                }
                let (mut chain, number) = before;
                check_vouched(path, &checkpoint, checkpoint.log, chain.end.n)?;
                let log = checkpoint.log;
                let header = Header::new(rfc3339(now()), log, number + 1, chain.end.mac);
                create_file(path, &mut chain, header, None, &mut Vec::new())?;
                scan::scan(path, key)?.ok_or_else(|| invalid("the new file is empty"))?
            }
        };
        let mut segment = Self::resume(path, key, now, lock, active)?;
        let end = segment.chain.end.n;
        check_vouched(path, &checkpoint, segment.log, end)?;
        segment.ahead = end > checkpoint.end.n;
        if segment.ended {
            segment.rotate()?;
        }
        let (time, pid) = (segment.time(), std::process::id());
        segment.note(&Control::Opened { time, pid })?;
        Ok(segment)
    }

    fn resume(path: &Path, key: &Key, now: Now, lock: File, active: Scanned) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).open(path)?;
        let mut segment = Self {
            path: path.to_owned(),
            key: key.clone(),
            now,
            log: active.header.log(),
            number: active.header.segment,
            begun: parse_rfc3339(&active.header.time),
            chain: active.chain,
            file,
            len: active.len,
            torn: active.torn > 0,
            ended: active.ended,
            ahead: false,
            buffer: Vec::new(),
            _lock: lock,
        };
        if active.torn > 0 {
            let line = segment.chain.next();
            scan::keep_tail(path, active.len, line)?;
            tracing::warn!(
                target: "mcp_layers_audit",
                bytes = active.torn,
                line,
                "cut a torn tail off the audit file",
            );
            if !segment.ended {
                let (time, cut_bytes) = (segment.time(), active.torn);
                segment.note(&Control::Repair { time, cut_bytes })?;
            }
        }
        Ok(segment)
    }

    pub(crate) fn time(&self) -> String {
        rfc3339((self.now)())
    }

    /// Appends and syncs a line of the log itself.
    pub(crate) fn note(&mut self, control: &Control) -> io::Result<()> {
        let body = control.to_body();
        self.commit(true, |chain, out| chain.append(&body, out))
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
                "another program wrote to the audit file, or truncated it",
            ));
        }
        let mut chain = self.chain.clone();
        self.buffer.clear();
        fill(&mut chain, &mut self.buffer);
        self.torn = true;
        let written = self.file.write_all(&self.buffer);
        let written = written.and_then(|()| if sync { self.file.sync_data() } else { Ok(()) });
        if let Err(error) = written {
            // Retried before the next attempt.
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

    /// Compares the file with what was written.
    pub(crate) fn tampering(&self) -> io::Result<Tampering> {
        let len = self.file.metadata()?.len();
        if len < self.len {
            Ok(Tampering::Truncated(len))
        } else if is_at(&self.path, &self.file)? {
            Ok(Tampering::None)
        } else {
            Ok(Tampering::Moved)
        }
    }

    /// Ends the segment, and continues in a new one. After an error, it can be called again.
    pub(crate) fn rotate(&mut self) -> io::Result<()> {
        if !self.ended {
            let time = self.time();
            self.note(&Control::End { time })?;
            self.ended = true;
        }
        let there = is_at(&self.path, &self.file)?;
        if there {
            self.rename(&numbered(&self.path, self.number))?;
        }
        let note = (!there).then(|| Control::Moved {
            time: self.time(),
            segment: self.number,
        });
        self.begin_next(note.as_ref())
    }

    /// Continues in a new segment after the file was truncated to this length.
    pub(crate) fn replace_truncated(&mut self, left: u64) -> io::Result<()> {
        if is_at(&self.path, &self.file)? {
            if left == 0 {
                fs::remove_file(&self.path)?;
            } else {
                self.rename(&beside(&self.path, &format!("truncated-{}", self.number)))?;
            }
        }
        let note = Control::Truncated {
            time: self.time(),
            segment: self.number,
        };
        self.torn = false;
        self.begin_next(Some(&note))
    }

    fn rename(&self, to: &Path) -> io::Result<()> {
        if to.try_exists()? {
            let message = format!("{} exists already", to.display());
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
        }
        fs::rename(&self.path, to)?;
        sync_folder(&self.path)
    }

    fn begin_next(&mut self, note: Option<&Control>) -> io::Result<()> {
        let mut chain = self.chain.clone();
        let number = self.number + 1;
        let header = Header::new(self.time(), self.log, number, chain.end.mac);
        self.file = create_file(&self.path, &mut chain, header, note, &mut self.buffer)?;
        self.begun = Some((self.now)());
        self.chain = chain;
        self.number = number;
        self.len = self.buffer.len() as u64;
        self.ended = false;
        self.ahead = true;
        Ok(())
    }

    /// Notes that the complete segments up to this one leave the folder.
    pub(crate) fn prune(&mut self, through: u64) -> io::Result<()> {
        if through >= self.number {
            let message = format!("segment {through} is not complete");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let next = if through + 1 == self.number {
            self.path.clone()
        } else {
            numbered(&self.path, through + 1)
        };
        let end = scan::start_of(&next, &self.key)?;
        let time = self.time();
        self.note(&Control::Pruned {
            time,
            through,
            n: end.n,
            mac: Hex(end.mac),
        })
    }

    /// Deletes the oldest complete segments, so that this many are left.
    pub(crate) fn keep(&mut self, segments: usize) -> io::Result<()> {
        let all = complete(&self.path)?;
        let (leaving, _) = all.split_at(all.len().saturating_sub(segments));
        if let Some(through) = leaving.last() {
            self.prune(*through)?;
            for number in leaving {
                fs::remove_file(numbered(&self.path, *number))?;
            }
        }
        Ok(())
    }

    /// Moves the checkpoint to the end of the chain, which must be synced.
    pub(crate) fn checkpoint(&mut self) -> io::Result<()> {
        if self.ahead {
            let checkpoint = Checkpoint {
                log: self.log,
                segment: self.number,
                end: self.chain.end,
            };
            checkpoint.write(&self.path, &self.key)?;
            self.ahead = false;
            tracing::debug!(
                target: "mcp_layers_audit::checkpoint",
                segment = checkpoint.segment,
                n = checkpoint.end.n,
                mac = %Hex(checkpoint.end.mac),
                "audit checkpoint",
            );
        }
        Ok(())
    }
}

/// The checkpoint comes before the first line, so that a log without one has lost it.
fn begin(path: &Path, key: &Key) -> io::Result<Checkpoint> {
    let mut log = LogId::default();
    getrandom::fill(&mut log).map_err(|error| io::Error::other(error.to_string()))?;
    let checkpoint = Checkpoint {
        log,
        segment: 1,
        end: Position::default(),
    };
    checkpoint.write(path, key)?;
    Ok(checkpoint)
}

fn check_vouched(path: &Path, checkpoint: &Checkpoint, log: LogId, end: u64) -> io::Result<()> {
    let (path, vouched) = (path.display(), checkpoint.end.n);
    if log == checkpoint.log && end >= vouched {
        return Ok(());
    }
    Err(invalid(format!(
        "the checkpoint vouches for line {vouched} of another file than this one, which ends with line \
         {end}. If the file was truncated, put its copy back as {path}; if the lines are lost, move \
         {path}* elsewhere as evidence, and a new log begins"
    )))
}
