//! The extent of a value, and whether it holds a secret.

use crate::{
    message::{MAX_MESSAGE, begins_sentence, is_message},
    name::among,
    quote::quoted,
    sanitize::floor,
    scan::run,
    work::visited,
};

/// A value in a text, without its quotes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value<'a> {
    pub(crate) text: &'a str,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) quoted: bool,
}

/// Returns where an unquoted value ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// After one word.
    Word,
    /// With the line, unless another field or a clause follows.
    Words,
    /// With the line.
    Line,
    /// With the XML element.
    Element,
}

impl<'a> Value<'a> {
    /// The value at `from`: in quotes, in brackets, behind a constructor, or plain.
    pub(crate) fn at(text: &'a str, from: usize, extent: Extent) -> Self {
        let rest = &text[from..];
        let marked = if extent == Extent::Element {
            let cdata = rest.starts_with("<![CDATA[");
            let (mark, stop) = if cdata { (9, "]]>") } else { (0, "<") };
            let end = rest[mark..].find(stop);
            let end = end.map_or(text.len(), |end| from + mark + end);
            Some((from + mark, end))
        } else {
            quoted(text, from)
        };
        let (start, end) = marked.unwrap_or_else(|| match extent {
            Extent::Line if !starts_group(rest) => (from, line(text, from)),
            _ => (from, unquoted(text, from, extent == Extent::Words)),
        });
        visited(end - from);
        Self {
            text,
            start,
            end,
            quoted: marked.is_some(),
        }
    }

    pub(crate) fn as_str(&self) -> &'a str {
        &self.text[self.start..self.end]
    }

    /// Returns whether there is something to hide. `sentence`: whether the value may be the
    /// beginning of one.
    pub(crate) fn is_secret(&self, sentence: bool) -> bool {
        let value = self.as_str();
        if value.len() > MAX_MESSAGE {
            return true;
        }
        if is_nothing(value) || is_message(value) {
            return false;
        }
        if self.quoted || !sentence {
            return true;
        }
        let line = floor(&self.text[self.start..], MAX_MESSAGE);
        let line = line.split(['\n', '\r']).next().unwrap_or_default();
        !begins_sentence(line)
    }
}

/// Returns whether the value is empty, a constant, a reference to a variable or a placeholder.
pub(crate) fn is_nothing(value: &str) -> bool {
    const CONSTANTS: &str = "null none nil undefined true false sensitive redacted masked hidden \
        filtered ? %s %v %d ~ option";
    const LABELS: &str = "secret token key redacted masked hidden filtered removed path address \
         email random";
    let value = value.trim();
    if value.len() > 128 {
        return false;
    }
    let word = value.trim_end_matches(['.', ',', ')', '}', ']']);
    if value.is_empty() || word.is_empty() || among(CONSTANTS, word) {
        return true;
    }
    let mut chars = value.chars();
    let first = chars.next();
    let is_mask = matches!(first, Some('*' | '•' | 'x' | 'X' | '#' | '.' | '-'));
    if is_mask && value.len() >= 3 && chars.all(|c| Some(c) == first) {
        return true;
    }
    let inner = |open: &str, close: &str| value.strip_prefix(open)?.strip_suffix(close);
    if let Some(inside) = inner("[", "]") {
        return inside.trim().is_empty()
            || inside == "stack trace"
            || among(LABELS, inside)
            || is_nothing(inside);
    }
    // `<password>`, `${PASSWORD}`, `{{ password }}`, `%PASSWORD%`, `$PASSWORD`, `$1`
    let is_name = |text: &str| {
        let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
        !text.is_empty() && text.chars().all(part)
    };
    let is_variable = |text: &str| {
        let part = |byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_');
        !text.is_empty() && text.bytes().all(part)
    };
    inner("${", "}").is_some_and(is_name)
        || inner("{{", "}}").is_some_and(is_name)
        || inner("<", ">").is_some_and(is_name)
        || inner("%", "%").is_some_and(is_variable)
        || value.strip_prefix('$').is_some_and(is_variable)
        || inner("{", "}").is_some_and(|inside| inside.trim().is_empty())
        || call(value).is_some_and(|inside| is_nothing(inside) || is_message(inside))
}

/// The argument of `Some(…)`, `SecretStr('…')` or `read()`, without its quotes.
fn call(value: &str) -> Option<&str> {
    let open = constructor(value)?;
    let close = match value.as_bytes()[open] {
        b'(' => ')',
        b'[' => ']',
        _ => '}',
    };
    let inside = value[open + 1..].strip_suffix(close)?;
    // A password may end in brackets; the name of a function has no digits.
    if value[..open].bytes().any(|byte| byte.is_ascii_digit()) && inside.is_empty() {
        return None;
    }
    Some(inside.trim_matches(['"', '\'']))
}

