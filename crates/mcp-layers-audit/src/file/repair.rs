//! What is found in a segment when a log is opened.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use super::{
    chain::{Chain, Line},
    log::invalid,
    segment::{self, Header, beside, private},
};
use crate::Key;

/// A segment that verifies, but for its tail.
#[derive(Debug)]
pub(crate) struct Scanned {
    pub(crate) header: Header,
    /// The chain behind the last whole line.
    pub(crate) chain: Chain,
    /// How much of the file is whole lines.
    pub(crate) len: u64,
    /// How many bytes follow them.
    pub(crate) torn: u64,
    /// Whether the last line ends the segment.
    pub(crate) ended: bool,
}

/// Longer lines are read by nobody: no writer writes them.
pub(crate) const MAX_LINE: u64 = 16 * 1024 * 1024;

/// Reads a segment; `None` when there is no file, or not even a whole first line in it.
///
/// # Errors
/// `InvalidData` when a line does not verify and is no torn tail. A torn tail is a last line without
/// its line break, or what the file system left of pages that it never wrote: zeros.
pub(crate) fn scan(path: &Path, key: &Key) -> io::Result<Option<Scanned>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let total = file.metadata()?.len();
    scan_lines(&mut BufReader::with_capacity(64 * 1024, file), total, key)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

pub(crate) fn scan_lines(
    reader: &mut impl BufRead,
    total: u64,
    key: &Key,
) -> io::Result<Option<Scanned>> {
    let mut line = Vec::new();
    let mut scanned: Option<Scanned> = None;
    loop {
        line.clear();
        reader
            .by_ref()
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)?;
        let Some(whole) = line.strip_suffix(b"\n") else {
            break;
        };
        let parsed = Line::parse(whole);
        let followed = match (&mut scanned, parsed) {
            (_, None) => false,
            (Some(scanned), Some(parsed)) => {
                let followed = !scanned.ended && scanned.chain.follow(&parsed).is_ok();
                scanned.ended |= followed && segment::kind(parsed.body) == Some("end");
                followed
            }
            (None, Some(parsed)) => match begin(&parsed, key) {
                Some(begun) => {
                    scanned = Some(begun);
                    true
                }
                None => false,
            },
        };
        if !followed {
            if line.contains(&0) {
                break;
            }
            let n = scanned.as_ref().map_or(0, |scanned| scanned.chain.next);
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

/// The first line of a segment says itself what it follows.
fn begin(line: &Line<'_>, key: &Key) -> Option<Scanned> {
    let header = Header::parse(line.body)?;
    let mut chain = Chain::new(key);
    chain.link = header.previous;
    chain.next = line.n;
    chain.follow(line).ok()?;
    Some(Scanned {
        header,
        chain,
        len: 0,
        torn: 0,
        ended: false,
    })
}

/// Copies the tail to `FILE.torn-N` before it is cut off.
pub(crate) fn keep_tail(path: &Path, from: u64, line: u64) -> io::Result<()> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let name = beside(path, &format!("torn-{line}"));
    let mut kept =
        private(OpenOptions::new().write(true).create(true).truncate(true)).open(&name)?;
    io::copy(&mut file.take(MAX_LINE), &mut kept)?;
    if kept.metadata()?.len() == 0 {
        fs::remove_file(name)?;
    }
    Ok(())
}
