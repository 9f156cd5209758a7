//! Characters that some clients take for the end of a line.
//!
//! Clients exist that split events by Python's `str.splitlines`, which ends a line at these characters
//! too. In a JSON text such as a log message, they would let a caller make events of its own.

/// Returns true if a text has such a character.
pub(super) fn has_other_line_ends(text: &[u8]) -> bool {
    (0..text.len())
        .any(|at| matches!(text[at], 0x0b | 0x0c | 0x1c..=0x1e) || length(&text[at..]) > 0)
}

/// The number of bytes of a character above ASCII that begins a text, if it is one.
fn length(text: &[u8]) -> usize {
    match text {
        [0xc2, 0x85, ..] => 2,
        [0xe2, 0x80, 0xa8 | 0xa9, ..] => 3,
        _ => 0,
    }
}

/// Writes JSON on one line: line ends in JSON are white space, and within its strings the others are
/// escaped.
pub(super) fn write_line(json: &[u8], out: &mut Vec<u8>) {
    let mut rest = json;
    while let [byte, after @ ..] = rest {
        let escaped: &[u8] = match (length(rest), byte) {
            (2, _) => b"\\u0085",
            (3, _) if rest[2] == 0xa8 => b"\\u2028",
            (3, _) => b"\\u2029",
            (_, b'\n' | b'\r') => b" ",
            _ => &rest[..1],
        };
        out.extend_from_slice(escaped);
        rest = &after[length(rest).saturating_sub(1)..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_found_and_escaped() {
        for (text, line) in [
            ("a\u{85}b", "a\\u0085b"),
            ("\u{2028}", "\\u2028"),
            ("x\u{2029}\u{2028}", "x\\u2029\\u2028"),
        ] {
            assert!(has_other_line_ends(text.as_bytes()));
            let mut out = Vec::new();
            write_line(text.as_bytes(), &mut out);
            assert_eq!(out, line.as_bytes());
        }
        assert!(has_other_line_ends(b"a\x0b"));
        assert!(!has_other_line_ends("größe … \u{2027} Â \r\n".as_bytes()));
        let mut out = Vec::new();
        write_line("{\r\n\"ö\u{2027}\":1}".as_bytes(), &mut out);
        assert_eq!(out, "{  \"ö\u{2027}\":1}".as_bytes());
    }
}
