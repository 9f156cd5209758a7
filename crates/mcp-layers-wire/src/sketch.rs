//! The outline of a message that cannot be read.

use serde_json::value::RawValue;

use crate::id::Id;

/// The longest name or value that is kept.
const MAX_TOKEN: usize = 256;

/// A scanner for messages that are no JSON or too long: it finds the id, so that the right peer learns
/// of the failure. It keeps nothing else, so a message may come in pieces and have any length.
#[derive(Debug, Default)]
pub(crate) struct Sketch {
    depth: usize,
    in_string: bool,
    escaped: bool,
    name: Vec<u8>,
    token: Vec<u8>,
    id: Option<Vec<u8>>,
    has_method: bool,
}

impl Sketch {
    /// The outline of a whole message.
    pub(crate) fn of(message: &[u8]) -> Self {
        let mut sketch = Self::default();
        sketch.feed(message);
        sketch
    }

    /// Reads the next piece.
    pub(crate) fn feed(&mut self, piece: &[u8]) {
        for &byte in piece {
            if self.in_string {
                self.keep(byte);
                self.in_string = self.escaped || byte != b'"';
                self.escaped = byte == b'\\' && !self.escaped;
                continue;
            }
            match byte {
                b'"' => {
                    self.in_string = true;
                    self.keep(byte);
                }
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    if self.depth == 1 {
                        self.end_member();
                    }
                    self.depth = self.depth.saturating_sub(1);
                }
                b':' if self.depth == 1 => self.name = std::mem::take(&mut self.token),
                b',' if self.depth == 1 => self.end_member(),
                byte if !byte.is_ascii_whitespace() => self.keep(byte),
                _ => {}
            }
        }
    }

    /// The id, if the message has one that can be read.
    pub(crate) fn id(&self) -> Option<Id> {
        Id::parse(serde_json::from_slice::<&RawValue>(self.id.as_deref()?).ok()?)
    }

    /// Returns true if the message has a method: it is a request or a notification.
    pub(crate) fn has_method(&self) -> bool {
        self.has_method
    }

    fn keep(&mut self, byte: u8) {
        if self.depth == 1 && self.token.len() < MAX_TOKEN {
            self.token.push(byte);
        }
    }

    fn end_member(&mut self) {
        let value = std::mem::take(&mut self.token);
        match &*std::mem::take(&mut self.name) {
            b"\"id\"" => self.id = Some(value),
            b"\"method\"" => self.has_method = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(message: &str) -> Option<String> {
        Sketch::of(message.as_bytes()).id().map(|id| id.to_json())
    }

    #[test]
    fn finds_the_id_wherever_it_stands() {
        for message in [
            r#"{"id":5,"result":{"id":6,"x":NaN}}"#,
            r#"{"result":{"id":6,"x":[1e400,"\"id\":7"]},"jsonrpc":"2.0","id":5}"#,
            r#" { "id" : 5 , "result" : {"#,
        ] {
            assert_eq!(id(message).as_deref(), Some("5"), "{message}");
        }
        assert_eq!(
            id(r#"{"id":"a\"b","result":nan}"#).as_deref(),
            Some(r#""a\"b""#)
        );
        for message in [
            "",
            "Listening on port 80",
            r#"{"result":{"id":5}}"#,
            r#"[{"id":5}]"#,
        ] {
            assert_eq!(id(message), None, "{message}");
        }
    }

    #[test]
    fn tells_requests_from_answers() {
        assert!(Sketch::of(br#"{"method":"x","id":1,"params":{"#).has_method());
        assert!(!Sketch::of(br#"{"id":1,"result":{"method":"x"}}"#).has_method());
    }

    #[test]
    fn pieces_of_any_size_give_one_outline() {
        let message = format!(r#"{{"result":"{}\\","id":"a"}}"#, "x\\\"".repeat(500));
        for size in [1, 2, 3, 7, 1000] {
            let mut sketch = Sketch::default();
            message
                .as_bytes()
                .chunks(size)
                .for_each(|piece| sketch.feed(piece));
            assert_eq!(sketch.id().map(|id| id.to_json()).as_deref(), Some("\"a\""));
            assert!(sketch.token.len() <= MAX_TOKEN);
        }
    }
}
