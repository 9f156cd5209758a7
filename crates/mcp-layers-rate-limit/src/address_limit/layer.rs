//! The layer.

use std::{net::IpAddr, num::NonZeroU8, sync::Arc};

use governor::Quota;
use http::Extensions;
use mcp_layers_core::{Clock, ConfigError};
use tower_layer::Layer;

use super::{
    service::AddressLimit,
    settings::Settings,
    state::{AddressLimitHandle, State},
};

/// A layer that rate-limits HTTP requests per client IP address, before authentication.
///
/// A request over the limit gets status 429 with `Retry-After` in seconds, rounded up (RFC 6585,
/// section 4; RFC 9110, section 10.2.3), and no body.
///
/// # Rules
///
/// 1. The address is that of the peer: an extension of the request of type
///    [`SocketAddr`](std::net::SocketAddr) or [`IpAddr`], or axum's `ConnectInfo<SocketAddr>`
///    (feature `axum`). [`AddressLimitLayer::peer`] reads it from anywhere else.
/// 2. Behind reverse proxies of your own, [`AddressLimitLayer::trusted_hops`] reads it from
///    `X-Forwarded-For`.
/// 3. An IPv6 address counts by its first 64 bits. An IPv4 address embedded in an IPv6 address,
///    mapped or by NAT64 (`64:ff9b::/96`), counts as the IPv4 address.
/// 4. Requests without an address share one budget. The first one logs a warning, and
///    [`AddressLimitStats::without_address`](crate::AddressLimitStats::without_address) counts them.
/// 5. The address is passed on as the extension [`ClientAddress`](crate::ClientAddress). Rate limits by
///    address read it; audit and trace do not. To have one address for all of them, put an [`IpAddr`]
///    into the extensions in an outer layer, with [`forwarded_address`](crate::forwarded_address).
#[derive(Debug, Clone)]
pub struct AddressLimitLayer {
    state: Arc<State>,
    settings: Arc<Settings>,
}

impl AddressLimitLayer {
    /// A limit with a quota for each address.
    #[must_use]
    pub fn new(quota: Quota) -> Self {
        Self {
            state: Arc::default(),
            settings: Arc::new(Settings::new(quota)),
        }
    }

    /// Sets the number of your own reverse proxies that a request has passed, each of which appends
    /// the address it saw to `X-Forwarded-For`; none by default.
    ///
    /// The client's address is then that many entries from the right: clients can write entries
    /// further to the left themselves. If there are fewer entries, or the entry is no address, the
    /// address of the peer counts.
    #[must_use]
    pub fn trusted_hops(mut self, hops: NonZeroU8) -> Self {
        Arc::make_mut(&mut self.settings).trusted_hops = Some(hops);
        self
    }

    /// Sets the prefix of an IPv6 address that identifies a client, in bits; 64 by default, because
    /// a site has at least a /64.
    ///
    /// # Errors
    /// When it is more than 128.
    pub fn ipv6_prefix(mut self, bits: u8) -> Result<Self, ConfigError> {
        if bits > 128 {
            return Err(ConfigError::new(
                "ipv6_prefix: an IPv6 address has 128 bits",
            ));
        }
        Arc::make_mut(&mut self.settings).ipv6_prefix = bits;
        Ok(self)
    }

    /// Sets the function that finds the address of the peer among the request's extensions, for
    /// servers that leave it in a type of their own.
    #[must_use]
    pub fn peer(
        mut self,
        peer: impl Fn(&Extensions) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        Arc::make_mut(&mut self.settings).peer = Arc::new(peer);
        self
    }

    /// Sets the maximum number of addresses that are remembered; 100,000 by default. Budgets start
    /// full. Addresses beyond it are treated as [`MemoryStore`](crate::MemoryStore) describes.
    ///
    /// # Errors
    /// When it is zero.
    pub fn max_addresses(self, max_addresses: usize) -> Result<Self, ConfigError> {
        self.state.store.set_max_keys(max_addresses)?;
        Ok(self)
    }

    /// Sets the clock; the operating system's by default. Budgets start full.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        self.state.store.set_clock(clock);
        self
    }

    /// A handle that reads counters while the server runs.
    #[must_use]
    pub fn handle(&self) -> AddressLimitHandle {
        AddressLimitHandle(Arc::clone(&self.state))
    }
}

impl<S> Layer<S> for AddressLimitLayer {
    type Service = AddressLimit<S>;

    fn layer(&self, inner: S) -> AddressLimit<S> {
        let (state, settings) = (Arc::clone(&self.state), Arc::clone(&self.settings));
        AddressLimit::with_state(inner, state, settings)
    }
}
