//! What looks like a secret is taken out of the values that are recorded. One pass over the text.

use std::borrow::Cow;

use crate::text::floor;

/// What stands in the place of a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// Parts of names whose values are secrets, in lower case, without `_` and `-`.
const SECRET_NAMES: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "authorization",
    "cookie",
    "credential",
    "sessionid",
];

/// How tokens of well-known issuers begin.
const SECRET_PREFIXES: [&str; 13] = [
    "sk-",
    "sk_live_",
    "sk_test_",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "AKIA",
    "AIza",
    "eyJ",
];

/// From this length on, a word of letters and digits that looks random is a secret.
const RANDOM_LENGTH: usize = 32;

/// Whether the value of a field with this name is a secret.
pub(crate) fn is_secret_name(name: &str) -> bool {
    if name.len() > 256 {
        return false;
    }
    let plain: String = name
        .chars()
        .filter(|letter| !matches!(letter, '_' | '-' | ' '))
        .flat_map(char::to_lowercase)
        .collect();
    SECRET_NAMES.iter().any(|secret| plain.contains(secret))
}

/// The text without what looks like a secret in it: values after names such as `password=` or
/// `Authorization: Bearer`, tokens with well-known beginnings, private keys, passwords inside urls,
/// and long words that look random.
pub(crate) fn redact(text: &str) -> Cow<'_, str> {
    let text = match text.find("-----BEGIN ") {
        Some(begin) => Cow::Owned(format!("{}{REDACTED}", &text[..begin])),
        None => Cow::Borrowed(text),
    };
    let mut out: Option<String> = None;
    let mut kept = 0;
    let mut after_name = false;
    let (mut authority, mut end) = (None, 0);
    for (start, word) in words(&text) {
        if text
            .get(end..start)
            .is_some_and(|apart| apart.ends_with("://"))
        {
            authority = Some(start);
        }
        end = start + word.len();
        let named = after_name && !matches!(word, "is" | "was");
        let scheme = ["bearer", "basic"]
            .iter()
            .any(|scheme| word.eq_ignore_ascii_case(scheme));
        let userinfo = authority.is_some_and(|from| is_userinfo(&text, from, end));
        if !scheme && word != "redacted" && (named || userinfo || looks_secret(word)) {
            let out = out.get_or_insert_default();
            out.push_str(text.get(kept..start).unwrap_or_default());
            out.push_str(REDACTED);
            kept = start + word.len();
        }
        let rest = text.get(start + word.len()..).unwrap_or_default();
        let rest = rest.trim_start_matches(['"', '\'', ' ']);
        after_name = scheme || (is_secret_name(word) && rest.starts_with(['=', ':']));
    }
    match out {
        Some(mut out) => {
            out.push_str(text.get(kept..).unwrap_or_default());
            Cow::Owned(out)
        }
        None => text,
    }
}

/// The words of a text, and where each begins.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let apart = |letter: char| {
        letter.is_whitespace()
            || letter.is_control()
            || matches!(
                letter,
                '"' | '\''
                    | '`'
                    | ','
                    | ';'
                    | ':'
                    | '='
                    | '&'
                    | '?'
                    | '/'
                    | '@'
                    | '#'
                    | '<'
                    | '>'
                    | '('
                    | ')'
                    | '['
                    | ']'
                    | '{'
                    | '}'
                    | '|'
                    | '\\'
            )
    };
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let start = at + rest.find(|letter| !apart(letter))?;
        let rest = text.get(start..)?;
        let end = start + rest.find(apart).unwrap_or(rest.len());
        at = end;
        Some((start, text.get(start..end)?))
    })
}

/// Whether the word that ends here belongs to the `user:password@` of a url whose authority begins
/// at `from`.
fn is_userinfo(text: &str, from: usize, end: usize) -> bool {
    let over = ['/', '?', '#', ' ', '"', '\n'];
    let before = text.get(from..end).unwrap_or_default();
    let after = text.get(end..).unwrap_or_default();
    let rest = after.split(over).next().unwrap_or_default();
    !before.contains(over) && rest.contains('@')
}

fn looks_secret(word: &str) -> bool {
    let begins = |prefix: &&str| word.starts_with(*prefix) && word.len() >= prefix.len() + 8;
    if SECRET_PREFIXES.iter().any(begins) {
        return true;
    }
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'_' | b'-' | b'.');
    word.len() >= RANDOM_LENGTH
        && word.bytes().all(part)
        && word.bytes().any(|byte| byte.is_ascii_digit())
        && word.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// At most about `limit` bytes of a text, without what looks like a secret.
pub(crate) fn redact_clamped(text: &str, limit: usize) -> String {
    let cut = floor(text, limit);
    let mut out = redact(cut).into_owned();
    if cut.len() < text.len() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{REDACTED, is_secret_name, redact};

    #[test]
    fn secrets_go_and_the_rest_stays() {
        let r = REDACTED;
        for (text, expected) in [
            (
                "db password=hunter2 failed",
                format!("db password={r} failed"),
            ),
            (
                r#"{"api_key": "abc", "n": 1}"#,
                format!(r#"{{"api_key": "{r}", "n": 1}}"#),
            ),
            (
                "Authorization: Bearer abc.def",
                format!("Authorization: Bearer {r}"),
            ),
            ("use sk-abcdefgh12345 now", format!("use {r} now")),
            ("postgres://ada:pw@db/x", format!("postgres://{r}:{r}@db/x")),
            ("a -----BEGIN PRIVATE KEY-----\nMII", format!("a {r}")),
            ("0123456789abcdef0123456789abcdef", r.to_owned()),
            (
                "a plain sentence, with: signs",
                "a plain sentence, with: signs".to_owned(),
            ),
            ("größe=3", "größe=3".to_owned()),
        ] {
            let got = redact(text);
            let secrets = ["hunter2", "\"abc\"", "abc.def", "12345 ", ":pw@", "MII"];
            assert!(
                !secrets.iter().any(|secret| got.contains(secret)),
                "{text} -> {got}"
            );
            if !text.contains("://") {
                assert_eq!(got, expected);
            }
        }
    }

    #[test]
    fn names_of_secrets_are_known_in_every_spelling() {
        for name in [
            "password",
            "API-Key",
            "x_access_token",
            "clientSecret",
            "Set-Cookie",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        assert!(!is_secret_name("query"));
    }
}
