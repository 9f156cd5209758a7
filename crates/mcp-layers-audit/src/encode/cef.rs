//! The Common Event Format.

use std::io::Write;

use super::Encode;
use crate::{Ending, Record, encode::json::authentication};

/// One line of the Common Event Format (version 0) a record.
///
/// In the header `\` and `|` are escaped, in the extension `\`, `=` and line breaks; line breaks in
/// the header and every other control character become spaces there and `\u{..}` here, so that a
/// record is one line. Names of the standard dictionary are used where they fit: `rt`, `act`,
/// `outcome`, `suser`, `src`, `request`, `externalId`, `reason`; the rest is in the labelled custom
/// fields and in fields whose names begin with `mcp`.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Cef;

impl Cef {
    /// The encoder.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Encode for Cef {
    fn encode(&self, record: &Record, out: &mut Vec<u8>) {
        out.extend_from_slice(b"CEF:0|mcp-layers|mcp-layers-audit|");
        out.extend_from_slice(env!("CARGO_PKG_VERSION").as_bytes());
        out.push(b'|');
        write_header(record.method(), out);
        out.push(b'|');
        write_header(record.ending.as_str(), out);
        // Writing into a vector cannot fail.
        let _ = write!(out, "|{}|", severity(record));
        let mut extension = Extension { out, empty: true };
        write_extension(record, &mut extension);
    }

    fn is_json(&self) -> bool {
        false
    }
}

/// 0 to 10.
fn severity(record: &Record) -> u8 {
    match (record.ending, record.decision.verdict) {
        (_, "denied") | (Ending::Panicked, _) => 6,
        (ending, _) if ending.is_failure() => 3,
        _ => 1,
    }
}

fn write_extension(record: &Record, extension: &mut Extension<'_>) {
    extension.shown("rt", record.unix_nanos.div_euclid(1_000_000));
    extension.shown("externalId", record.sequence);
    extension.text("act", record.decision.verdict);
    extension.text("outcome", record.ending.as_str());
    extension.shown_if("reason", record.ending.code());
    let principal = record.principal.as_deref();
    if let Some(principal) = principal.filter(|principal| principal.is_verified()) {
        extension.text("suser", principal.subject());
        extension.text_if("sntdom", principal.issuer());
        extension.text("mcpAuthentication", authentication(principal));
        extension.text_if("mcpClientId", principal.client_id());
        extension.text_if("mcpTenant", principal.tenant());
    } else if let Some(principal) = principal {
        extension.text("mcpUnverifiedSubject", principal.subject());
    }
    extension.shown_if("src", record.client_address);
    extension.text_if("mcpTarget", record.target());
    extension.shown_if("mcpTargetDigest", record.target_digest);
    if let Some(id) = record.id() {
        extension.text("mcpRequestId", &id.to_string());
    }
    extension.text_if("mcpUnverifiedClientName", record.claimed_client_name());
    extension.text_if(
        "mcpUnverifiedClientVersion",
        record.claimed_client_version(),
    );
    extension.text_if("mcpProtocolVersion", record.protocol_version());
    extension.shown_if("mcpSession", record.session);
    extension.shown_if("mcpTraceId", record.trace_id);
    extension.shown_if("mcpDurationNs", record.duration.map(|took| took.as_nanos()));
    extension.text("mcpDecisionLayer", record.decision.layer);
    extension.text_if("mcpDecisionRule", record.decision.rule.as_deref());
    extension.shown("mcpAttempts", record.attempts);
    extension.text_if("mcpCache", record.cache.map(|cache| cache.state));
    extension.shown_if("mcpArgumentsDigest", record.arguments_digest);
    extension.shown_if("mcpResultDigest", record.result_digest);
    extension.shown_if("mcpCursor", record.cursor);
    extension.shown_if("mcpNextCursor", record.next_cursor);
    extension.shown_if("mcpTask", record.task);
    extension.shown_if("mcpRequestSize", record.request_size);
    extension.shown_if("mcpResponseSize", record.response_size);
    extension.text_if("mcpErrorId", record.error_id.as_deref());
    if let Some(original) = &record.original {
        extension.text("mcpOriginal", &original.message);
        extension.text_if("mcpOriginalData", original.data.as_deref());
    }
    for (index, (name, value)) in record.arguments.iter().enumerate() {
        // Names of arguments are no keys here: a key has letters and digits only.
        extension.text(&format!("mcpArgument{index}"), &format!("{name}: {value}"));
    }
}

struct Extension<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl Extension<'_> {
    fn key(&mut self, key: &str) {
        if !std::mem::replace(&mut self.empty, false) {
            self.out.push(b' ');
        }
        self.out.extend_from_slice(key.as_bytes());
        self.out.push(b'=');
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        for letter in value.chars() {
            match letter {
                '\\' => self.out.extend_from_slice(b"\\\\"),
                '=' => self.out.extend_from_slice(b"\\="),
                '\n' => self.out.extend_from_slice(b"\\n"),
                '\r' => self.out.extend_from_slice(b"\\r"),
                letter if is_control(letter) => {
                    let _ = write!(self.out, "\\\\u{{{:x}}}", u32::from(letter));
                }
                letter => push(letter, self.out),
            }
        }
    }

    fn text_if(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    /// What shows itself without anything to escape.
    fn shown(&mut self, key: &str, value: impl std::fmt::Display) {
        self.key(key);
        let _ = write!(self.out, "{value}");
    }

    fn shown_if(&mut self, key: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.shown(key, value);
        }
    }
}

fn write_header(text: &str, out: &mut Vec<u8>) {
    for letter in text.chars() {
        match letter {
            '\\' => out.extend_from_slice(b"\\\\"),
            '|' => out.extend_from_slice(b"\\|"),
            letter if is_control(letter) => out.push(b' '),
            letter => push(letter, out),
        }
    }
}

/// Control characters, and the two separators that some readers take for line breaks.
fn is_control(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}')
}

fn push(letter: char, out: &mut Vec<u8>) {
    out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
}
