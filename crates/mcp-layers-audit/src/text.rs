//! The texts of a record, in one buffer, each cut to its length.

/// Which text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    Method,
    Target,
    Id,
    ClientName,
    ClientVersion,
    Protocol,
}

impl Slot {
    const COUNT: usize = 6;

    /// The most bytes that are kept. All together fit into 16 bits.
    fn limit(self) -> usize {
        match self {
            Self::Target => 1024,
            Self::Method | Self::Id | Self::ClientName => 128,
            Self::ClientVersion => 64,
            Self::Protocol => 32,
        }
    }
}

/// Texts in one buffer: one allocation however many there are.
#[derive(Debug, Clone)]
pub(crate) struct Texts {
    buffer: String,
    spans: [Option<(u16, u16)>; Slot::COUNT],
}

impl Texts {
    pub(crate) fn new() -> Self {
        Self {
            buffer: String::with_capacity(64),
            spans: [None; Slot::COUNT],
        }
    }

    /// Sets a text, cut to its length.
    pub(crate) fn set(&mut self, slot: Slot, text: &str) {
        let start = self.buffer.len();
        push_clamped(text, slot.limit(), &mut self.buffer);
        let span = u16::try_from(start)
            .ok()
            .zip(u16::try_from(self.buffer.len()).ok());
        if let Some(place) = self.spans.get_mut(slot as usize) {
            *place = span;
        }
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&str> {
        let (start, end) = (*self.spans.get(slot as usize)?)?;
        self.buffer.get(usize::from(start)..usize::from(end))
    }
}

/// Appends at most `limit` bytes, cut at the boundary of a character; `…` says that there was more.
pub(crate) fn push_clamped(text: &str, limit: usize, out: &mut String) {
    if text.len() <= limit {
        out.push_str(text);
    } else {
        let end = floor_boundary(text, limit.saturating_sub('…'.len_utf8()));
        out.push_str(text.get(..end).unwrap_or_default());
        out.push('…');
    }
}

/// At most `limit` bytes of a text.
pub(crate) fn clamped(text: &str, limit: usize) -> Box<str> {
    let mut out = String::with_capacity(text.len().min(limit));
    push_clamped(text, limit, &mut out);
    out.into()
}

/// The last boundary of a character that is not beyond `index`.
pub(crate) fn floor_boundary(text: &str, index: usize) -> usize {
    let mut end = index.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::{Slot, Texts, clamped};

    #[test]
    fn texts_are_kept_apart_and_cut_at_characters() {
        let mut texts = Texts::new();
        texts.set(Slot::Target, &"ä".repeat(5_000));
        texts.set(Slot::Id, "");
        texts.set(Slot::ClientName, "ada");
        let target = texts.get(Slot::Target).unwrap();
        assert!(
            target.len() <= 1024 && target.ends_with('…'),
            "{}",
            target.len()
        );
        assert_eq!(texts.get(Slot::Id), Some(""));
        assert_eq!(texts.get(Slot::ClientName), Some("ada"));
        assert_eq!(texts.get(Slot::Method), None);
        assert_eq!(&*clamped("short", 5), "short");
        assert_eq!(&*clamped("longer", 5), "lo…");
    }
}