fn starts_group(rest: &str) -> bool {
    rest.starts_with(['[', '{', '(']) || constructor(rest).is_some()
}

/// Returns where the bracket stands in `Some(`, `String::from(`, `Optional[`, `[]byte{`.
fn constructor(rest: &str) -> Option<usize> {
    let signs = run(rest, 2, |byte| b"&*".contains(&byte));
    let part = |byte: u8| byte.is_ascii_alphanumeric() || b"_:.".contains(&byte);
    let end = signs + run(&rest[signs..], 64, part);
    let is_name = rest[signs..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (is_name && rest[end..].starts_with(['(', '[', '{'])).then_some(end)
}

/// Returns where the line ends, or the quoted text that it stands in. Parameters such as
/// `realm="…"` belong to it.
fn line(text: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(found) = text[at..].find(['\n', '\r', '"', '\'']) {
        at += found;
        let is_parameter = text[at..].starts_with('"') && at > from && text[..at].ends_with('=');
        match quoted(text, at).filter(|_| is_parameter) {
            Some((_, end)) if end < text.len() => at = end + 1,
            _ => return at,
        }
    }
    text.len()
}

/// Returns where an unquoted value ends.
fn unquoted(text: &str, from: usize, words: bool) -> usize {
    let mut at = from;
    // Groups belong to the value as a whole: `Some(…)`, `[…]`, `[]byte{…}`, `(*T)(…)`, `${…}`.
    loop {
        let rest = &text[at..];
        let open = match rest.as_bytes() {
            [b'(' | b'[' | b'{', ..] => Some(0),
            [b'$', b'(' | b'{', ..] => Some(1),
            _ => constructor(rest),
        };
        let Some(open) = open else { break };
        at = group(text, at + open);
    }
    // `string(7) "…"`, as PHP dumps it.
    if at > from && text[at..].starts_with(" \"") {
        return quoted(text, at + 1).map_or(at, |(_, end)| text.len().min(end + 1));
    }
    let mut chars = text[at..].char_indices().peekable();
    let mut blank = false;
    while let Some((offset, c)) = chars.next() {
        let was_blank = std::mem::replace(&mut blank, matches!(c, ' ' | '\t'));
        let next = chars.peek().map(|(_, next)| *next);
        let ends = match c {
            ',' => {
                next.is_none_or(char::is_whitespace)
                    || (words && starts_field(&text[at + offset + 1..]))
            }
            ')' | ']' | '}' => {
                next.is_none_or(|next| next.is_whitespace() || ".,;:)]}\"'`<>|".contains(next))
            }
            ';' | '&' | '"' | '\'' | '`' | '<' | '>' => true,
            '\\' => matches!(next, Some('"' | '\'' | 'n' | 'r' | 't')),
            '%' => text[at + offset..].starts_with("%26"),
            ' ' | '\t' => !words || (!was_blank && is_last_word(&text[at + offset..])),
            c => c.is_whitespace(),
        };
        if ends {
            return at + offset;
        }
    }
    text.len()
}

/// Returns whether what follows a space is no part of the value: nothing, a comment, a flag,
/// another field.
fn is_last_word(rest: &str) -> bool {
    let rest = rest.trim_start_matches([' ', '\t']);
    rest.is_empty()
        || rest.starts_with(['\n', '\r', '#', '-', '(', '[', '{', '|', '/', '='])
        || starts_field(rest)
}

fn starts_field(rest: &str) -> bool {
    let rest = rest.trim_start_matches([' ', '"', '\'']);
    let part = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let end = run(rest, 64, part);
    end > 0
        && rest[end..]
            .trim_start_matches(['"', '\'', ' '])
            .starts_with([':', '='])
}

/// Returns where the bracket at `from` is closed; the end of the text when it never is.
fn group(text: &str, from: usize) -> usize {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0_usize, from);
    while let Some(byte) = bytes.get(at) {
        let glued = at > 0 && bytes[at - 1].is_ascii_alphanumeric();
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            b'\\' | b'"' | b'`' => at = after_quote(text, at),
            b'\'' if !glued => at = after_quote(text, at),
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// The last byte of the quoted text at `at`, or `at` without one.
fn after_quote(text: &str, at: usize) -> usize {
    let escapes = run(&text[at..], usize::MAX, |byte| byte == b'\\');
    quoted(text, at).map_or(at + escapes.saturating_sub(1), |(_, end)| end + escapes)
}

#[cfg(test)]
#[path = "../tests/unit/value.rs"]
mod tests;
