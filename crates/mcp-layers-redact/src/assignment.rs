//! Values that stand beside the name of a secret: `password=…`, `"api_key": …`, `--token …`,
//! `<password>…</password>`, `name: DB_PASSWORD, value: …`.

use crate::{
    edits::Edits,
    message::is_common,
    name::{HARMLESS_TOKENS, Kind, classify},
    sanitize::floor,
    value::{ESCAPED_QUOTES, Extent, Value, quoted},
    work::visited,
};

/// Names that may hold the name of a secret, whose value stands in a field beside it.
pub(crate) const NAME_FIELDS: [&str; 8] = [
    "name",
    "key",
    "header",
    "field",
    "variable",
    "param",
    "parameter",
    "env",
];

/// Names of the field beside it.
pub(crate) const VALUE_FIELDS: [&str; 5] = ["value", "val", "content", "values", "default"];

/// What stands between a name and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
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
struct Field<'a> {
    text: &'a str,
    start: usize,
    name: &'a str,
    /// Whether a quotation mark follows the name.
    closed: bool,
    /// Whether blanks follow the link.
    spaced: bool,
    link: Link,
    at: usize,
}

pub(crate) fn redact(text: &str, label: &str) -> Option<String> {
    let mut edits = Edits::new(text);
    let mut from = 0;
    while let Some((start, end)) = next_name(text, from) {
        from = end;
        let Some(field) = Field::find(text, start, end) else {
            continue;
        };
        let Some((value, is_secret)) = field.values() else {
            continue;
        };
        if is_secret {
            let is_number = field.closed
                && field.link == Link::Colon
                && !value.quoted
                && value.as_str().parse::<f64>().is_ok();
            edits.replace(value.start, value.end, if is_number { "0" } else { label });
            from = value.end.max(end);
        }
        // A declared type comes first: `password: str = "…"`.
        if let Some(value) = field.second(&value).filter(|value| value.is_secret(false)) {
            edits.replace(value.start, value.end, label);
            from = value.end;
        }
    }
    edits.finish()
}

