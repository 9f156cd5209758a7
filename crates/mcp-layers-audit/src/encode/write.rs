//! JSON, written field by field.

use std::{fmt::Display, io::Write};

/// An object that is being written. Dropped, it is closed.
pub(crate) struct Object<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Object<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    /// Writes the key, and gives what the value is to be appended to.
    pub(crate) fn key(&mut self, key: &str) -> &mut Vec<u8> {
        if !std::mem::replace(&mut self.empty, false) {
            self.out.push(b',');
        }
        write_json_text(key, self.out);
        self.out.push(b':');
        self.out
    }

    pub(crate) fn text(&mut self, key: &str, value: &str) {
        write_json_text(value, self.key(key));
    }

    pub(crate) fn text_if(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    /// What shows itself without quotes, backslashes and control characters.
    pub(crate) fn shown(&mut self, key: &str, value: impl Display) {
        // Writing into a vector cannot fail.
        let _ = write!(self.key(key), "\"{value}\"");
    }

    pub(crate) fn shown_if(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.shown(key, value);
        }
    }

    pub(crate) fn number(&mut self, key: &str, value: impl Display) {
        let _ = write!(self.key(key), "{value}");
    }

    pub(crate) fn number_if(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.number(key, value);
        }
    }

    pub(crate) fn flag(&mut self, key: &str, value: bool) {
        self.number(key, value);
    }

    pub(crate) fn object(&mut self, key: &str) -> Object<'_> {
        Object::new(self.key(key))
    }
}

impl Drop for Object<'_> {
    fn drop(&mut self) {
        self.out.push(b'}');
    }
}

pub(crate) fn write_json_text(text: &str, out: &mut Vec<u8>) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(plain) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // Writing a text into a vector cannot fail.
        let _ = serde_json::to_writer(out, text);
    }
}
