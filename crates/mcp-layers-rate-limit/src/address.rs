//! Client addresses.

use std::net::{IpAddr, Ipv6Addr};

use mcp_layers_core::{KeyWriter, McpRequest};

/// The client's address, as an extension of the HTTP request. `AddressLimitLayer` (feature `http`)
/// inserts it, and so can a layer of your own that knows which proxies to trust.
/// [`KeyComponent::ClientAddress`](crate::KeyComponent::ClientAddress) reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

/// The prefix of an IPv6 address that identifies a client, in bits: a site has at least a /64
/// (RFC 6177).
pub(crate) const IPV6_PREFIX: u8 = 64;

/// The address that an HTTP layer found, otherwise that of the peer.
pub(crate) fn address<Req: McpRequest>(request: &Req) -> Option<IpAddr> {
    let found = request.extension::<ClientAddress>();
    found.map_or_else(|| request.connection().peer_address, |found| Some(found.0))
}

/// The prefix to whose share of a bounded table the keys of an address count: of an IPv6 address
/// the first 48 bits, the most that a site usually has (RFC 6177).
pub(crate) fn site(address: Option<IpAddr>) -> Option<IpAddr> {
    prefix(address, 48)
}

/// An address without the last bits of an IPv6 address. An IPv4 address that is embedded in an IPv6
/// address, mapped (`::ffff:0:0/96`) or by NAT64 (`64:ff9b::/96`, RFC 6052), counts as itself.
pub(crate) fn prefix(address: Option<IpAddr>, ipv6_prefix: u8) -> Option<IpAddr> {
    const NAT64: u128 = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0).to_bits() >> 32;
    Some(match address?.to_canonical() {
        IpAddr::V6(address) if address.to_bits() >> 32 == NAT64 => {
            let [.., a, b, c, d] = address.octets();
            IpAddr::from([a, b, c, d])
        }
        IpAddr::V6(address) => {
            let kept = u128::MAX.checked_shl(128 - u32::from(ipv6_prefix.min(128)));
            Ipv6Addr::from_bits(address.to_bits() & kept.unwrap_or(0)).into()
        }
        address @ IpAddr::V4(_) => address,
    })
}

pub(crate) fn write_address(key: &mut KeyWriter<'_>, address: Option<IpAddr>) {
    key.optional(address.map(|address| address.to_string()).as_deref());
}