impl<'a> Field<'a> {
    fn find(text: &'a str, start: usize, end: usize) -> Option<Self> {
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
        let is_by = name.eq_ignore_ascii_case("by") && before(text, start, "identified ");
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

    /// The value, and whether it is a secret; `None` when the name is not that of one.
    fn values(&self) -> Option<(Value<'a>, bool)> {
        if self.link == Link::Beside && self.name.eq_ignore_ascii_case("by") {
            let value = Value::at(self.text, self.at, Extent::Word);
            return Some((value, value.is_secret(false)));
        }
        let Some(kind) = classify(self.name) else {
            return self.beside().map(|value| (value, value.is_secret(false)));
        };
        if let Some((start, end)) = self.block() {
            let value = Value {
                text: self.text,
                start,
                end,
                quoted: true,
            };
            return Some((value, value.is_secret(false)));
        }
        let value = Value::at(self.text, self.at, self.extent(kind));
        let sentence = self.link == Link::Colon && self.spaced && !self.closed;
        let secret = match self.link {
            Link::Is => is_random(value.as_str()),
            Link::Flag => value.is_secret(false) && (value.quoted || !is_common(value.as_str())),
            _ => value.is_secret(sentence),
        };
        Some((value, secret && self.is_surely(kind, &value)))
    }

    fn extent(&self, kind: Kind) -> Extent {
        let scheme = ["bearer ", "basic ", "token ", "digest "];
        let rest = &self.text[self.at..];
        let is_scheme = || scheme.iter().any(|scheme| starts_with(rest, scheme));
        match self.link {
            Link::Element => Extent::Element,
            Link::Colon | Link::Equals if kind == Kind::Header => {
                let line = !self.closed && (self.link == Link::Colon || is_scheme());
                if line { Extent::Line } else { Extent::Word }
            }
            Link::Colon | Link::Equals if self.spaced && !self.closed && self.begins_line() => {
                Extent::Words
            }
            _ => Extent::Word,
        }
    }

    /// Whether a name with other meanings means a secret here.
    fn is_surely(&self, kind: Kind, value: &Value<'_>) -> bool {
        if matches!(kind, Kind::Strong | Kind::Header) || value.as_str().len() > 300 {
            return true;
        }
        let text = value.as_str();
        let is_number = text.parse::<f64>().is_ok();
        let is_symbol = !text.contains(|c: char| c.is_alphanumeric());
        let before = self.text[..self.start].trim_end_matches([' ', '"', '\'']);
        let before = before
            .rsplit(|c: char| !c.is_alphabetic())
            .next()
            .unwrap_or_default();
        let harmless = HARMLESS_TOKENS
            .iter()
            .any(|word| word.eq_ignore_ascii_case(before));
        if is_symbol || harmless || (is_number && kind == Kind::Weak) {
            return false;
        }
        match self.link {
            Link::Comparison | Link::Is => false,
            Link::Colon if self.closed || value.quoted || kind == Kind::Number && is_number => true,
            Link::Colon if is_random(text) => true,
            Link::Colon => {
                let is_field = self.text[..self.start].ends_with(['{', ' ']);
                !self.spaced && is_field && self.name.starts_with(char::is_uppercase)
            }
            Link::Equals | Link::Flag | Link::Beside | Link::Element => true,
        }
    }

    /// The value in the field beside one whose value is the name of a secret.
    fn beside(&self) -> Option<Value<'a>> {
        let is =
            |names: &[&str], name: &str| names.iter().any(|have| have.eq_ignore_ascii_case(name));
        if !is(&NAME_FIELDS, self.name) {
            return None;
        }
        let extent = if self.link == Link::Element {
            Extent::Element
        } else {
            Extent::Word
        };
        if !matches!(self.link, Link::Element | Link::Colon | Link::Equals) {
            return None;
        }
        let named = Value::at(self.text, self.at, extent);
        if named.as_str().len() > 128
            || !matches!(classify(named.as_str()), Some(Kind::Strong | Kind::Header))
        {
            return None;
        }
        if self.link == Link::Element {
            let rest = &self.text[named.end..];
            let tag = floor(rest, 128)
                .strip_prefix("</")?
                .split_once('>')?
                .1
                .trim_start();
            let open = tag.strip_prefix('<')?.find('>')?;
            let at = named.end + floor(rest, 128).len() - tag.len() + open + 2;
            return Some(Value::at(self.text, at, Extent::Element));
        }
        let (start, end) = next_name(self.text, named.end)?;
        if start - named.end > 48 || !is(&VALUE_FIELDS, &self.text[start..end]) {
            return None;
        }
        let field = Field::find(self.text, start, end)?;
        matches!(field.link, Link::Colon | Link::Equals)
            .then(|| Value::at(self.text, field.at, Extent::Word))
    }

