//! Where things are in a network.

use std::{net::Ipv6Addr, sync::LazyLock};

use regex::{Captures, Regex};

use super::{changed, pattern::compile};

static V4: LazyLock<Regex> = LazyLock::new(|| {
    compile(concat!(
        r"(?-u:\b)(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}",
        r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?-u:\b)(?:/[0-9]{1,2}(?-u:\b)|:[0-9]{1,5}(?-u:\b))?",
    ))
});

/// What could be an IPv6 address; the standard library decides. A port follows a bracket.
static V6: LazyLock<Regex> = LazyLock::new(|| {
    compile(r"\[?([A-Za-z0-9_]*:[A-Za-z0-9_:.]*)(?:%[A-Za-z0-9_-]{1,16})?(?:\](?::[0-9]{1,5})?)?")
});

static NAMES: LazyLock<Regex> = LazyLock::new(|| {
    compile(concat!(
        r"(?i-u:\b(?:[a-z0-9][a-z0-9.-]*\.",
        r"(?:internal|local|localdomain|lan|corp|intranet|svc|consul|home\.arpa)|localhost)\b",
        r"(?::[0-9]{1,5})?)",
        r"|(?i-u:\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b)",
    ))
});

pub(super) fn redact(text: &str) -> Option<String> {
    super::chain(
        text,
        &[
            |text| changed(NAMES.replace_all(text, "[address]")),
            |text| changed(V6.replace_all(text, v6)),
            |text| changed(V4.replace_all(text, "[address]")),
        ],
    )
}

fn v6(found: &Captures<'_>) -> String {
    let address = found[1].trim_end_matches('.');
    let is_address =
        address.bytes().any(|byte| byte.is_ascii_digit()) && address.parse::<Ipv6Addr>().is_ok();
    if is_address {
        let full_stop = found[1].len() > address.len() && found[0].ends_with('.');
        format!("[address]{}", if full_stop { "." } else { "" })
    } else {
        found[0].to_owned()
    }
}
