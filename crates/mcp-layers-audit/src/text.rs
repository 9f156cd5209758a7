//! Texts that callers choose, cut to a length.

use smol_str::{SmolStr, format_smolstr};

/// The length of names that callers choose, in bytes.
pub(crate) const NAME_LIMIT: usize = 128;

/// The sign of a cut text.
const MORE: &str = "…";

/// At most `limit` bytes of a text, cut between characters; a cut text ends with `…`.
pub(crate) fn cut(text: &str, limit: usize) -> SmolStr {
    if text.len() <= limit {
        return text.into();
    }
    let most = limit.saturating_sub(MORE.len());
    let end = (0..=most)
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    format_smolstr!("{}{MORE}", &text[..end])
}

#[cfg(test)]
#[path = "../tests/unit/text.rs"]
mod tests;