    /// The value behind a declared type.
    fn second(&self, first: &Value<'a>) -> Option<Value<'a>> {
        if self.link != Link::Colon || first.quoted {
            return None;
        }
        let mut depth = 0;
        let is_type = |byte: &u8| {
            depth += i32::from(*byte == b'<') - i32::from(*byte == b'>');
            byte.is_ascii_alphanumeric()
                || b"&*'<>[]_:,.|?".contains(byte)
                || (depth > 0 && *byte == b' ')
        };
        let end = first.end
            + self.text[first.end..]
                .bytes()
                .take(48)
                .take_while(is_type)
                .count();
        let at = blanks(self.text, end, 2);
        let rest = self.text[at..].strip_prefix('=')?;
        let at = blanks(self.text, at + 1, 4);
        (!rest.starts_with(['=', '>', '~'])).then(|| Value::at(self.text, at, Extent::Word))
    }

    /// The lines below a name in YAML: a block of text, or a list.
    fn block(&self) -> Option<(usize, usize)> {
        if self.link != Link::Colon {
            return None;
        }
        let head = floor(&self.text[self.at..], 16);
        let (first, _) = head
            .split_once('\n')
            .or_else(|| head.ends_with('|').then_some((head, "")))?;
        let is_text = matches!(first.trim(), "|" | "|-" | "|+" | ">" | ">-" | ">+");
        let below = self.at + first.len() + 1;
        if !is_text && !first.trim().is_empty() || below >= self.text.len() {
            return None;
        }
        let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
        let line_start = self.text[..self.start].rfind('\n').map_or(0, |at| at + 1);
        let own = indent(&self.text[line_start..self.start]);
        let mut end = below;
        // The beginning of the line is looked for no further than its end is.
        for line in self.text[below..].split_inclusive('\n') {
            let (deep, item) = (indent(line), line.trim_start().starts_with("- "));
            let belongs = if is_text {
                deep > own || line.trim().is_empty()
            } else {
                item && deep >= own
            };
            if !belongs {
                break;
            }
            end += line.len();
        }
        let lines = &self.text[below..end];
        let start = below + indent(lines);
        let end = below + lines.trim_end().len();
        (end > start).then_some((start, end))
    }

    fn begins_line(&self) -> bool {
        let before = self.text[..self.start].bytes().rev().take(32);
        let mut before = before.skip_while(|byte| b" \t-*#>\"'".contains(byte));
        before.next().is_none_or(|byte| byte == b'\n')
    }
}

/// The next run of letters, digits, `_`, `-`, `.` and `$`.
fn next_name(text: &str, from: usize) -> Option<(usize, usize)> {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '$');
    let start = from + text[from..].find(part)?;
    let end = text[start..]
        .find(|c| !part(c))
        .map_or(text.len(), |end| start + end);
    visited(end - from);
    Some((start, end))
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

/// Where the value begins of an element `<password …>`.
fn element(text: &str, start: usize, end: usize) -> Option<usize> {
    let before = &text[..start];
    let is_open = before.ends_with('<') || {
        let tail = before.strip_suffix(':')?.bytes().rev().take(32);
        let mut tail = tail.skip_while(u8::is_ascii_alphanumeric);
        tail.next() == Some(b'<')
    };
    let rest = floor(&text[end..], 256);
    let close = rest.find('>')?;
    let inside = &rest[..close];
    let is_start = inside.is_empty() || inside.starts_with([' ', '\n', '\t']);
    (is_open && is_start && !inside.ends_with('/') && !inside.contains('<'))
        .then_some(end + close + 1)
}

/// Behind the quotation mark at `at`, escaped or not; whether there is one.
fn after_quote(text: &str, at: usize) -> (usize, bool) {
    let rest = &text[at..];
    if let Some(mark) = ESCAPED_QUOTES.iter().find(|mark| rest.starts_with(**mark)) {
        return (at + mark.len(), true);
    }
    let escapes = rest
        .bytes()
        .take(16)
        .take_while(|byte| *byte == b'\\')
        .count();
    match rest[escapes..].chars().next() {
        Some(quote @ ('"' | '\'' | '`' | '”' | '’' | '“' | '»')) => {
            (at + escapes + quote.len_utf8(), true)
        }
        _ => (at, false),
    }
}

fn before_quote(text: &str, start: usize) -> &str {
    let before = text[..start].strip_suffix(['"', '\'']).unwrap_or_default();
    let escapes = before
        .bytes()
        .rev()
        .take(16)
        .take_while(|byte| *byte == b'\\')
        .count();
    &before[..before.len() - escapes]
}

fn skip(text: &str, at: usize, marks: &[&str]) -> usize {
    let mark = marks.iter().find(|mark| text[at..].starts_with(**mark));
    at + mark.map_or(0, |mark| mark.len())
}

fn blanks(text: &str, at: usize, max: usize) -> usize {
    at + text[at..]
        .bytes()
        .take(max)
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count()
}

fn is_password(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["password", "passwd", "passphrase", "passcode"]
        .iter()
        .any(|word| name.ends_with(word))
}

/// Whether the text before `at` ends with these words, in any case.
fn before(text: &str, at: usize, words: &str) -> bool {
    let before = &text.as_bytes()[..at];
    before.len() >= words.len()
        && before[before.len() - words.len()..].eq_ignore_ascii_case(words.as_bytes())
}

fn starts_with(text: &str, words: &str) -> bool {
    text.as_bytes()
        .get(..words.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(words.as_bytes()))
}

/// Whether a word mixes letters and digits as no word of a language does.
fn is_random(word: &str) -> bool {
    let has = |test: fn(&char) -> bool| word.chars().any(|c| test(&c));
    word.len() >= 6
        && !word.contains("://")
        && has(char::is_ascii_digit)
        && has(char::is_ascii_alphabetic)
}
