//! Texts that callers choose, cut to a length.

/// The sign of a cut text.
const MORE: &str = "…";

/// At most `limit` bytes of a text, cut between characters; a cut text ends with `…`.
pub(crate) fn cut(text: &str, limit: usize) -> Box<str> {
    if text.len() <= limit {
        return text.into();
    }
    let most = limit.saturating_sub(MORE.len());
    let end = (0..=most)
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    [text.get(..end).unwrap_or_default(), MORE].concat().into()
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn texts_are_cut_between_characters() {
        let text = cut(&"ä".repeat(5_000), 1_024);
        assert!(text.len() <= 1_024 && text.ends_with('…'), "{}", text.len());
        assert_eq!(&*cut("short", 5), "short");
        assert_eq!(&*cut("longer", 5), "lo…");
    }
}
