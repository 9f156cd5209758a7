//! The frames of stack traces, line by line.

use std::sync::LazyLock;

use regex::Regex;

use crate::token::compile;

const PLACEHOLDER: &str = "[stack trace]";

static FRAME: LazyLock<Regex> = LazyLock::new(|| {
    compile(concat!(
        r"^[ \t]*(?:",
        // Java, JavaScript, .NET; the second line of a frame of Rust.
        r"at [^ ].*(?:\(|:[0-9]+)",
        // Rust, with and without an address.
        r"|[0-9]+: +(?:0x[0-9a-f]+ - )?[A-Za-z_<{].*",
        r"|stack backtrace:|thread '.*' (?:\([0-9]+\) )?panicked at |note: run with `RUST_BACKTRACE",
        // Python
        r#"|Traceback \(most recent call last\):|File ".*", line [0-9]+"#,
        // Go
        r"|goroutine [0-9]+ \[|.*\+0x[0-9a-f]+$",
        // C and C++ by their debuggers, Ruby
        r"|#[0-9]+ +(?:0x[0-9a-f]+ )?[A-Za-z_].*[(:]|from .*:[0-9]+:in |\.\.\. [0-9]+ more",
        r")",
    ))
});

/// Frames that follow one another, with the indented lines of source between them, become one
/// word. A text of one line has no stack trace.
pub(super) fn redact(text: &str) -> Option<String> {
    if !text.contains('\n') && !FRAME.is_match(text) {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let (mut inside, mut found) = (false, false);
    for line in text.split_inclusive('\n') {
        let body = line.trim_end();
        let continues = inside && (body.is_empty() || body.starts_with(['\t', ' ']));
        if FRAME.is_match(body) || (continues && !body.is_empty()) {
            if !inside {
                out.push_str(PLACEHOLDER);
                out.push('\n');
            }
            (inside, found) = (true, true);
        } else {
            inside = continues && body.is_empty() && inside;
            if !inside {
                out.push_str(line);
            }
        }
    }
    if !text.ends_with('\n') && out.ends_with('\n') {
        out.pop();
    }
    found.then_some(out)
}
