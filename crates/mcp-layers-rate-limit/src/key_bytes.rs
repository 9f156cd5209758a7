//! Bytes that are written part by part.

/// As many bytes as there are, the first of them without an allocation. A `SmallVec` does the same,
/// but asks the C library twice for each part of a few bytes.
#[derive(Debug, Clone)]
pub(crate) struct KeyBytes {
    inline: [u8; 128],
    pub(crate) len: usize,
    /// All of them, when they are too many for the array.
    spilled: Vec<u8>,
}

impl KeyBytes {
    #[inline]
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        match self.inline.get_mut(self.len..end) {
            Some(room) => room.copy_from_slice(bytes),
            None => self.spill(bytes),
        }
        self.len = end;
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.inline.get(..self.len).unwrap_or(&self.spilled)
    }

    #[cold]
    fn spill(&mut self, bytes: &[u8]) {
        if self.spilled.is_empty() {
            let written = self.inline.get(..self.len).unwrap_or_default();
            self.spilled.extend_from_slice(written);
        }
        self.spilled.extend_from_slice(bytes);
    }
}

impl Default for KeyBytes {
    #[inline]
    fn default() -> Self {
        Self {
            inline: [0; 128],
            len: 0,
            spilled: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::KeyBytes;

    #[test]
    fn all_bytes_are_kept_in_order_within_the_array_and_beyond() {
        let all: Vec<u8> = (0..=255).cycle().take(600).collect();
        for part in [1, 3, 64, 127, 128, 129, 300] {
            let mut bytes = KeyBytes::default();
            for part in all.chunks(part) {
                bytes.extend(part);
                bytes.extend(&[]);
                assert_eq!(bytes.as_slice(), &all[..bytes.len]);
            }
            assert_eq!(bytes.len, all.len());
        }
    }
}
