//! Faults of a log.

use std::{error::Error, fmt, io, path::PathBuf};

/// The first line that is not what the writer wrote.
#[derive(Debug)]
#[non_exhaustive]
pub struct VerifyError {
    /// The file.
    pub file: PathBuf,
    /// The number of the line in the file, from 1; 0 when the fault is about the whole file.
    pub line: u64,
    /// The number of the expected record in the chain.
    pub record: u64,
    /// The fault.
    pub fault: Fault,
}

/// A fault of a log.
#[derive(Debug)]
#[non_exhaustive]
pub enum Fault {
    /// The file cannot be read.
    Io(io::Error),
    /// The line has a form that no writer writes.
    Malformed,
    /// The file ends inside a line: the writer died while it wrote. The next one repairs it.
    Torn,
    /// The line, or one before it, was changed; or the key is another one.
    Changed,
    /// Another line is in this place: lines were deleted, added or reordered.
    OutOfOrder {
        /// Its number.
        found: u64,
    },
    /// The file belongs to another log, or elsewhere in this one.
    OtherFile,
    /// A file is missing, and no `pruned` line says that it left.
    MissingSegment {
        /// Its number.
        segment: u64,
    },
    /// The last line of a complete file is missing.
    NotEnded,
    /// The tail was cut off.
    CutTail {
        /// The last line that the checkpoint vouches for.
        vouched: u64,
    },
    /// The checkpoint is missing.
    NoCheckpoint,
    /// The checkpoint was changed, or made with another key.
    BadCheckpoint,
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
            Self::Malformed => f.write_str("is no line of a log"),
            Self::Torn => f.write_str("ends in the middle"),
            Self::Changed => f.write_str("was changed, or the key is another one"),
            Self::OutOfOrder { found } => write!(f, "in its place stands record {found}"),
            Self::OtherFile => f.write_str("the file belongs to another log, or elsewhere"),
            Self::MissingSegment { segment } => write!(
                f,
                "segment {segment} is missing. If it was archived, verify it there, and the rest from \
                 the position of its last line"
            ),
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
