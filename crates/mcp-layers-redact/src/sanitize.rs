//! Texts without anything that a terminal, a log or a model would read as more than text.

use std::borrow::Cow;

/// The mark at the end of a text that was cut.
const CUT: char = '…';

/// Treatment of line breaks and tabs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lines {
    /// Become spaces, for messages of one line.
    Joined,
    /// Stay.
    Kept,
}

/// Returns the text without terminal sequences, control characters and characters that do not show,
/// cut to `max` bytes at the boundary of a character, with `…` at the end where it was cut. It only
/// gets shorter.
#[must_use]
pub fn sanitize(text: &str, max: usize, lines: Lines) -> Cow<'_, str> {
    let cut = cut(text, max);
    if is_clean(&cut, lines) {
        cut
    } else {
        Cow::Owned(strip(&cut, lines))
    }
}

/// Returns whether there is nothing to take out.
pub(crate) fn is_clean(text: &str, lines: Lines) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        || !text.chars().any(|c| is_hidden(c) && !stays(c, lines))
}

/// Returns the text, cut to `max` bytes at the boundary of a character, with `…` at the end where it was
/// cut.
#[must_use]
pub fn cut(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max {
        return Cow::Borrowed(text);
    }
    let kept = floor(text, max.saturating_sub(CUT.len_utf8()));
    if max >= CUT.len_utf8() {
        Cow::Owned(format!("{kept}{CUT}"))
    } else {
        Cow::Borrowed(kept)
    }
}

/// At most so many bytes from the beginning of the text.
pub(crate) fn floor(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

fn stays(c: char, lines: Lines) -> bool {
    lines == Lines::Kept && matches!(c, '\n' | '\t')
}

/// Control characters (general category Cc), line and paragraph separators, those that change the
/// direction of text, and those that Unicode lets a font ignore (`Default_Ignorable_Code_Point`),
/// such as the tags and variation selectors with which a text can be hidden in another.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

pub(crate) fn strip(text: &str, lines: Lines) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = match c {
            '\u{1b}' => after_sequence(after),
            '\u{9b}' => after_control_sequence(after),
            '\r' if after.starts_with('\n') => after,
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => {
                out.push(if lines == Lines::Kept { '\n' } else { ' ' });
                after
            }
            '\t' => {
                out.push(if lines == Lines::Kept { '\t' } else { ' ' });
                after
            }
            c if is_hidden(c) => after,
            c => {
                out.push(c);
                after
            }
        };
    }
    out
}

/// Returns the text behind the sequence that ESC began (ECMA-48, section 5).
fn after_sequence(rest: &str) -> &str {
    match rest.as_bytes().first() {
        Some(b'[') => after_control_sequence(&rest[1..]),
        // A string up to BEL or ST: a title, a link. Without its end it is text.
        Some(b']' | b'P' | b'^' | b'_' | b'X') => {
            let body = &rest[1..];
            match body.find(char::is_control).map(|end| body.split_at(end).1) {
                Some(end) if end.starts_with('\u{7}') => &end[1..],
                Some(end) if end.starts_with("\u{1b}\\") => &end[2..],
                Some(end) if end.starts_with('\u{9c}') => &end['\u{9c}'.len_utf8()..],
                _ => body,
            }
        }
        _ => rest,
    }
}

/// Returns the text behind parameters, intermediate bytes and a final byte; without the last, all
/// is text.
fn after_control_sequence(rest: &str) -> &str {
    let end = rest
        .bytes()
        .position(|byte| !matches!(byte, b' '..=b'?'))
        .filter(|end| matches!(rest.as_bytes()[*end], b'@'..=b'~'));
    end.map_or(rest, |end| &rest[end + 1..])
}

#[cfg(test)]
#[path = "../tests/unit/sanitize.rs"]
mod tests;
