//! Server-sent events in their original bytes (HTML Standard, section 9.2.6).
//!
//! Crates that parse events return their fields and drop their bytes. Here the bytes go on, unless a
//! layer changed the message in them, so the parser finds where events end and copies nothing.

use bytes::{Buf, Bytes, BytesMut};

use super::line_ends::{has_other_line_ends, write_line};

/// One event, or a line end that follows one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    bytes: Bytes,
    /// The data, its lines joined; `None` without any.
    pub(super) data: Option<Bytes>,
    /// True unless the event has a type of its own, which clients may ignore.
    pub(super) is_message: bool,
    /// The id, from which a client can resume.
    pub(super) id: Option<Bytes>,
}

/// An event exceeds the maximum length. The rest of it is skipped.
#[derive(Debug, PartialEq)]
pub(super) struct TooLong;

/// Finds events in pieces of any size.
#[derive(Debug)]
pub(super) struct Parser {
    buffer: BytesMut,
    max_event: usize,
    /// The beginning of the line that is not yet complete.
    line_start: usize,
    /// The number of bytes that have been searched.
    searched: usize,
    /// The last line ended with `\r`: a `\n` right after it belongs to it.
    after_return: bool,
    is_first: bool,
    skipping: bool,
}

impl Parser {
    pub(super) fn new(max_event: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            max_event,
            line_start: 0,
            searched: 0,
            after_return: false,
            is_first: true,
            skipping: false,
        }
    }

    /// Appends a piece of the stream.
    pub(super) fn feed(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// The next event that is complete.
    pub(super) fn next(&mut self) -> Option<Result<Event, TooLong>> {
        loop {
            let end = self.event_end();
            let length = end.unwrap_or(self.buffer.len());
            let was_skipping = self.skipping;
            if length > self.max_event {
                self.skipping = true;
            }
            match end {
                Some(end) => {
                    let event = self.buffer.split_to(end).freeze();
                    (self.line_start, self.searched) = (0, 0);
                    let is_first = std::mem::take(&mut self.is_first);
                    match (std::mem::take(&mut self.skipping), was_skipping) {
                        (true, true) => {}
                        (true, false) => return Some(Err(TooLong)),
                        (false, _) => return Some(Ok(Event::parse(event, is_first))),
                    }
                }
                None if self.skipping => {
                    // One byte stays of a line that is not empty, so that its end is no empty line.
                    let kept = usize::from(self.searched > self.line_start);
                    self.buffer.advance(self.searched - kept);
                    (self.line_start, self.searched) = (0, kept);
                    return (!was_skipping).then_some(Err(TooLong));
                }
                None => return None,
            }
        }
    }

    /// The end of the first event: after the first empty line.
    fn event_end(&mut self) -> Option<usize> {
        loop {
            if self.after_return && self.line_start < self.buffer.len() {
                self.after_return = false;
                if self.buffer[self.line_start] == b'\n' {
                    self.line_start += 1;
                    self.searched = self.line_start;
                    if self.line_start == 1 {
                        return Some(1);
                    }
                }
            }
            let rest = &self.buffer[self.searched..];
            let Some(at) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.searched = self.buffer.len();
                return None;
            };
            let at = self.searched + at;
            let is_empty = at == self.line_start;
            self.line_start = at + 1;
            if self.buffer[at] == b'\r' {
                match self.buffer.get(at + 1) {
                    Some(b'\n') => self.line_start += 1,
                    Some(_) => {}
                    // The event is complete, whatever comes next.
                    None => self.after_return = true,
                }
            }
            self.searched = self.line_start;
            if is_empty {
                return Some(self.line_start);
            }
        }
    }
}

