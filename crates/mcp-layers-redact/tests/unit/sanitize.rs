//! Unit tests of `src/sanitize.rs`.

use super::{Lines, sanitize};
use proptest::prelude::*;

fn tidied(text: &str, max: usize, lines: Lines) -> String {
    sanitize(text, max, lines).into_owned()
}

#[test]
fn terminal_sequences_and_hidden_characters_go() {
    for (text, expected) in [
        ("\u{1b}[31mred\u{1b}[0m", "red"),
        ("\u{9b}1;5Hhere", "here"),
        ("\u{1b}]0;title\u{7}text", "text"),
        ("\u{1b}]8;;http://a\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
        ("\u{1b}]unfinished", "unfinished"),
        ("\u{1b}[12", "12"),
        ("a\r\nb\tc\u{0}d\u{7f}", "a b cd"),
        ("pass\u{200b}word\u{202e}", "password"),
        ("a\u{e0041}\u{e0042}b", "ab"),
        ("größe 🦀", "größe 🦀"),
    ] {
        assert_eq!(tidied(text, 100, Lines::Joined), expected, "{text:?}");
    }
    assert_eq!(tidied("a\r\n\tb\u{1b}c", 100, Lines::Kept), "a\n\tbc");
}

#[test]
fn a_text_is_cut_at_a_boundary() {
    assert_eq!(tidied("aé🦀b", 7, Lines::Joined), "aé…");
    assert_eq!(tidied("aé🦀b", 8, Lines::Joined), "aé🦀b");
    assert_eq!(tidied("🦀🦀", 2, Lines::Joined), "");
}

proptest! {
    #[test]
    fn nothing_hidden_is_left_and_a_second_time_changes_nothing(
        text in "([a-z\u{1b}\u{9b}\\[\\]0-9;m\u{7}\\\\ \n\u{202e}é])*", max in 0_usize..40
    ) {
        for lines in [Lines::Joined, Lines::Kept] {
            let once = tidied(&text, max, lines);
            prop_assert!(once.len() <= max);
            prop_assert!(!once.chars().any(|c| c.is_control() && c != '\n'));
            prop_assert_eq!(&tidied(&once, max, lines), &once);
        }
    }
}
