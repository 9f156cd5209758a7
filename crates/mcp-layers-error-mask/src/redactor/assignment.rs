//! Values beside a name that says that they are secret.

use std::sync::LazyLock;

use regex::Regex;

use super::pattern::compile;

const PLACEHOLDER: &str = "[secret]";

/// A name, what may stand behind it, and what assigns. The value is read by hand, so that one
/// without an end takes no second look.
static NAME: LazyLock<Regex> = LazyLock::new(|| {
    compile(concat!(
        r"(?i-u)(?:(?P<line>(?:proxy-)?authorization|(?:set-)?cookie)",
        r"|(?P<strong>passw(?:or)?d|passwort|passphrase|pwd|secret|api[_-]?key|credentials?",
        r"|(?:access|account|private|shared|signing|encryption|master|client|service|storage|license)[_-]?key",
        r"|(?:auth|access|refresh|id|session|bearer|csrf|api|security|bot|user|oauth|sas|personal)[_-]?token)",
        r"|(?P<weak>token|pass|passcode|auth|signature|sig|otp|pin|session[_-]?id|sessid))",
        r#"(?P<rest>[a-z0-9_-]{0,32})(?P<quote>[\\]{0,3}["'])?\s{0,4}(?P<assign>:=|=>|==?|:)[ \t]{0,8}"#,
    ))
});

/// What follows `password:` in a sentence about passwords.
const WORDS: [&str; 40] = [
    "a",
    "an",
    "and",
    "are",
    "at",
    "can",
    "cannot",
    "cant",
    "contains",
    "does",
    "empty",
    "expected",
    "field",
    "has",
    "incorrect",
    "invalid",
    "is",
    "it",
    "length",
    "may",
    "minimum",
    "missing",
    "must",
    "no",
    "not",
    "of",
    "or",
    "please",
    "required",
    "requires",
    "should",
    "the",
    "this",
    "too",
    "unknown",
    "unsupported",
    "use",
    "value",
    "was",
    "wrong",
];

/// What is no secret whatever its name.
const NOTHING: [&str; 7] = [
    "null",
    "none",
    "nil",
    "undefined",
    "true",
    "false",
    "[secret]",
];

/// Whether a key of JSON says that its value is secret.
pub(crate) fn is_sensitive_key(key: &str) -> bool {
    // As an assignment in JSON, so that there is one list of names.
    key.len() <= 128 && is_assigned_secret(&format!("\"{key}\":"))
}

fn is_assigned_secret(text: &str) -> bool {
    NAME.captures_iter(text)
        .any(|found| is_secret(&found, text))
}

/// Whether the name is one of a secret where it stands.
fn is_secret(found: &regex::Captures<'_>, text: &str) -> bool {
    let before = found
        .get(0)
        .and_then(|all| text.get(..all.start()))
        .and_then(|before| before.chars().next_back());
    let joined = before.is_some_and(|c| c.is_ascii_alphanumeric());
    let compound =
        before.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let rest = found.name("rest").map_or("", |rest| rest.as_str());
    if found.name("line").is_some() {
        return rest.is_empty();
    }
    if found.name("strong").is_some() {
        return true;
    }
    // A weak name is a whole word, with a quote or an equals sign behind it.
    let assigns = found.name("quote").is_some()
        || found
            .name("assign")
            .is_some_and(|assign| assign.as_str() != ":");
    let is_token = found
        .name("weak")
        .is_some_and(|weak| weak.as_str().eq_ignore_ascii_case("token"));
    rest.is_empty() && ((assigns && !joined) || (is_token && compound))
}

pub(super) fn redact(text: &str) -> Option<String> {
    let mut out = String::new();
    let (mut copied, mut from) = (0, 0);
    while let Some(found) = NAME.captures_at(text, from) {
        let Some(all) = found.get(0) else { break };
        from = all.end();
        if !is_secret(&found, text) {
            continue;
        }
        let assign = found.name("assign").map_or("", |assign| assign.as_str());
        let value = Value::at(text, all.end(), found.name("line").is_some());
        from = value.end.max(all.end());
        if value.is_nothing(assign == ":") {
            continue;
        }
        out.push_str(&text[copied..value.start]);
        out.push_str(PLACEHOLDER);
        copied = value.end;
    }
    (copied > 0).then(|| {
        out.push_str(&text[copied..]);
        out
    })
}

/// Where a value stands, without its quotes.
struct Value<'a> {
    text: &'a str,
    start: usize,
    end: usize,
    quoted: bool,
}

impl<'a> Value<'a> {
    fn at(text: &'a str, from: usize, line: bool) -> Self {
        let rest = &text[from..];
        let escapes = rest
            .bytes()
            .take_while(|byte| *byte == b'\\')
            .count()
            .min(3);
        let quote = rest[escapes..].chars().next();
        if let Some(quote @ ('"' | '\'' | '`')) = quote {
            // The same quote, escaped as the first one was.
            let mark = &rest[..=escapes];
            let body = &rest[escapes + 1..];
            let start = from + escapes + 1;
            let end = closing(body, mark, quote);
            return Self {
                text,
                start,
                end: start + end,
                quoted: true,
            };
        }
        let end = if line {
            rest.find(['\n', '\r', '"', '\'']).unwrap_or(rest.len())
        } else {
            unquoted(rest)
        };
        Self {
            text,
            start: from,
            end: from + end,
            quoted: false,
        }
    }

    /// Whether there is nothing to hide: no value, or the next word of a sentence.
    fn is_nothing(&self, in_a_sentence: bool) -> bool {
        let value = &self.text[self.start..self.end];
        let word = value.trim_end_matches(['.', ',', ')', '}', ']']);
        let is = |words: &[&str]| words.iter().any(|have| word.eq_ignore_ascii_case(have));
        let spaced = self.text[..self.start].ends_with(' ');
        value.is_empty()
            || value == PLACEHOLDER
            || is(&NOTHING)
            || (in_a_sentence && spaced && !self.quoted && is(&WORDS))
    }
}

/// Where the quote ends that began with `mark`: at the same mark, or with the text.
fn closing(body: &str, mark: &str, quote: char) -> usize {
    let mut from = 0;
    while let Some(found) = body[from..].find(quote) {
        let at = from + found;
        let escapes = body[..at]
            .bytes()
            .rev()
            .take_while(|byte| *byte == b'\\')
            .count();
        if escapes < mark.len() {
            return at - escapes.min(mark.len() - 1);
        }
        // An escaped quote belongs to the value.
        from = at + quote.len_utf8();
    }
    body.len()
}

/// Where a value without quotes ends. A comma belongs to it unless a space follows.
fn unquoted(rest: &str) -> usize {
    let mut chars = rest.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let ends = match c {
            ',' => chars.peek().is_none_or(|(_, next)| next.is_whitespace()),
            ';' | '&' | '"' | '\'' | '`' | '<' | '>' => true,
            c => c.is_whitespace(),
        };
        if ends {
            return at;
        }
    }
    rest.len()
}