impl Event {
    fn parse(bytes: Bytes, is_first: bool) -> Self {
        let mut text = &bytes[..];
        if is_first {
            text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
        }
        let (mut data, mut joined) = (None, BytesMut::new());
        let (mut is_message, mut id) = (true, None);
        for line in lines(text) {
            match field(line) {
                (b"data", value) => {
                    if let Some(first) = data.replace(value) {
                        if joined.is_empty() {
                            joined.extend_from_slice(first);
                        }
                        joined.extend_from_slice(b"\n");
                        joined.extend_from_slice(value);
                    }
                }
                (b"event", value) => is_message = value.is_empty() || value == b"message",
                (b"id", value) => id = (!value.is_empty()).then(|| bytes.slice_ref(value)),
                _ => {}
            }
        }
        let data = match (data, joined.is_empty()) {
            (Some(one), true) => Some(bytes.slice_ref(one)),
            (data, _) => data.map(|_| joined.freeze()),
        };
        Self {
            data,
            is_message,
            id,
            bytes,
        }
    }

    /// The bytes of this event, unless clients could find other events in them.
    pub(super) fn pass(self) -> Bytes {
        match &self.data {
            _ if !has_other_line_ends(&self.bytes) => self.bytes,
            Some(data) => self.with_data(data),
            None => Bytes::from_static(b"\n"),
        }
    }

    /// The bytes of this event with other data.
    pub(super) fn with_data(&self, data: &[u8]) -> Bytes {
        let mut out = Vec::with_capacity(data.len() + 64);
        for line in lines(&self.bytes) {
            let is_data = line.is_empty() || field(line).0 == b"data";
            if !is_data && !has_other_line_ends(line) {
                out.extend_from_slice(line);
                out.push(b'\n');
            }
        }
        write_data(data, &mut out);
        out.into()
    }

    /// An event with a message alone.
    pub(super) fn of_message(data: &[u8]) -> Bytes {
        let mut out = b"event: message\n".to_vec();
        write_data(data, &mut out);
        out.into()
    }
}

fn write_data(json: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    write_line(json, out);
    out.extend_from_slice(b"\n\n");
}

/// The lines of an event. Between `\r` and `\n` there is an empty one, which has no meaning here.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| matches!(byte, b'\n' | b'\r'))
}

