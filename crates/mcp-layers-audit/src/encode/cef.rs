//! The Common Event Format.

use serde_json::Value;

use super::{Encode, json::Members, timestamp};
use crate::{CallOutcome, Record};

/// One line of the Common Event Format (version 0) per record.
///
/// In the header `\` and `|` are escaped, in the extension `\`, `=` and line breaks. Line breaks in the
/// header, and every other control character, become spaces there and `\u{..}` here, so that a record
/// is one line. Keys of the standard dictionary are used where they fit: `rt`, `act`, `outcome`,
/// `suser`, `src`, `externalId`, `reason`; all others begin with `mcp`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cef;

/// Keys of the extension, and the members of the JSON record that they show.
const KEYS: [(&str, &str); 35] = [
    ("externalId", "/sequence"),
    ("act", "/decision/verdict"),
    ("outcome", "/outcome"),
    ("reason", "/code"),
    ("suser", "/principal/subject"),
    ("sntdom", "/principal/issuer"),
    ("mcpAuthentication", "/principal/authentication"),
    ("mcpClientId", "/principal/client_id"),
    ("mcpTenant", "/principal/tenant"),
    ("mcpPrincipalDigest", "/principal_digest"),
    ("mcpUnverifiedSubject", "/unverified/subject"),
    ("src", "/client_address"),
    ("mcpTarget", "/target"),
    ("mcpTargetDigest", "/target_digest"),
    ("mcpRequestId", "/id"),
    ("mcpUnverifiedClientName", "/unverified/client_name"),
    ("mcpUnverifiedClientVersion", "/unverified/client_version"),
    ("mcpProtocolVersion", "/protocol_version"),
    ("mcpSession", "/session"),
    ("mcpTraceId", "/trace_id"),
    ("mcpDurationNs", "/duration_ns"),
    ("mcpDecisionLayer", "/decision/layer"),
    ("mcpDecisionRule", "/decision/rule"),
    ("mcpAttempts", "/attempts"),
    ("mcpCache", "/cache/state"),
    ("mcpArgumentsDigest", "/arguments_digest"),
    ("mcpResultDigest", "/result_digest"),
    ("mcpCursor", "/cursor"),
    ("mcpNextCursor", "/next_cursor"),
    ("mcpTask", "/task"),
    ("mcpRequestSize", "/request_size"),
    ("mcpResponseSize", "/response_size"),
    ("mcpErrorId", "/error_id"),
    ("mcpOriginal", "/original/message"),
    ("mcpOriginalData", "/original/data"),
];

impl Encode for Cef {
    fn encode(&self, record: &Record, out: &mut Vec<u8>) {
        let version = env!("CARGO_PKG_VERSION");
        let mut line = format!("CEF:0|mcp-layers|mcp-layers-audit|{version}|");
        push_header(&record.method, &mut line);
        line.push('|');
        push_header(record.outcome.as_str(), &mut line);
        let time = timestamp(record).as_millisecond();
        line += &format!("|{}|rt={time}", severity(record));
        let json = serde_json::to_value(Members(record)).expect("keys are texts");
        for (key, member) in KEYS {
            match json.pointer(member) {
                None => {}
                Some(Value::String(text)) => push_extension(key, text, &mut line),
                Some(other) => push_extension(key, &other.to_string(), &mut line),
            }
        }
        for (index, (name, value)) in record.arguments.iter().enumerate() {
            // The names of arguments are no keys here: a key has letters and digits only.
            push_extension(
                &format!("mcpArgument{index}"),
                &format!("{name}: {value}"),
                &mut line,
            );
        }
        out.extend_from_slice(line.as_bytes());
    }

    fn is_json(&self) -> bool {
        false
    }
}

/// 0 to 10.
fn severity(record: &Record) -> u8 {
    match (record.outcome, record.decision.verdict) {
        (_, "denied") | (CallOutcome::Panicked, _) => 6,
        (outcome, _) if outcome.is_failure() => 3,
        _ => 1,
    }
}

fn push_extension(key: &str, value: &str, line: &mut String) {
    *line += &format!(" {key}=");
    for letter in value.chars() {
        match letter {
            '\\' => line.push_str("\\\\"),
            '=' => line.push_str("\\="),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            letter if is_control(letter) => {
                *line += &format!("\\\\u{{{:x}}}", u32::from(letter));
            }
            letter => line.push(letter),
        }
    }
}

fn push_header(text: &str, line: &mut String) {
    for letter in text.chars() {
        match letter {
            '\\' => line.push_str("\\\\"),
            '|' => line.push_str("\\|"),
            letter if is_control(letter) => line.push(' '),
            letter => line.push(letter),
        }
    }
}

/// Control characters, and the two separators that some readers take for line breaks.
fn is_control(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}')
}
