//! Reading the lines of a segment.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use crate::{
    Key,
    chain::{Chain, Line, Position},
    control::{Control, Header},
    files::{beside, create_anew, invalid},
};

/// The length of the longest line that is read, in bytes: 16 MiB.
pub(crate) const MAX_LINE: u64 = 16 * 1024 * 1024;

/// A segment that verifies, except for its tail.
pub(crate) struct Scanned {
    pub(crate) header: Header,
    /// The position before the first line.
    pub(crate) start: Position,
    /// The chain after the last whole line.
    pub(crate) chain: Chain,
    /// The length of the whole lines, in bytes.
    pub(crate) len: u64,
    /// The number of bytes that follow them.
    pub(crate) torn: u64,
    /// True if the last line ends the segment.
    pub(crate) ended: bool,
}

/// Opens a file for reading its lines.
pub(crate) fn reader(path: &Path) -> io::Result<BufReader<File>> {
    Ok(BufReader::with_capacity(64 * 1024, File::open(path)?))
}

/// Reads the next line, its line break included; false at the end of the file.
pub(crate) fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    Ok(reader.take(MAX_LINE).read_until(b'\n', line)? > 0)
}

/// Scans a segment; `None` when there is no file, or no whole first line in it.
///
/// # Errors
/// `InvalidData` when a line does not verify and is no torn tail. A torn tail is a last line without
/// its line break, or zeros: pages that the file system never wrote.
pub(crate) fn scan(path: &Path, key: &Key) -> io::Result<Option<Scanned>> {
    let mut reader = match reader(path) {
        Ok(reader) => reader,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let total = reader.get_ref().metadata()?.len();
    scan_lines(&mut reader, total, key)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

pub(crate) fn scan_lines(
    reader: &mut impl BufRead,
    total: u64,
    key: &Key,
) -> io::Result<Option<Scanned>> {
    let mut line = Vec::new();
    let mut scanned: Option<Scanned> = None;
    while read_line(reader, &mut line)? {
        let Some(whole) = line.strip_suffix(b"\n") else {
            break;
        };
        let parsed = Line::parse(whole);
        let verified = match (&mut scanned, parsed) {
            (_, None) => false,
            (Some(scanned), Some(parsed)) => scanned.follow(&parsed),
            (None, Some(parsed)) => {
                scanned = begin(&parsed, key);
                scanned.is_some()
            }
        };
        if !verified {
            if line.contains(&0) {
                break;
            }
            let n = scanned.as_ref().map_or(0, |scanned| scanned.chain.next());
            return Err(invalid(format!(
                "line {n} of the chain was changed, or belongs elsewhere; verify the file, and keep it"
            )));
        }
        if let Some(scanned) = &mut scanned {
            scanned.len += line.len() as u64;
        }
    }
    if let Some(scanned) = &mut scanned {
        scanned.torn = total.saturating_sub(scanned.len);
    }
    Ok(scanned)
}

impl Scanned {
    fn follow(&mut self, line: &Line<'_>) -> bool {
        let follows = !self.ended && self.chain.follow(line).is_ok();
        self.ended |= follows && matches!(Control::parse(line.body), Some(Control::End { .. }));
        follows
    }
}

/// The first line of a segment states itself which line it follows.
fn begin(line: &Line<'_>, key: &Key) -> Option<Scanned> {
    let header = Header::of(line)?;
    let start = Position {
        n: line.n.checked_sub(1)?,
        mac: header.previous(),
    };
    let mut chain = Chain::new(key, start);
    chain.follow(line).ok()?;
    Some(Scanned {
        header,
        start,
        chain,
        len: 0,
        torn: 0,
        ended: false,
    })
}

/// The position of the line before a segment.
pub(crate) fn start_of(path: &Path, key: &Key) -> io::Result<Position> {
    let mut line = Vec::new();
    read_line(&mut reader(path)?, &mut line)?;
    let parsed = line.strip_suffix(b"\n").and_then(Line::parse);
    let begun = parsed.and_then(|line| begin(&line, key));
    match begun {
        Some(begun) => Ok(begun.start),
        None => Err(invalid(format!(
            "{}: the first line was changed",
            path.display()
        ))),
    }
}

/// Copies the tail to `FILE.torn-N` before it is cut off.
pub(crate) fn keep_tail(path: &Path, from: u64, line: u64) -> io::Result<()> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let name = beside(path, &format!("torn-{line}"));
    let mut kept = create_anew(&name)?;
    if io::copy(&mut file.take(MAX_LINE), &mut kept)? == 0 {
        fs::remove_file(name)?;
    }
    Ok(())
}
