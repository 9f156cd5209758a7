//! The settings of an address limit.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    num::NonZeroU8,
    sync::Arc,
};

use governor::Quota;
use http::{Extensions, Request};

use super::forwarded::forwarded_address;
use crate::address::IPV6_PREFIX;

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) quota: Quota,
    pub(super) trusted_hops: Option<NonZeroU8>,
    pub(super) ipv6_prefix: u8,
    pub(super) peer: Peer,
}

pub(super) type Peer = Arc<dyn Fn(&Extensions) -> Option<IpAddr> + Send + Sync>;

impl Settings {
    pub(super) fn new(quota: Quota) -> Self {
        Self {
            quota,
            trusted_hops: None,
            ipv6_prefix: IPV6_PREFIX,
            peer: Arc::new(peer),
        }
    }

    /// The client's address.
    pub(super) fn address<B>(&self, request: &Request<B>) -> Option<IpAddr> {
        let forwarded = self
            .trusted_hops
            .and_then(|hops| forwarded_address(request.headers(), hops));
        forwarded.or_else(|| (self.peer)(request.extensions()))
    }
}

/// The address of the peer, where servers leave it.
fn peer(extensions: &Extensions) -> Option<IpAddr> {
    let socket = extensions.get().map(SocketAddr::ip);
    let address = socket.or_else(|| extensions.get().copied());
    #[cfg(feature = "axum")]
    let address = address.or_else(|| {
        let info: &axum::extract::ConnectInfo<SocketAddr> = extensions.get()?;
        Some(info.0.ip())
    });
    address
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("quota", &self.quota)
            .field("trusted_hops", &self.trusted_hops)
            .field("ipv6_prefix", &self.ipv6_prefix)
            .finish_non_exhaustive()
    }
}
