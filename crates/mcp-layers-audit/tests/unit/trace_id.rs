//! Unit tests of `src/trace_id.rs`.
#![allow(clippy::unwrap_used)]

use super::TraceId;

#[test]
fn hostile_headers_are_ignored() {
    let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let id = TraceId::from_traceparent(good).unwrap();
    assert_eq!(id.to_string(), "0af7651916cd43dd8448eb211c80319c");
    for bad in [
        "",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
    ] {
        assert_eq!(TraceId::from_traceparent(bad), None, "{bad}");
    }
}
