//! Lines of a reader, of a bounded length.

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{self, AsyncRead, AsyncReadExt};

use crate::sketch::Sketch;

/// One line without its end.
pub(super) enum Line {
    Whole(Bytes),
    /// The line exceeded the maximum length; it was read to its end and dropped.
    TooLong(Sketch),
}

/// The lines of a reader. Empty lines are skipped.
pub(super) struct Lines<R> {
    reader: R,
    max_line: usize,
    buffer: BytesMut,
    /// The number of bytes in the buffer that hold no line end.
    searched: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, max_line: usize) -> Self {
        Self {
            reader,
            max_line,
            buffer: BytesMut::new(),
            searched: 0,
        }
    }

    /// The next line; `None` at the end of the input. A last line without an end counts.
    pub(super) async fn next(&mut self) -> io::Result<Option<Line>> {
        let mut too_long: Option<Sketch> = None;
        loop {
            let end = memchr::memchr(b'\n', &self.buffer[self.searched..]);
            let length = end.map_or(self.buffer.len(), |end| self.searched + end);
            self.searched = length;
            if length > self.max_line || too_long.is_some() {
                too_long
                    .get_or_insert_default()
                    .feed(&self.buffer[..length]);
                self.buffer.advance(length);
                self.searched = 0;
            }
            let at_end = end.is_none() && self.fill().await? == 0;
            if end.is_none() && !at_end {
                continue;
            }
            let line = self.buffer.split_to(self.searched).freeze();
            self.buffer.advance(usize::from(end.is_some()));
            self.searched = 0;
            if let Some(sketch) = too_long {
                return Ok(Some(Line::TooLong(sketch)));
            }
            let line = without_returns(line);
            if !line.is_empty() {
                return Ok(Some(Line::Whole(line)));
            }
            if at_end {
                return Ok(None);
            }
        }
    }

    async fn fill(&mut self) -> io::Result<usize> {
        self.buffer.reserve(8192);
        self.reader.read_buf(&mut self.buffer).await
    }
}

/// The line without `\r` at its end, and with a space for each `\r` within. In JSON, the two are the
/// same; but there are readers (Python's text files) for which `\r` ends a line, so that a message
/// inside a message would become one of its own.
fn without_returns(mut line: Bytes) -> Bytes {
    if line.ends_with(b"\r") {
        line.truncate(line.len() - 1);
    }
    if memchr::memchr(b'\r', &line).is_none() {
        return line;
    }
    let spaced = line
        .iter()
        .map(|&byte| if byte == b'\r' { b' ' } else { byte });
    spaced.collect()
}
