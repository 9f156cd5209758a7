//! Unit tests of `src/message.rs`.

use super::{begins_sentence, is_message};

#[test]
fn messages_are_told_from_values() {
    for text in [
        "Too short",
        "String should have at least 8 characters",
        "This field is required.",
        "required",
        "too_short",
        "Passwords do not match",
        "is too common",
    ] {
        assert!(is_message(text), "{text}");
    }
    for text in [
        "hunter2",
        "hunter",
        "correct horse battery staple",
        "hunter2 is too short",
        "the eagle flies at midnight",
        "aB3xK9",
        "",
    ] {
        assert!(!is_message(text), "{text}");
    }
    assert!(begins_sentence("must match ^[A-Z]+$"));
    assert!(!begins_sentence("hunter is wrong"));
}
