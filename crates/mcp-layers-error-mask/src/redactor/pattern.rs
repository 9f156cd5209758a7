//! Things that are known by their form. Every pattern is compiled once, when it is first needed.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::changed;

/// Compiles a pattern of this crate.
pub(super) fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap_or_else(|error| unreachable!("a pattern of this crate: {error}"))
}

macro_rules! pattern {
    ($name:ident = $($part:literal)+) => {
        static $name: LazyLock<Regex> = LazyLock::new(|| compile(concat!($($part),+)));
    };
}

// To the end of the text where the end of the key is missing.
pattern!(KEYS =
    r"(?s-u:-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)(?s:.*?)"
    r"(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\z)"
    r"|(?-u:\b)(?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AIPA|ANPA|ANVA|APKA|AROA)[A-Z2-7]{16}(?-u:\b)"
    r"|(?-u:\b)AIza[A-Za-z0-9_-]{35}"
    r"|AGE-SECRET-KEY-1[A-Z0-9]{40,}"
);

pub(super) fn keys(text: &str) -> Option<String> {
    changed(KEYS.replace_all(text, "[key]"))
}

pattern!(TOKENS =
    // JWT and JWE (RFC 7519): a header that begins with `{"`.
    r"(?-u:\b)(?:eyJ[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){1,4}"
    r"|gh[pousr]_[A-Za-z0-9]{20,}"
    r"|github_pat_[A-Za-z0-9_]{20,}"
    r"|gl(?:pat|rt|dt|cbt|ptt|oas|soat|ft|agent|imt)-[A-Za-z0-9_.-]{16,}"
    r"|xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{8,}"
    r"|xapp-[A-Za-z0-9-]{8,}"
    r"|(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}"
    r"|whsec_[A-Za-z0-9+/=]{16,}"
    r"|sk-[A-Za-z0-9_-]{20,}"
    r"|ya29\.[A-Za-z0-9_-]{20,}"
    r"|GOCSPX-[A-Za-z0-9_-]{20,}"
    r"|npm_[A-Za-z0-9]{36}"
    r"|pypi-[A-Za-z0-9_-]{16,}"
    r"|hf_[A-Za-z0-9]{20,}"
    r"|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"
    r"|do[opr]_v1_[a-f0-9]{64}"
    r"|shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}"
    r"|sq0[a-z]{3}-[A-Za-z0-9_-]{20,}"
    r"|dapi[a-f0-9]{32}"
    r"|hv[sbr]\.[A-Za-z0-9_-]{20,}"
    r"|glsa_[A-Za-z0-9_]{32,}"
    r"|lin_api_[A-Za-z0-9]{32,}"
    r"|cio[A-Za-z0-9]{32}"
    r"|SK[a-f0-9]{32}"
    r"|key-[a-z0-9]{32}"
    r"|[0-9]{8,10}:[A-Za-z0-9_-]{35})"
    r"|hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]+"
);

pub(super) fn tokens(text: &str) -> Option<String> {
    changed(TOKENS.replace_all(text, "[token]"))
}

pattern!(SCHEMES = r"(?-u:\b)((?i-u:bearer|basic) {1,4})([A-Za-z0-9._~+/=-]{6,})");

/// Credentials after the name of their scheme (RFC 6750, RFC 7617).
pub(super) fn schemes(text: &str) -> Option<String> {
    changed(SCHEMES.replace_all(text, |found: &Captures<'_>| {
        let credentials = &found[2];
        // "basic authentication" is a word; words do not look like this.
        let is_word = credentials.len() < 24
            && credentials
                .trim_end_matches('.')
                .chars()
                .skip(1)
                .all(|c| c.is_ascii_lowercase() || c == '-');
        if is_word {
            found[0].to_owned()
        } else {
            format!("{}[token]", &found[1])
        }
    }))
}

// With a colon, a password may hold what a URL would have escaped.
pattern!(USERINFO =
    r#"((?i-u:\b[a-z][a-z0-9+.-]{0,30}):(?:\\?/){2})"#
    r#"(?:[^\s/?#@:"'<>`]*:[^\s"'<>`]*|[^\s/?#"'<>`]*)@"#
);

pub(super) fn userinfo(text: &str) -> Option<String> {
    changed(USERINFO.replace_all(text, "${1}[secret]@"))
}

pattern!(PATHS =
    r#"(^|[\s"'`(\[{<=,;:|])"#
    r#"(?:(?:/[^\s"'`()\[\]{}<>,;:|/\\]+){2,}/?|~(?:/[^\s"'`()\[\]{}<>,;:|/\\]+)+/?)"#
    r"(?::[0-9]{1,9}){0,2}"
);
pattern!(WINDOWS_PATHS =
    r#"(?-u:\b)[A-Za-z]:[\\/]{1,2}[^\s"'`<>|:*?,;]+(?::[0-9]{1,9}){0,2}"#
    r#"|\\{2,4}[A-Za-z0-9_.$-]+\\{1,2}[^\s"'`<>|:*?,;]+"#
);
pattern!(SOURCES =
    r"(?-u:\b)[A-Za-z0-9_./\\-]+\.(?:rs|py|js|mjs|ts|tsx|go|java|kt|scala|rb|php|cs|cc|cpp|c|h|hpp|swift|ex|exs)"
    r":[0-9]{1,9}(?::[0-9]{1,9})?"
);

pub(super) fn paths(text: &str) -> Option<String> {
    super::chain(
        text,
        &[
            |text| changed(PATHS.replace_all(text, "${1}[path]")),
            |text| changed(WINDOWS_PATHS.replace_all(text, "[path]")),
            |text| changed(SOURCES.replace_all(text, "[path]")),
        ],
    )
}

pattern!(EMAILS = r"(?i-u:\b[a-z0-9._%+-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+)");

pub(super) fn emails(text: &str) -> Option<String> {
    changed(EMAILS.replace_all(text, "[email]"))
}
