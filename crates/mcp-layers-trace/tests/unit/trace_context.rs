//! Unit tests of `src/trace_context.rs`.
#![allow(clippy::unwrap_used)]

use super::parse;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

#[test]
fn later_versions_may_be_longer() {
    let (_, _, flags) = parse(&format!("01-{TRACE}-{SPAN}-03-more")).unwrap();
    assert_eq!(flags.to_u8(), 1);
    assert!(parse(&format!("00-{TRACE}-{SPAN}-01")).is_some());
}

#[test]
fn other_text_is_refused() {
    let upper = TRACE.to_uppercase();
    for header in [
        String::new(),
        TRACE.to_owned(),
        format!("00-{TRACE}-{SPAN}"),
        format!("00-{TRACE}-{SPAN}-01-more"),
        format!("ff-{TRACE}-{SPAN}-01"),
        format!("00-{upper}-{SPAN}-01"),
        format!("00-{TRACE}-{SPAN}-1"),
        format!("00-{TRACE}-{SPAN}-+1"),
        format!("00-{}-{SPAN}-01", "0".repeat(32)),
        format!("00-{TRACE}-{}-01", "0".repeat(16)),
        format!(" 00-{TRACE}-{SPAN}-01"),
        format!("01-{TRACE}-{SPAN}-01-{}", "x".repeat(300)),
    ] {
        assert!(parse(&header).is_none(), "{header}");
    }
}
