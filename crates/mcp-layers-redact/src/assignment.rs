//! Values that stand beside the name of a secret: `password=…`, `"api_key": …`, `--token …`,
//! `<password>…</password>`, `name: DB_PASSWORD, value: …`.

use crate::{
    edits::Edits,
    field::{Field, Link, blanks, next_name},
    message::is_common,
    name::{HARMLESS_TOKENS, Kind, NAME_FIELDS, VALUE_FIELDS, among, classify},
    sanitize::floor,
    scan::begins,
    value::{Extent, Value},
};

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
        let schemes = ["bearer ", "basic ", "token ", "digest "];
        let rest = &self.text[self.at..];
        let is_scheme = || schemes.iter().any(|scheme| begins(rest, scheme));
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

    /// Returns whether a name with other meanings means a secret here.
    fn is_surely(&self, kind: Kind, value: &Value<'_>) -> bool {
        if matches!(kind, Kind::Strong | Kind::Header) || value.as_str().len() > 300 {
            return true;
        }
        let text = value.as_str();
        let is_number = text.parse::<f64>().is_ok();
        let is_symbol = !text.contains(|c: char| c.is_alphanumeric());
        let before = self.text[..self.start].trim_end_matches([' ', '"', '\'']);
        let before = before.rsplit(|c: char| !c.is_alphabetic()).next();
        let harmless = before.is_some_and(|word| among(HARMLESS_TOKENS, word));
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
        if !among(NAME_FIELDS, self.name) {
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
        if start - named.end > 48 || !among(VALUE_FIELDS, &self.text[start..end]) {
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

/// Returns whether a word mixes letters and digits as no word of a language does.
fn is_random(word: &str) -> bool {
    let has = |test: fn(&char) -> bool| word.chars().any(|c| test(&c));
    word.len() >= 6
        && !word.contains("://")
        && has(char::is_ascii_digit)
        && has(char::is_ascii_alphabetic)
}
