//! Keys and tokens that are known by their form.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::{edits::Edits, scan::run, work::visited};

/// Compiles a pattern of this crate.
pub(crate) fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap_or_else(|error| unreachable!("a pattern of this crate: {error}"))
}

/// The bytes of which the rest of a token consists.
#[derive(Debug, Clone, Copy)]
enum Of {
    Hex,
    Upper32,
    Alphanumeric,
    /// Letters, digits, `_` and `-`.
    Url,
    /// Letters, digits, `_`, `-`, `.`, `+`, `/` and `=`.
    Base64,
}

impl Of {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Hex => byte.is_ascii_hexdigit(),
            Self::Upper32 => byte.is_ascii_uppercase() || matches!(byte, b'2'..=b'7'),
            Self::Alphanumeric => byte.is_ascii_alphanumeric(),
            Self::Url => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Base64 => byte.is_ascii_alphanumeric() || b"_-.+/=".contains(&byte),
        }
    }
}

/// The beginnings of tokens, the kind of their other bytes, and the least number of these.
type Form = (&'static [&'static str], Of, usize);

/// Identifiers of access keys; their rest is of this length.
const KEYS: &[Form] = &[
    (
        &[
            "AKIA", "ASIA", "ABIA", "ACCA", "AGPA", "AIDA", "AIPA", "ANPA", "ANVA", "APKA", "AROA",
        ],
        Of::Upper32,
        16,
    ),
    (&["AIza"], Of::Url, 35),
    (&["AGE-SECRET-KEY-1"], Of::Alphanumeric, 40),
];

const TOKENS: &[Form] = &[
    (
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        Of::Alphanumeric,
        20,
    ),
    (&["github_pat_"], Of::Url, 20),
    (
        &[
            "glpat-", "glrt-", "gldt-", "glcbt-", "glptt-", "gloas-", "glsoat-", "glft-",
            "glagent-",
        ],
        Of::Base64,
        16,
    ),
    (
        &[
            "xoxa-",
            "xoxb-",
            "xoxe-",
            "xoxe.xoxp-",
            "xoxo-",
            "xoxp-",
            "xoxr-",
            "xoxs-",
            "xapp-",
        ],
        Of::Url,
        8,
    ),
    (
        &[
            "sk_live_", "sk_test_", "rk_live_", "rk_test_", "pk_live_", "pk_test_",
        ],
        Of::Alphanumeric,
        10,
    ),
    (&["whsec_"], Of::Base64, 16),
    (&["sk-", "ya29.", "GOCSPX-"], Of::Url, 20),
    (&["1//0"], Of::Url, 30),
    (&["npm_"], Of::Alphanumeric, 36),
    (&["pypi-"], Of::Url, 16),
    (&["hf_", "NRAK-"], Of::Alphanumeric, 20),
    (&["SG."], Of::Base64, 33),
    (&["dop_v1_", "doo_v1_", "dor_v1_"], Of::Hex, 64),
    (
        &["shpat_", "shpca_", "shppa_", "shpss_", "dapi", "SK"],
        Of::Hex,
        32,
    ),
    (
        &[
            "sq0atp-",
            "sq0csp-",
            "hvs.",
            "hvb.",
            "hvr.",
            "dckr_pat_",
            "tskey-",
        ],
        Of::Url,
        20,
    ),
    (&["glsa_"], Of::Url, 32),
    (&["lin_api_", "cio", "key-"], Of::Alphanumeric, 32),
    (&["r8_"], Of::Alphanumeric, 30),
    (&["pat."], Of::Base64, 30),
    (
        &[
            "hooks.slack.com/services/",
            "hooks.slack.com/workflows/",
            "hooks.slack.com/triggers/",
        ],
        Of::Base64,
        12,
    ),
];

/// Private keys in PEM, to the end of the text where their end is missing, and identifiers of
/// access keys.
pub(crate) fn keys(text: &str, label: &str) -> Option<String> {
    let mut edits = Edits::new(text);
    let mut from = 0;
    while let Some(begin) = text[from..].find("-----BEGIN ").map(|found| from + found) {
        let body = begin + "-----BEGIN ".len();
        let is_label = |byte: u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b' ');
        let length = run(&text[body..], 64, is_label);
        from = body;
        if text[body..body + length].contains("PRIVATE KEY")
            && text[body + length..].starts_with("-----")
        {
            let behind = |from: usize, mark: &str| {
                let found = text[from..].find(mark);
                found.map_or(text.len(), |at| from + at + mark.len())
            };
            let end = behind(body, "-----END ");
            visited(end - body);
            from = behind(end, "-----");
            edits.replace(begin, from, label);
        }
    }
    let without = edits.finish();
    let found = forms(without.as_deref().unwrap_or(text), KEYS, false, label);
    found.or(without)
}

