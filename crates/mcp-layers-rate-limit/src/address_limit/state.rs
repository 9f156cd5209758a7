//! The state that all services and handles of a layer share.

use std::{
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::settings::Settings;
use crate::{
    address::{prefix, site, write_address},
    memory_store::MemoryStore,
    store::{Cost, RateLimitStore, StoreStats, Verdict},
};

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) store: MemoryStore,
    hasher: RandomState,
    refused: AtomicU64,
    without_address: AtomicU64,
}

/// A handle that reads counters while the server runs. Clones read the same limit.
#[derive(Debug, Clone)]
pub struct AddressLimitHandle(pub(super) Arc<State>);

/// Counters and gauges of an address limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddressLimitStats {
    /// Requests refused.
    pub refused: u64,
    /// Requests without an address, which all share one budget.
    pub without_address: u64,
    /// The table of addresses.
    pub store: StoreStats,
}

impl State {
    /// The time that the client has to wait, if it is over its limit.
    pub(super) fn wait(&self, address: Option<IpAddr>, settings: &Settings) -> Option<Duration> {
        if address.is_none() && self.without_address.fetch_add(1, Relaxed) == 0 {
            tracing::warn!(
                target: "mcp_layers_rate_limit",
                "an HTTP request has no client address, so that all such requests share one budget: \
                 serve with `into_make_service_with_connect_info::<SocketAddr>()` and the feature \
                 `axum`, or set `AddressLimitLayer::peer`"
            );
        }
        let prefix = prefix(address, settings.ipv6_prefix);
        let cost = Cost::new("address", settings.quota, NonZeroU32::MIN, |key| {
            write_address(key, prefix);
        });
        let cost = cost.with_caller(Some(self.hasher.hash_one(site(address))));
        let Verdict::Limited { retry_after, .. } = self.store.decide(&[cost]) else {
            return None;
        };
        self.refused.fetch_add(1, Relaxed);
        Some(retry_after)
    }
}

impl AddressLimitHandle {
    /// Counters and gauges of the limit.
    #[must_use]
    pub fn stats(&self) -> AddressLimitStats {
        AddressLimitStats {
            refused: self.0.refused.load(Relaxed),
            without_address: self.0.without_address.load(Relaxed),
            store: self.0.store.stats(),
        }
    }
}
