//! Checking that a log is what its writer wrote.

use std::{
    collections::HashMap,
    io::BufRead,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    Fault, Key, VerifyError,
    chain::{Broken, Chain, Line, Position},
    checkpoint::Checkpoint,
    control::{Control, Header},
    files::{complete, numbered},
    scan::{MAX_LINE, read_line, reader, scan_lines},
};

/// The content of a log that verifies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// Files.
    pub segments: u64,
    /// Lines.
    pub lines: u64,
    /// Lines that are records; the others are lines of the log itself.
    pub records: u64,
    /// Missing records by gap lines: dropped.
    pub dropped: u64,
    /// Operations that were refused because they could not be recorded, by gap lines.
    pub refused: u64,
    /// Torn tails that were cut off.
    pub repairs: u64,
    /// Writers that opened the log. More than were closed: a writer was killed, or is at work.
    pub opened: u64,
    /// Writers that closed the log.
    pub closed: u64,
    /// Opening records (see [`Verifier`]) without their closing record: operations that were killed,
    /// or that still run.
    pub unfinished: u64,
    /// Segments that left the folder, by `pruned` lines.
    pub pruned: u64,
    /// Times that another program truncated the file.
    pub truncated: u64,
    /// The last line that the checkpoint vouches for.
    pub vouched: u64,
    /// The last line, from which a later part of the log can be verified.
    pub end: Position,
}

/// Checks a log: all files in the folder and the checkpoint.
///
/// The files are `path.000001` and so on, and `path`. A writer may be at work meanwhile; a line that
/// is being written is then a [`Fault::Torn`] one.
///
/// # Errors
/// The first line that is not what the writer wrote.
pub fn verify(path: impl AsRef<Path>, key: &Key) -> Result<Verified, VerifyError> {
    Verifier::new(path, key).verify()
}

/// Checks a log whose files were moved or archived.
///
/// Records that are JSON objects can mark operations: one with a member `opens` (a text or a number)
/// counts as [`Verified::unfinished`] until one whose `closes` is equal follows. The members are at
/// the top, or inside a member `unmapped`.
#[derive(Debug, Clone)]
pub struct Verifier {
    path: PathBuf,
    key: Key,
    files: Option<Vec<PathBuf>>,
    from: Option<Position>,
}

impl Verifier {
    /// A verifier for the log at this path.
    #[must_use]
    pub fn new(path: impl AsRef<Path>, key: &Key) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            key: key.clone(),
            files: None,
            from: None,
        }
    }

    /// Checks these files, in their order, in place of those in the folder of the log. The checkpoint
    /// is still the one of the log's path.
    #[must_use]
    pub fn files<P: Into<PathBuf>>(mut self, files: impl IntoIterator<Item = P>) -> Self {
        self.files = Some(files.into_iter().map(Into::into).collect());
        self
    }

    /// Begins after this position: [`Verified::end`] of the archived part. Without it, the first file
    /// is segment 1, or a `pruned` line in the rest says that the segments before it left.
    #[must_use]
    pub fn from(mut self, position: Position) -> Self {
        self.from = Some(position);
        self
    }

    /// Checks the log.
    ///
    /// # Errors
    /// The first line that is not what the writer wrote.
    pub fn verify(&self) -> Result<Verified, VerifyError> {
        let path = &self.path;
        let checkpoint = Checkpoint::read(path, &self.key)
            .map_err(|fault| error(&Checkpoint::path(path), 0, 0, fault))?;
        let files = match &self.files {
            Some(files) => files.clone(),
            None => files_of(path)?,
        };
        let mut check = Check::new(checkpoint, &self.key, self.from);
        let mut previous = path;
        for (index, file) in files.iter().enumerate() {
            let last = index + 1 == files.len();
            let record = check.chain.next();
            let mut reader = reader(file).map_err(|io| error(file, 0, record, Fault::Io(io)))?;
            check.segment(&mut reader, last).map_err(|(line, fault)| {
                // The end of the file before is missed by the first line of this one.
                let at = if matches!(fault, Fault::NotEnded) {
                    previous
                } else {
                    file
                };
                error(at, line, check.chain.next(), fault)
            })?;
            previous = file;
        }
        check
            .finish()
            .map_err(|fault| error(previous, 0, check.chain.next(), fault))?;
        Ok(check.verified)
    }
}

fn files_of(path: &Path) -> Result<Vec<PathBuf>, VerifyError> {
    let numbers = complete(path).map_err(|io| error(path, 0, 0, Fault::Io(io)))?;
    let first = numbers.first().copied().unwrap_or(1);
    if let Some((segment, _)) = (first..).zip(&numbers).find(|(n, have)| n != *have) {
        return Err(error(path, 0, 0, Fault::MissingSegment { segment }));
    }
    let mut files: Vec<_> = numbers.iter().map(|n| numbered(path, *n)).collect();
    if path.exists() || files.is_empty() {
        files.push(path.to_owned());
    }
    Ok(files)
}

fn error(file: &Path, line: u64, record: u64, fault: Fault) -> VerifyError {
    VerifyError {
        file: file.to_owned(),
        line,
        record,
        fault,
    }
}

/// Checks the bytes of one segment as a log of one file, for the fuzzer.
#[doc(hidden)]
pub fn fuzz(segment: &[u8], checkpoint: &[u8], key: &Key) -> bool {
    let total = segment.len() as u64;
    let scanned = scan_lines(&mut &*segment, total, key);
    if let Ok(Some(scanned)) = &scanned {
        assert!(scanned.len + scanned.torn == total);
    }
    let Some(checkpoint) = Checkpoint::parse(checkpoint, key) else {
        return false;
    };
    let mut check = Check::new(checkpoint, key, None);
    let checked = check.segment(&mut &*segment, true);
    checked.is_ok() && check.finish().is_ok() && scanned.is_ok()
}

