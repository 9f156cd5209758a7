//! Places: paths in file systems, addresses in networks, e-mail addresses.

use std::{borrow::Cow, net::Ipv6Addr, sync::LazyLock};

use regex::{Captures, Regex, Replacer};

use crate::{
    edits::Edits,
    scan::{ends, next_run, run, run_back},
    token::compile,
};

const ADDRESS: &str = "[address]";

/// Absolute paths, those of Windows, shares, and lines of source files. The first one keeps what
/// stands before it.
static PATHS: LazyLock<[Regex; 4]> = LazyLock::new(|| {
    let patterns = [
        concat!(
            r#"(^|[\s"'`(\[{<=,;:|])"#,
            r#"(?:(?:/[^\s"'`()\[\]{}<>,;:|/\\]+){2,}/?|~(?:/[^\s"'`()\[\]{}<>,;:|/\\]+)+/?)"#,
            r"(?::[0-9]{1,9}){0,2}",
        ),
        r#"(?-u:\b)[A-Za-z]:[\\/]{1,2}[^\s"'`<>|:*?,;]+(?::[0-9]{1,9}){0,2}"#,
        r#"\\{2,4}[A-Za-z0-9_.$-]+\\{1,2}[^\s"'`<>|:*?,;]+"#,
        concat!(
            r"(?-u:\b)[A-Za-z0-9_./\\-]+",
            r"\.(?:rs|py|js|mjs|ts|tsx|go|java|kt|scala|rb|php|cs|cc|cpp|c|h|hpp|swift|ex|exs)",
            r":[0-9]{1,9}(?::[0-9]{1,9})?",
        ),
    ];
    patterns.map(compile)
});

static V4: LazyLock<Regex> = LazyLock::new(|| {
    compile(concat!(
        r"(?-u:\b)(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}",
        r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?-u:\b)(?:/[0-9]{1,2}(?-u:\b)|:[0-9]{1,5}(?-u:\b))?",
    ))
});

/// Candidates for an IPv6 address; the standard library decides. A port follows a bracket.
static V6: LazyLock<Regex> = LazyLock::new(|| {
    compile(r"\[?([A-Za-z0-9_]*:[A-Za-z0-9_:.]*)(?:%[A-Za-z0-9_-]{1,16})?(?:\](?::[0-9]{1,5})?)?")
});

static MAC: LazyLock<Regex> =
    LazyLock::new(|| compile(r"(?i-u:\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b)"));

/// Top-level names of private networks.
const PRIVATE: [&str; 10] = [
    ".internal",
    ".local",
    ".localdomain",
    ".lan",
    ".corp",
    ".intranet",
    ".svc",
    ".consul",
    ".home.arpa",
    ".localhost",
];

/// Absolute paths, those of Windows, and lines of source files.
pub(crate) fn paths(text: &str) -> Option<String> {
    PATHS.iter().fold(None, |changed, pattern| {
        let new = replaced(pattern, changed.as_deref().unwrap_or(text), "${1}[path]");
        new.or(changed)
    })
}

/// IP and MAC addresses and the names of private hosts, with their ports.
pub(crate) fn addresses(text: &str) -> Option<String> {
    let rules: [fn(&str) -> Option<String>; 4] = [
        hosts,
        |text| replaced(&MAC, text, ADDRESS),
        |text| replaced(&V6, text, v6).filter(|changed| changed != text),
        |text| replaced(&V4, text, ADDRESS),
    ];
    rules.iter().fold(None, |changed, rule| {
        rule(changed.as_deref().unwrap_or(text)).or(changed)
    })
}

fn replaced(pattern: &Regex, text: &str, by: impl Replacer) -> Option<String> {
    match pattern.replace_all(text, by) {
        Cow::Borrowed(_) => None,
        Cow::Owned(changed) => Some(changed),
    }
}

fn v6(found: &Captures<'_>) -> String {
    let address = found[1].trim_end_matches('.');
    let is_address =
        address.bytes().any(|byte| byte.is_ascii_digit()) && address.parse::<Ipv6Addr>().is_ok();
    if is_address {
        let full_stop = found[1].len() > address.len() && found[0].ends_with('.');
        format!("{ADDRESS}{}", if full_stop { "." } else { "" })
    } else {
        found[0].to_owned()
    }
}

/// `localhost`, and names that end as those of private networks do.
fn hosts(text: &str) -> Option<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let mut edits = Edits::new(text);
    let mut from = 0;
    while let Some((start, end)) = next_run(text, from, is_part) {
        let name = text[start..end].trim_end_matches(['.', '-', '_']);
        from = end;
        let is_private = |end: &&str| name.len() > end.len() && ends(name, end);
        if name.eq_ignore_ascii_case("localhost") || PRIVATE.iter().any(is_private) {
            let mut stop = start + name.len();
            if stop == end && text[end..].starts_with(':') {
                let digits = run(&text[end + 1..], 5, |byte| byte.is_ascii_digit());
                stop += if digits > 0 { digits + 1 } else { 0 };
            }
            edits.replace(start, stop, ADDRESS);
            from = stop.max(end);
        }
    }
    edits.finish()
}

/// E-mail addresses.
pub(crate) fn emails(text: &str) -> Option<String> {
    let local = |byte: u8| byte.is_ascii_alphanumeric() || b"._%+-".contains(&byte);
    let domain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    let mut edits = Edits::new(text);
    let mut from = 0;
    while let Some(at) = text[from..].find('@').map(|at| from + at) {
        let start = at - run_back(&text[from..at], 64, local);
        from = at + 1;
        let host = &text[from..from + run(&text[from..], 255, domain)];
        let host = host.trim_end_matches(['.', '-']);
        if start < at
            && host.split('.').count() > 1
            && host.split('.').all(|label| !label.is_empty())
        {
            from += host.len();
            edits.replace(start, from, "[email]");
        }
    }
    edits.finish()
}

/// Long words that look random: digests, ids, keys without a form.
pub(crate) fn random_words(text: &str) -> Option<String> {
    const LEAST: usize = 32;
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '_' | '-' | '.');
    let mut edits = Edits::new(text);
    let mut from = 0;
    while let Some((start, end)) = next_run(text, from, is_part) {
        let word = &text.as_bytes()[start..end];
        let mixed = word.iter().any(u8::is_ascii_digit) && word.iter().any(u8::is_ascii_alphabetic);
        if word.len() >= LEAST && mixed {
            edits.replace(start, end, "[random]");
        }
        from = end;
    }
    edits.finish()
}
