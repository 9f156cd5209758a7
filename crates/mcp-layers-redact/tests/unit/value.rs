//! Unit tests of `src/value.rs`.

use super::{Extent, Value};

#[test]
fn values_go_to_their_end() {
    for (text, expected) in [
        (r#""hun\"ter2" x"#, r#"hun\"ter2"#),
        (r#"\"hunter2\", x"#, "hunter2"),
        (r#"Some("hunter2"), x"#, r#"Some("hunter2")"#),
        ("b'hunter2', x", "hunter2"),
        (r##"r#"hun"ter"# x"##, r#"hun"ter"#),
        (r#"["a", "b]"] x"#, r#"["a", "b]"]"#),
        ("[]byte{1, 2} x", "[]byte{1, 2}"),
        ("hunter2} x", "hunter2"),
        ("hun)ter2 x", "hun)ter2"),
        ("hunter2, x", "hunter2"),
        ("'''a'b''' x", "a'b"),
        ("“hunter2” x", "hunter2"),
        ("(unclosed x", "(unclosed x"),
        ("\"unclosed x", "unclosed x"),
    ] {
        assert_eq!(
            Value::at(text, 0, Extent::Word).as_str(),
            expected,
            "{text}"
        );
    }
    let words = Value::at("correct horse, user: a", 0, Extent::Words);
    assert_eq!(words.as_str(), "correct horse");
}
