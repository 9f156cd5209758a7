//! The texts of a record, in one buffer, each cut to its length.

use smallvec::SmallVec;

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

/// Texts in one buffer: no allocation as long as they are short.
#[derive(Debug, Clone)]
pub(crate) struct Texts {
    /// UTF-8, cut at the boundaries of characters.
    buffer: SmallVec<[u8; 64]>,
    spans: [Option<(u16, u16)>; Slot::COUNT],
}

impl Texts {
    pub(crate) fn new() -> Self {
        Self {
            buffer: SmallVec::new(),
            spans: [None; Slot::COUNT],
        }
    }

    /// Sets a text, cut to its length.
    pub(crate) fn set(&mut self, slot: Slot, text: &str) {
        let start = self.buffer.len();
        let (kept, cut) = clamp(text, slot.limit());
        self.buffer.extend_from_slice(kept.as_bytes());
        if !cut.is_empty() {
            self.buffer.extend_from_slice(cut.as_bytes());
        }
        let span = u16::try_from(start)
            .ok()
            .zip(u16::try_from(self.buffer.len()).ok());
        if let Some(place) = self.spans.get_mut(slot as usize) {
            *place = span;
        }
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&str> {
        let (start, end) = (*self.spans.get(slot as usize)?)?;
        let bytes = self.buffer.get(usize::from(start)..usize::from(end))?;
        str::from_utf8(bytes).ok()
    }
}

/// At most `limit` bytes, cut at the boundary of a character; the second part says that there was
/// more.
fn clamp(text: &str, limit: usize) -> (&str, &'static str) {
    const MORE: &str = "…";
    if text.len() <= limit {
        return (text, "");
    }
    let end = floor_boundary(text, limit.saturating_sub(MORE.len()));
    (text.get(..end).unwrap_or_default(), MORE)
}

/// At most `limit` bytes of a text.
pub(crate) fn clamped(text: &str, limit: usize) -> Box<str> {
    let (kept, cut) = clamp(text, limit);
    [kept, cut].concat().into()
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
