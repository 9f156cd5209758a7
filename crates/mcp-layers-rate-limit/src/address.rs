//! Where a call comes from.

use std::net::IpAddr;

/// The client's address, as an extension of the HTTP request: what
/// [`Part::ClientAddress`](crate::Part::ClientAddress) goes by. `AddressLimitLayer` puts it there;
/// so can whatever else knows which proxies to trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);
