//! Unit tests of `src/text.rs`.

use super::cut;

#[test]
fn texts_are_cut_between_characters() {
    let text = cut(&"ä".repeat(5_000), 1_024);
    assert!(text.len() <= 1_024 && text.ends_with('…'), "{}", text.len());
    assert_eq!(cut("short", 5), "short");
    assert_eq!(cut("longer", 5), "lo…");
}
