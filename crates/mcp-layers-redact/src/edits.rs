//! A text under change: pieces that are replaced, from the beginning to the end.

pub(crate) struct Edits<'a> {
    text: &'a str,
    out: String,
    copied: usize,
}

impl<'a> Edits<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            out: String::new(),
            copied: 0,
        }
    }

    /// Replaces `start..end`. What overlaps with an earlier piece goes with that one.
    pub(crate) fn replace(&mut self, start: usize, end: usize, by: &str) {
        if start < self.copied {
            self.copied = self.copied.max(end);
            return;
        }
        self.out.push_str(&self.text[self.copied..start]);
        self.out.push_str(by);
        self.copied = end;
    }

    /// The changed text; `None` when nothing was replaced.
    pub(crate) fn finish(mut self) -> Option<String> {
        if self.copied == 0 && self.out.is_empty() {
            return None;
        }
        self.out.push_str(&self.text[self.copied..]);
        Some(self.out)
    }
}
