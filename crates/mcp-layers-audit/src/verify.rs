//! Whether a log is what its writer wrote.

use std::{
    error::Error,
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    Key,
    file::{
        chain::{Broken, Chain, Line},
        checkpoint::{Checkpoint, NoCheckpoint},
        repair::MAX_LINE,
        segment::{Header, complete, kind, numbered},
    },
};

/// What a log holds that verifies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// How many files it has.
    pub segments: u64,
    /// How many lines.
    pub lines: u64,
    /// How many of them are records of requests; the others are the writer's own.
    pub records: u64,
    /// How many records are missing, as gap lines say: dropped.
    pub dropped: u64,
    /// How many requests were refused because they could not be recorded, as gap lines say.
    pub refused: u64,
    /// How many torn tails were cut off.
    pub repairs: u64,
    /// Up to which line the checkpoint vouches that nothing was cut off.
    pub vouched: u64,
}

/// The first line that is not what the writer wrote.
#[derive(Debug)]
#[non_exhaustive]
pub struct VerifyError {
    /// The file.
    pub file: PathBuf,
    /// Which line of the file, from 1; 0 where it is about the whole file.
    pub line: u64,
    /// The number of the record in the chain: the one that should be there.
    pub record: u64,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a log.
#[derive(Debug)]
#[non_exhaustive]
pub enum Fault {
    /// It cannot be read.
    Io(io::Error),
    /// The line is none that a writer writes.
    Malformed,
    /// The file ends inside a line: the writer died while it wrote. The next one repairs it.
    Torn,
    /// The line, or one before it, was changed; or the key is another one.
    Changed,
    /// Another line stands there: lines were deleted, added or reordered.
    OutOfOrder {
        /// Its number.
        found: u64,
    },
    /// The file belongs to another log, or elsewhere in this one.
    OtherFile,
    /// A file is missing.
    MissingSegment {
        /// Its number.
        segment: u64,
    },
    /// The last line of a file that is complete is missing.
    NotEnded,
    /// The tail was cut off.
    CutTail {
        /// The last line that the checkpoint vouches for.
        vouched: u64,
    },
    /// There is no checkpoint.
    NoCheckpoint,
    /// The checkpoint was changed, or made with another key.
    BadCheckpoint,
}

/// Checks a log that [`FileSink`](crate::FileSink) writes: all its files, and its checkpoint.
///
/// The files are `path.000001` and so on, and `path`. It can be written meanwhile; a line that is
/// being written is then a [`Fault::Torn`] one.
///
/// # Errors
/// The first line that is not what the writer wrote.
pub fn verify(path: impl AsRef<Path>, key: &Key) -> Result<Verified, VerifyError> {
    let path = path.as_ref();
    let numbers = complete(path).map_err(|error| whole(path, 0, Fault::Io(error)))?;
    if let Some((expected, _)) = (1..).zip(&numbers).find(|(n, have)| n != *have) {
        let fault = Fault::MissingSegment { segment: expected };
        return Err(whole(path, 0, fault));
    }
    let mut files: Vec<_> = numbers.iter().map(|n| numbered(path, *n)).collect();
    if path.exists() || files.is_empty() {
        files.push(path.to_owned());
    }
    verify_files(path, &files, key)
}

/// Checks these files, in their order, against the checkpoint of `path`: where segments were
/// renamed by somebody else, or moved elsewhere.
///
/// # Errors
/// The first line that is not what the writer wrote.
pub fn verify_files(
    path: impl AsRef<Path>,
    files: &[impl AsRef<Path>],
    key: &Key,
) -> Result<Verified, VerifyError> {
    let path = path.as_ref();
    let checkpoint = Checkpoint::read(path, key).map_err(|problem| {
        let fault = match problem {
            NoCheckpoint::Missing => Fault::NoCheckpoint,
            NoCheckpoint::Bad => Fault::BadCheckpoint,
            NoCheckpoint::Io(error) => Fault::Io(error),
        };
        whole(&Checkpoint::path(path), 0, fault)
    })?;
    let mut check = Check::new(checkpoint, key);
    for (index, file) in files.iter().enumerate() {
        let file = file.as_ref();
        let last = index + 1 == files.len();
        let reader =
            File::open(file).map_err(|error| whole(file, check.chain.next, Fault::Io(error)))?;
        let reader = &mut BufReader::with_capacity(64 * 1024, reader);
        let checked = check.segment(reader, index as u64 + 1, last);
        checked.map_err(|(line, fault)| VerifyError {
            file: file.to_owned(),
            line,
            record: check.chain.next,
            fault,
        })?;
    }
    let have = check.chain.next - 1;
    if have < checkpoint.n {
        let fault = Fault::CutTail {
            vouched: checkpoint.n,
        };
        let last = files.last().map_or(path, AsRef::as_ref);
        return Err(whole(last, check.chain.next, fault));
    }
    check.verified.vouched = checkpoint.n;
    Ok(check.verified)
}

/// Checks the bytes of one segment as if they were a log: what [`verify`] does to each file, for
/// the fuzzer.
#[doc(hidden)]
pub fn fuzz(segment: &[u8], checkpoint: &[u8], key: &Key) -> bool {
    let total = segment.len() as u64;
    let scanned = crate::file::repair::scan_lines(&mut &*segment, total, key);
    if let Ok(Some(scanned)) = &scanned {
        assert!(scanned.len + scanned.torn == total);
    }
    let Some(checkpoint) = Checkpoint::parse(checkpoint, key) else {
        return false;
    };
    let mut check = Check::new(checkpoint, key);
    let checked = check.segment(&mut &*segment, 1, true);
    checked.is_ok() && check.chain.next > checkpoint.n && scanned.is_ok()
}

fn whole(file: &Path, record: u64, fault: Fault) -> VerifyError {
    VerifyError {
        file: file.to_owned(),
        line: 0,
        record,
        fault,
    }
}

struct Check {
    checkpoint: Checkpoint,
    chain: Chain,
    verified: Verified,
}

impl Check {
    fn new(checkpoint: Checkpoint, key: &Key) -> Self {
        Self {
            checkpoint,
            chain: Chain::new(key),
            verified: Verified::default(),
        }
    }

