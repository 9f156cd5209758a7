//! The `X-Forwarded-For` header.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU8,
};

use http::HeaderMap;

/// Returns the address that is `trusted_hops` entries from the right of `X-Forwarded-For`: the one
/// that the outermost of your own proxies saw. Several headers count as one list (RFC 9110, section
/// 5.3). `None` if there are fewer entries, or the entry is no address.
#[must_use]
pub fn forwarded_address(headers: &HeaderMap, trusted_hops: NonZeroU8) -> Option<IpAddr> {
    let values = headers.get_all("x-forwarded-for").iter().rev();
    let mut entries = values.flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
    let entry = entries.nth(usize::from(trusted_hops.get()) - 1)?;
    parse(str::from_utf8(entry).ok()?.trim())
}

/// An address, optionally with a port, in quotes or in brackets.
fn parse(entry: &str) -> Option<IpAddr> {
    let quoted = entry
        .strip_prefix('"')
        .and_then(|entry| entry.strip_suffix('"'));
    let entry = quoted.unwrap_or(entry);
    let bracketed = entry
        .strip_prefix('[')
        .and_then(|entry| entry.strip_suffix(']'));
    let address = bracketed.unwrap_or(entry).parse::<IpAddr>();
    let with_port = || entry.parse().map(|socket: SocketAddr| socket.ip());
    address
        .or_else(|_| with_port())
        .ok()
        .map(|address| address.to_canonical())
}
