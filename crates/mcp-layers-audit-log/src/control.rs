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
mod tests {
    use super::{Control, Header, escape_record, parse_rfc3339, rfc3339};
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn control_lines_begin_with_their_kind_and_read_back() {
        let time = || rfc3339(UNIX_EPOCH);
        let header = Header::new(time(), [1; 16], 3, [2; 32]);
        let (dropped, refused) = (1, 2);
        for (control, kind) in [
            (Control::Segment(header), "segment"),
            (Control::End { time: time() }, "end"),
            (
                Control::Gap {
                    time: time(),
                    dropped,
                    refused,
                },
                "gap",
            ),
        ] {
            let body = control.to_body();
            assert!(body.starts_with(format!("{{\"kind\":\"{kind}\",").as_bytes()));
            assert_eq!(Control::parse(&body), Some(control));
        }
        assert_eq!(Control::parse(br#"{"kind":"request"}"#), None);
    }

    #[test]
    fn a_record_cannot_pose_as_a_control_line() {
        for forged in [r#"{"kind":"end","time":""}"#, "", "two\nlines"] {
            let mut body = forged.as_bytes().to_vec();
            escape_record(&mut body);
            assert_eq!(serde_json::from_slice::<String>(&body).unwrap(), forged);
            assert_eq!(Control::parse(&body), None);
        }
        let mut body = br#"{"kind":"request"}"#.to_vec();
        escape_record(&mut body);
        assert_eq!(body, br#"{"kind":"request"}"#);
    }

    #[test]
    fn known_moments_are_written_as_they_are() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000000007Z"),
            (951_782_400, "2000-02-29T00:00:00.000000007Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000000007Z"),
        ] {
            let time = UNIX_EPOCH + Duration::new(seconds, 7);
            assert_eq!(rfc3339(time), text);
            assert_eq!(parse_rfc3339(text), Some(time));
        }
        let before = UNIX_EPOCH - Duration::from_nanos(1);
        assert_eq!(rfc3339(before), "1969-12-31T23:59:59.999999999Z");
    }
}