    /// The error has the line of the file.
    fn segment(
        &mut self,
        reader: &mut impl BufRead,
        segment: u64,
        last: bool,
    ) -> Result<(), (u64, Fault)> {
        let mut line = Vec::new();
        let mut ended = false;
        for number in 1.. {
            line.clear();
            let read = reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
            if read.map_err(|error| (number, Fault::Io(error)))? == 0 {
                break;
            }
            let Some(whole) = line.strip_suffix(b"\n") else {
                let torn = last && (line.len() as u64) < MAX_LINE;
                return Err((number, if torn { Fault::Torn } else { Fault::Malformed }));
            };
            let parsed = Line::parse(whole).ok_or((number, Fault::Malformed))?;
            let fault = |fault| (number, fault);
            if number == 1 {
                self.first_line(&parsed, segment).map_err(fault)?;
            }
            self.line(&parsed).map_err(fault)?;
            if ended {
                return Err(fault(Fault::OtherFile));
            }
            ended = kind(parsed.body) == Some("end");
        }
        self.verified.segments += 1;
        if !last && !ended {
            return Err((0, Fault::NotEnded));
        }
        Ok(())
    }

    fn first_line(&self, line: &Line<'_>, segment: u64) -> Result<(), Fault> {
        let header = Header::parse(line.body).ok_or(if line.n == self.chain.next {
            Fault::Changed
        } else {
            Fault::OutOfOrder { found: line.n }
        })?;
        let ours = header.segment == segment && header.log == self.checkpoint.log;
        if ours && header.previous == self.chain.link {
            Ok(())
        } else {
            Err(Fault::OtherFile)
        }
    }

    fn line(&mut self, line: &Line<'_>) -> Result<(), Fault> {
        self.chain.follow(line).map_err(|broken| match broken {
            Broken::Changed => Fault::Changed,
            Broken::OutOfOrder { found, .. } => Fault::OutOfOrder { found },
        })?;
        if line.n == self.checkpoint.n && line.mac != self.checkpoint.link {
            return Err(Fault::OtherFile);
        }
        self.verified.lines += 1;
        match kind(line.body) {
            None => self.verified.records += 1,
            Some("repair") => self.verified.repairs += 1,
            Some("gap") => {
                let gap: Value = serde_json::from_slice(line.body).unwrap_or_default();
                let count = |name| gap.get(name).and_then(Value::as_u64).unwrap_or(0);
                self.verified.dropped += count("dropped");
                self.verified.refused += count("refused");
            }
            Some(_) => {}
        }
        Ok(())
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ", line {}", self.line)?;
        }
        if self.record > 0 {
            write!(f, ": record {}", self.record)?;
        }
        write!(f, ": {}", self.fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot be read: {error}"),
            Self::Malformed => f.write_str("is no record"),
            Self::Torn => f.write_str("ends in the middle"),
            Self::Changed => f.write_str("was changed, or the key is another one"),
            Self::OutOfOrder { found } => write!(f, "in its place stands record {found}"),
            Self::OtherFile => f.write_str("the file belongs to another log, or elsewhere"),
            Self::MissingSegment { segment } => write!(f, "segment {segment} is missing"),
            Self::NotEnded => f.write_str("the end of the file is missing"),
            Self::CutTail { vouched } => {
                write!(
                    f,
                    "is missing, and all up to {vouched}: the tail was cut off"
                )
            }
            Self::NoCheckpoint => f.write_str("is missing: the tail may have been cut off"),
            Self::BadCheckpoint => f.write_str("was changed, or the key is another one"),
        }
    }
}

impl Error for VerifyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.fault {
            Fault::Io(error) => Some(error),
            _ => None,
        }
    }
}
