//! Cache.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod context;
mod entry;
mod epoch;
mod fill;
mod flight;
mod future;
mod handle;
mod key;
mod layer;
mod memo;
mod rule;
mod service;
mod state;
mod stats;
mod store;
mod table;

/// What `flight` is made of. Its test puts shuttle's in the place of these.
mod sync {
    pub(crate) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
}

pub use context::AuthorizationContext;
pub use fill::META_KEY;
pub use future::ResponseFuture;
pub use handle::CacheHandle;
pub use layer::CacheLayer;
pub use rule::Freshness;
pub use service::Cache;
pub use stats::{Bypass, Eviction, NotStored, Stats, StoreEvent};
pub use store::{
    CacheStore, Group, Lookup, StoreEpoch, StoreError, StoreFuture, StoreKey, StoredEntry,
};