/// A line's field and value.
fn field(line: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b':', line) {
        Some(at) => {
            let value = &line[at + 1..];
            (&line[..at], value.strip_prefix(b" ").unwrap_or(value))
        }
        None => (line, b""),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn all(parser: &mut Parser) -> Vec<Result<Event, TooLong>> {
        std::iter::from_fn(|| parser.next()).collect()
    }

    fn in_pieces(stream: &[u8], size: usize, max: usize) -> Vec<Result<Event, TooLong>> {
        let mut parser = Parser::new(max);
        let pieces = stream.chunks(size).flat_map(|piece| {
            parser.feed(piece);
            all(&mut parser)
        });
        pieces.collect()
    }

    fn texts(events: &[Result<Event, TooLong>]) -> Vec<Option<&str>> {
        let events = events.iter().filter_map(|event| event.as_ref().ok());
        let texts = events.map(|event| Some(std::str::from_utf8(event.data.as_ref()?).unwrap()));
        texts.collect()
    }

    #[test]
    fn every_line_end_ends_a_line() {
        for end in ["\n", "\r\n", "\r"] {
            let stream = [
                "data: a", "", ": c", "", "data:b", "data", "data: d", "id: 7", "", "",
            ];
            let events = in_pieces(stream.join(end).as_bytes(), 1000, 1000);
            assert_eq!(texts(&events), [Some("a"), None, Some("b\n\nd")], "{end:?}");
            assert_eq!(events[2].as_ref().unwrap().id.as_deref(), Some(&b"7"[..]));
        }
    }

    #[test]
    fn the_mark_at_the_beginning_is_no_part_of_a_field() {
        let events = in_pieces(
            "\u{feff}data: a\n\n\u{feff}data: b\n\n".as_bytes(),
            100,
            100,
        );
        assert_eq!(texts(&events), [Some("a"), None]);
    }

    /// The data of each event by the standard, in the simplest way, and whether it has an id.
    fn reference(stream: &str) -> Vec<(Option<String>, bool)> {
        let text = stream.strip_prefix('\u{feff}').unwrap_or(stream);
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let (mut events, mut data, mut has_id) = (Vec::new(), Vec::new(), false);
        // What is after the last line end is no line.
        for line in text
            .split_inclusive('\n')
            .filter_map(|line| line.strip_suffix('\n'))
        {
            match line.split_once(':').unwrap_or((line, "")) {
                ("", _) if line.is_empty() => {
                    let lines = std::mem::take(&mut data);
                    events.push(((!lines.is_empty()).then(|| lines.join("\n")), has_id));
                    has_id = false;
                }
                ("data", value) => data.push(value.strip_prefix(' ').unwrap_or(value)),
                ("id", value) => has_id = !value.strip_prefix(' ').unwrap_or(value).is_empty(),
                _ => {}
            }
        }
        events
    }

    fn stream() -> impl Strategy<Value = String> {
        let parts = [
            "data: a", "data", "data:b:c", "data:  d", "id: 1", "id", "event: x", ": c", "ö", "\n",
            "\n", "\n\n", "\r", "\r\n", "\r\n\r\n", "\r\r", "\u{feff}",
        ];
        prop::collection::vec(prop::sample::select(parts.to_vec()), 0..30)
            .prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn a_stream_that_is_split_at_any_byte_has_the_same_events(stream in stream()) {
            let of = |events: Vec<Result<Event, TooLong>>| -> Vec<_> {
                let events = events.into_iter().map(Result::unwrap);
                // A line end that comes alone belongs to the event before it.
                let events = events.filter(|event| event.bytes != "\n");
                events
                    .map(|event| {
                        let text = |data: Bytes| String::from_utf8(data.to_vec()).unwrap();
                        (event.data.map(text), event.id.is_some())
                    })
                    .collect()
            };
            let is_empty = |event: &(Option<String>, bool)| *event == (None, false);
            let mut expected = reference(&stream);
            let mut whole = of(in_pieces(stream.as_bytes(), usize::MAX, usize::MAX));
            expected.retain(|event| !is_empty(event));
            whole.retain(|event| !is_empty(event));
            prop_assert_eq!(&whole, &expected);
            for size in 1..stream.len() {
                let mut pieces = of(in_pieces(stream.as_bytes(), size, usize::MAX));
                pieces.retain(|event| !is_empty(event));
                prop_assert_eq!(&pieces, &expected);
            }
            // Two pieces, at every place.
            for at in 0..stream.len() {
                let mut parser = Parser::new(usize::MAX);
                parser.feed(&stream.as_bytes()[..at]);
                let mut events = all(&mut parser);
                parser.feed(&stream.as_bytes()[at..]);
                events.extend(all(&mut parser));
                let bytes: Vec<_> = events.iter().flat_map(|event| event.as_ref().unwrap().bytes.to_vec()).collect();
                prop_assert!(stream.as_bytes().starts_with(&bytes));
                let mut events = of(events);
                events.retain(|event| !is_empty(event));
                prop_assert_eq!(&events, &expected);
            }
        }
    }

    #[test]
    fn an_event_that_is_too_long_is_skipped_to_its_end() {
        for size in [1, 2, 3, 1000] {
            let long = format!("data: a\n\ndata: {}\nid: 5\n\ndata: b\n\n", "x".repeat(50));
            let events = in_pieces(long.as_bytes(), size, 20);
            assert_eq!(events.len(), 3, "{size}");
            assert_eq!(events[1], Err(TooLong));
            assert_eq!(texts(&events), [Some("a"), Some("b")]);
        }
    }

    #[test]
    fn other_fields_stay_when_the_data_changes() {
        let events = in_pieces(
            b"id: 1\r\nevent: message\r\ndata: {\r\ndata: }\r\n\r\n",
            9,
            100,
        );
        let changed = events[0].as_ref().unwrap().with_data(b"[\n]");
        assert_eq!(changed, "id: 1\nevent: message\ndata: [ ]\n\n");
    }
}