/// Tokens of well-known issuers.
pub(crate) fn tokens(text: &str, label: &str) -> Option<String> {
    let schemes = schemes(text, label);
    let found = forms(schemes.as_deref().unwrap_or(text), TOKENS, true, label);
    found.or(schemes)
}

/// Replaces what begins as one of the forms do. A candidate is given up after as many bytes as the
/// form asks for at least, so that the work is linear in the text.
fn forms(text: &str, forms: &[Form], also_issuerless: bool, label: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut edits = Edits::new(text);
    let mut at = 0;
    // No JSON web token begins before here: what follows has no dot in it.
    let mut without_dot = 0;
    while at < bytes.len() {
        let is_inside = at > 0 && bytes[at - 1].is_ascii_alphanumeric();
        let end = if is_inside {
            None
        } else if also_issuerless && bytes[at].is_ascii_digit() {
            bot_token(bytes, at).or_else(|| first(forms, bytes, at))
        } else if also_issuerless && bytes[at..].starts_with(b"eyJ") {
            if at < without_dot {
                None
            } else {
                let end = end_of(bytes, at, Of::Url);
                let found = web_token(bytes, end);
                without_dot = if found.is_none() { end } else { 0 };
                found.filter(|_| end - at >= 8)
            }
        } else {
            first(forms, bytes, at)
        };
        match end {
            Some(end) => {
                edits.replace(at, end, label);
                at = end;
            }
            None => at += 1,
        }
    }
    edits.finish()
}

fn first(forms: &[Form], bytes: &[u8], at: usize) -> Option<usize> {
    let begins = |prefix: &&&str| {
        prefix.as_bytes()[0] == bytes[at] && bytes[at..].starts_with(prefix.as_bytes())
    };
    forms.iter().find_map(|(prefixes, of, least)| {
        let prefix = *prefixes.iter().find(begins)?;
        let body = at + prefix.len();
        let least = body + least;
        let found = bytes.get(body..least)?;
        if !found.iter().all(|byte| of.has(*byte)) {
            return None;
        }
        let has = |test: fn(&u8) -> bool| found.iter().any(test);
        match prefix {
            // Words that are joined by hyphens are no key.
            "sk-" if !has(u8::is_ascii_digit) && !has(u8::is_ascii_uppercase) => None,
            "SG." if !found[16..].contains(&b'.') => None,
            _ if matches!(of, Of::Upper32) => bytes
                .get(least)
                .is_none_or(|next| !next.is_ascii_alphanumeric())
                .then_some(least),
            _ => Some(trim(bytes, least, end_of(bytes, least, *of))),
        }
    })
}

/// Returns where a run of bytes ends.
fn end_of(bytes: &[u8], from: usize, of: Of) -> usize {
    let length = run(&bytes[from..], usize::MAX, |byte| of.has(byte));
    visited(length);
    from + length
}

/// A full stop at the end belongs to the sentence.
fn trim(bytes: &[u8], least: usize, end: usize) -> usize {
    if end > least && bytes[end - 1] == b'.' {
        end - 1
    } else {
        end
    }
}

/// JWT and JWE (RFC 7519): a header that begins with `{"`, a dot, and more.
fn web_token(bytes: &[u8], header: usize) -> Option<usize> {
    if bytes.get(header) != Some(&b'.') {
        return None;
    }
    let end = end_of(bytes, header, Of::Base64);
    (end - header > 4).then(|| trim(bytes, header, end))
}

/// Bots of Telegram: a number, a colon, 35 letters.
fn bot_token(bytes: &[u8], at: usize) -> Option<usize> {
    let digits = run(&bytes[at..], 11, |byte| byte.is_ascii_digit());
    let body = at + digits + 1;
    let is_bot = (8..=10).contains(&digits)
        && bytes.get(body - 1) == Some(&b':')
        && bytes
            .get(body..body + 35)?
            .iter()
            .all(|byte| Of::Url.has(*byte));
    is_bot.then(|| end_of(bytes, body, Of::Url))
}

static SCHEMES: LazyLock<Regex> =
    LazyLock::new(|| compile(r"(?-u:\b)((?i-u:bearer|basic) {1,4})([A-Za-z0-9._~+/=-]{6,})"));

/// Credentials after the name of their scheme (RFC 6750, RFC 7617).
fn schemes(text: &str, label: &str) -> Option<String> {
    let mut edits = Edits::new(text);
    for found in SCHEMES.captures_iter(text) {
        if let Some(credentials) = credentials(&found) {
            edits.replace(credentials.start(), credentials.end(), label);
        }
    }
    edits.finish()
}

fn credentials<'t>(found: &Captures<'t>) -> Option<regex::Match<'t>> {
    let credentials = found.get(2)?;
    // "basic authentication" is a word; words do not look like this.
    let word = credentials.as_str().trim_end_matches(['.', '=']);
    let is_word = word.len() < 24
        && word
            .chars()
            .skip(1)
            .all(|c| c.is_ascii_lowercase() || c == '-');
    (!is_word).then_some(credentials)
}
