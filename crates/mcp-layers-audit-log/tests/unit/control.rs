//! Unit tests of `src/control.rs`.
#![allow(clippy::unwrap_used)]

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