struct Check {
    checkpoint: Checkpoint,
    chain: Chain,
    from: Option<Position>,
    /// The number of the next segment; `None` before the first.
    next_segment: Option<u64>,
    /// True if the file before has no last line.
    unended: bool,
    /// The first segment that is there, if it must be vouched for by a `pruned` line.
    missing_before: Option<u64>,
    /// Opening records without a closing one.
    open: HashMap<String, u64>,
    verified: Verified,
}

impl Check {
    fn new(checkpoint: Checkpoint, key: &Key, from: Option<Position>) -> Self {
        Self {
            checkpoint,
            chain: Chain::new(key, from.unwrap_or_default()),
            from,
            next_segment: None,
            unended: false,
            missing_before: None,
            open: HashMap::new(),
            verified: Verified::default(),
        }
    }

    /// Checks a file. The error has the line of the file.
    fn segment(&mut self, reader: &mut impl BufRead, last: bool) -> Result<(), (u64, Fault)> {
        let mut line = Vec::new();
        let mut ended = false;
        for number in 1.. {
            let at = |fault| (number, fault);
            if !read_line(reader, &mut line).map_err(|io| at(Fault::Io(io)))? {
                break;
            }
            let Some(whole) = line.strip_suffix(b"\n") else {
                let torn = last && (line.len() as u64) < MAX_LINE;
                return Err(at(if torn { Fault::Torn } else { Fault::Malformed }));
            };
            let parsed = Line::parse(whole).ok_or(at(Fault::Malformed))?;
            if number == 1 {
                self.first_line(&parsed)?;
            }
            self.line(&parsed).map_err(at)?;
            if ended {
                return Err(at(Fault::OtherFile));
            }
            ended = matches!(Control::parse(parsed.body), Some(Control::End { .. }));
        }
        self.verified.segments += 1;
        self.unended = !ended;
        Ok(())
    }

    fn first_line(&mut self, line: &Line<'_>) -> Result<(), (u64, Fault)> {
        let Some(header) = Header::of(line) else {
            let fault = if line.n == self.chain.next() {
                Fault::Changed
            } else {
                Fault::OutOfOrder { found: line.n }
            };
            return Err((1, fault));
        };
        if self.next_segment.is_none() && self.from.is_none() && header.segment > 1 {
            self.missing_before = Some(header.segment);
            self.chain.end = Position {
                n: line.n.saturating_sub(1),
                mac: header.previous(),
            };
        }
        let follows = header.previous() == self.chain.end.mac && line.n == self.chain.next();
        // A file that was truncated has no last line, but its copy has all before the next file.
        if self.unended && !follows {
            return Err((0, Fault::NotEnded));
        }
        let expected = self.next_segment.unwrap_or(header.segment);
        if header.log() != self.checkpoint.log || header.segment != expected || !follows {
            return Err((1, Fault::OtherFile));
        }
        self.next_segment = header.segment.checked_add(1);
        Ok(())
    }

    fn line(&mut self, line: &Line<'_>) -> Result<(), Fault> {
        self.chain.follow(line).map_err(|broken| match broken {
            Broken::Changed => Fault::Changed,
            Broken::OutOfOrder => Fault::OutOfOrder { found: line.n },
        })?;
        if line.n == self.checkpoint.end.n && line.mac != self.checkpoint.end.mac {
            return Err(Fault::OtherFile);
        }
        let verified = &mut self.verified;
        verified.lines += 1;
        match Control::parse(line.body) {
            None => {
                verified.records += 1;
                self.mark(line.body);
            }
            Some(Control::Gap {
                dropped, refused, ..
            }) => {
                verified.dropped += dropped;
                verified.refused += refused;
            }
            Some(Control::Repair { .. }) => verified.repairs += 1,
            Some(Control::Opened { .. }) => verified.opened += 1,
            Some(Control::Closed { .. }) => verified.closed += 1,
            Some(Control::Truncated { .. }) => verified.truncated += 1,
            Some(Control::Pruned { through, .. }) => {
                verified.pruned = verified.pruned.max(through);
            }
            Some(Control::Segment(_) | Control::End { .. } | Control::Moved { .. }) => {}
        }
        Ok(())
    }

    /// Notes an operation that a record opens or closes.
    fn mark(&mut self, body: &[u8]) {
        let has = |name: &[u8]| body.windows(name.len()).any(|window| window == name);
        if !has(b"\"opens\":") && !has(b"\"closes\":") {
            return;
        }
        let Ok(record) = serde_json::from_slice::<Value>(body) else {
            return;
        };
        let id = |name| {
            let member = record
                .get(name)
                .or_else(|| record.get("unmapped")?.get(name))?;
            Some(member.to_string())
        };
        if let Some(opened) = id("opens") {
            *self.open.entry(opened).or_default() += 1;
        }
        if let Some(closed) = id("closes")
            && let Some(open) = self.open.get_mut(&closed)
        {
            *open -= 1;
            if *open == 0 {
                self.open.remove(&closed);
            }
        }
    }

    /// Checks what only the whole log shows.
    fn finish(&mut self) -> Result<(), Fault> {
        let verified = &mut self.verified;
        if let Some(first) = self.missing_before
            && verified.pruned < first - 1
        {
            return Err(Fault::MissingSegment {
                segment: verified.pruned + 1,
            });
        }
        let vouched = self.checkpoint.end.n;
        if self.chain.end.n < vouched {
            return Err(Fault::CutTail { vouched });
        }
        verified.vouched = vouched;
        verified.end = self.chain.end;
        verified.unfinished = self.open.values().sum();
        Ok(())
    }
}
