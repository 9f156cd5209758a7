//! A name in a text, and the place of the value that belongs to it.

use crate::{
    quote::{ESCAPED_QUOTES, quoted},
    sanitize::floor,
    scan::{ends, next_run, run, run_back},
};

/// The link between a name and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    Colon,
    Equals,
    Comparison,
    /// The argument after a flag of a command.
    Flag,
    /// A quoted value after a space, or a second element.
    Beside,
    /// Random letters after `is`.
    Is,
    Element,
}

/// A name with its value's place.
pub(crate) struct Field<'a> {
    pub(crate) text: &'a str,
    pub(crate) start: usize,
    pub(crate) name: &'a str,
    /// True if a quotation mark follows the name.
    pub(crate) closed: bool,
    /// True if blanks follow the link.
    pub(crate) spaced: bool,
    pub(crate) link: Link,
    pub(crate) at: usize,
}

impl<'a> Field<'a> {
    pub(crate) fn find(text: &'a str, start: usize, end: usize) -> Option<Self> {
        let name = &text[start..end];
        let (after, closed) = after_quote(text, end);
        let after = skip(text, after, &["]", "%5D", "%5d"]);
        let blank = blanks(text, after, 4);
        let field = |link, at: usize| {
            let value = blanks(text, at, 8);
            Some(Self {
                text,
                start,
                name,
                closed,
                spaced: value > at,
                link,
                at: value,
            })
        };
        if let Some((link, length)) = link(&text[blank..]) {
            return field(link, blank + length);
        }
        if let Some(at) = element(text, start, end) {
            return Some(Self {
                text,
                start,
                name,
                closed,
                spaced: false,
                link: Link::Element,
                at,
            });
        }
        let rest = &text[after..];
        if name.starts_with("--") || name == "-pw" {
            let next = blanks(text, skip(text, after, &[","]), 4);
            let is_value =
                next > after && !text[next..].starts_with(['-', '<', '[', '(', '|', '.', ',']);
            return is_value.then(|| field(Link::Flag, next)).flatten();
        }
        let is_pair =
            closed && rest.starts_with(',') && before_quote(text, start).ends_with(['(', '[']);
        if is_pair {
            let next = blanks(text, after + 1, 4);
            let (_, end) = quoted(text, next)?;
            let ends = after_quote(text, end).0;
            let is_two = text[ends..]
                .trim_start_matches([' ', ','])
                .starts_with([')', ']']);
            let letters = text[next..end]
                .chars()
                .all(|c| c.is_lowercase() || matches!(c, '"' | '\'' | '_' | '-'));
            return (is_two && !letters)
                .then(|| field(Link::Beside, next))
                .flatten();
        }
        if closed || after == blank {
            return None;
        }
        let is_by = name.eq_ignore_ascii_case("by") && ends(&text[..start], "identified ");
        if (is_by || is_password(name)) && quoted(text, blank).is_some() {
            return field(Link::Beside, blank);
        }
        let says = ["is ", "was ", "is: ", "of "]
            .iter()
            .find(|says| text[blank..].starts_with(**says))?;
        is_password(name)
            .then(|| field(Link::Is, blank + says.len()))
            .flatten()
    }
}

/// The next run of letters, digits, `_`, `-`, `.` and `$`.
pub(crate) fn next_name(text: &str, from: usize) -> Option<(usize, usize)> {
    next_run(text, from, |c| {
        c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '$')
    })
}

fn link(rest: &str) -> Option<(Link, usize)> {
    const LINKS: [(&str, Link); 12] = [
        ("::", Link::Comparison),
        (":=", Link::Equals),
        ("?:", Link::Colon),
        ("===", Link::Comparison),
        ("==", Link::Comparison),
        ("=>", Link::Equals),
        ("=~", Link::Comparison),
        ("=", Link::Equals),
        (":", Link::Colon),
        ("%3D", Link::Equals),
        ("%3d", Link::Equals),
        ("%3A", Link::Colon),
    ];
    let (text, link) = LINKS.iter().find(|(text, _)| rest.starts_with(text))?;
    (*text != "::" && *text != "=~").then_some((*link, text.len()))
}

/// Returns where the value begins of an element `<password …>`.
fn element(text: &str, start: usize, end: usize) -> Option<usize> {
    let before = &text[..start];
    let is_open = before.ends_with('<') || {
        let tail = before.strip_suffix(':')?.bytes().rev().take(32);
        let mut tail = tail.skip_while(u8::is_ascii_alphanumeric);
        tail.next() == Some(b'<')
    };
    if !is_open {
        return None;
    }
    let rest = floor(&text[end..], 256);
    let close = rest.find('>')?;
    let inside = &rest[..close];
    let is_start = inside.is_empty() || inside.starts_with([' ', '\n', '\t']);
    (is_start && !inside.ends_with('/') && !inside.contains('<')).then_some(end + close + 1)
}

/// Behind the quotation mark at `at`, escaped or not; whether there is one.
fn after_quote(text: &str, at: usize) -> (usize, bool) {
    let rest = &text[at..];
    if let Some(mark) = ESCAPED_QUOTES.iter().find(|mark| rest.starts_with(**mark)) {
        return (at + mark.len(), true);
    }
    let escapes = run(rest, 16, |byte| byte == b'\\');
    match rest[escapes..].chars().next() {
        Some(quote @ ('"' | '\'' | '`' | '”' | '’' | '“' | '»')) => {
            (at + escapes + quote.len_utf8(), true)
        }
        _ => (at, false),
    }
}

fn before_quote(text: &str, start: usize) -> &str {
    let before = text[..start].strip_suffix(['"', '\'']).unwrap_or_default();
    &before[..before.len() - run_back(before, 16, |byte| byte == b'\\')]
}

fn skip(text: &str, at: usize, marks: &[&str]) -> usize {
    let mark = marks.iter().find(|mark| text[at..].starts_with(**mark));
    at + mark.map_or(0, |mark| mark.len())
}

pub(crate) fn blanks(text: &str, at: usize, max: usize) -> usize {
    at + run(&text[at..], max, |byte| matches!(byte, b' ' | b'\t'))
}

fn is_password(name: &str) -> bool {
    let mut words = ["password", "passwd", "passphrase", "passcode"].iter();
    words.any(|word| ends(name, word))
}
