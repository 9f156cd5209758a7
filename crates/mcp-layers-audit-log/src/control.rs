//! Lines of the log itself, told apart from records by their `kind`.

use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    chain::{Line, Link},
    hex::Hex,
};

/// The id of a log.
pub(crate) type LogId = [u8; 16];

const KINDS: [&str; 9] = [
    "segment",
    "opened",
    "closed",
    "end",
    "gap",
    "repair",
    "moved",
    "truncated",
    "pruned",
];

/// The body of a line of the log itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Control {
    /// The first line of a segment.
    Segment(Header),
    /// A writer opened the log.
    Opened { time: String, pid: u32 },
    /// The writer closed the log.
    Closed { time: String },
    /// The last line of a complete segment.
    End { time: String },
    /// Records are missing here.
    Gap {
        time: String,
        dropped: u64,
        refused: u64,
    },
    /// A torn tail was cut off.
    Repair { time: String, cut_bytes: u64 },
    /// The file of the previous segment was moved by another program.
    Moved { time: String, segment: u64 },
    /// The file of the previous segment was truncated by another program.
    Truncated { time: String, segment: u64 },
    /// The segments up to this one leave the folder.
    Pruned {
        time: String,
        through: u64,
        /// The position of their last line.
        n: u64,
        mac: Hex<32>,
    },
}

/// The first line of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) time: String,
    log: Hex<16>,
    pub(crate) segment: u64,
    /// The MAC of the line before this one.
    previous: Hex<32>,
}

impl Header {
    pub(crate) fn new(time: String, log: LogId, segment: u64, previous: Link) -> Self {
        Self {
            time,
            log: Hex(log),
            segment,
            previous: Hex(previous),
        }
    }

    pub(crate) fn log(&self) -> LogId {
        self.log.0
    }

    pub(crate) fn previous(&self) -> Link {
        self.previous.0
    }

    /// The header in the first line of a segment.
    pub(crate) fn of(line: &Line<'_>) -> Option<Self> {
        match Control::parse(line.body)? {
            Control::Segment(header) => Some(header),
            _ => None,
        }
    }
}

impl Control {
    pub(crate) fn to_body(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts and numbers are always JSON")
    }

    /// Parses a body; `None` for a record.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        is_control(body).then(|| serde_json::from_slice(body).ok())?
    }
}

fn is_control(body: &[u8]) -> bool {
    let Some(rest) = body.strip_prefix(b"{\"kind\":\"") else {
        return false;
    };
    let end = rest.iter().position(|byte| *byte == b'"').unwrap_or(0);
    KINDS.iter().any(|kind| kind.as_bytes() == &rest[..end])
}

/// Makes what an encoder wrote a body: one line of JSON that is no line of the log itself. Anything
/// else becomes a JSON string.
pub(crate) fn escape_record(body: &mut Vec<u8>) {
    if body.is_empty() || body.contains(&b'\n') || is_control(body) {
        *body = serde_json::Value::from(String::from_utf8_lossy(body))
            .to_string()
            .into();
    }
}

/// A time by RFC 3339, in UTC with nanoseconds.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    let time = Timestamp::try_from(time).unwrap_or(Timestamp::MAX);
    format!("{time:.9}")
}

/// Reads a time that [`rfc3339`] wrote.
pub(crate) fn parse_rfc3339(text: &str) -> Option<SystemTime> {
    text.parse::<Timestamp>().ok().map(SystemTime::from)
}

#[cfg(test)]
#[path = "../tests/unit/control.rs"]
mod tests;
