//! Rate limits: placeholder
mod address;
mod bulkhead;
mod call;
mod future;
mod gcra;
mod handle;
#[cfg(feature = "http")]
mod http;
mod layer;
mod memory;
mod part;
mod quota;
mod refusal;
mod rule;
mod rules;
mod service;
mod store;
mod sync;
mod timer;

pub use address::ClientAddress;
pub use bulkhead::{Bulkhead, BulkheadFuture, BulkheadLayer};
pub use call::Call;
pub use future::ResponseFuture;
pub use handle::{RateLimitHandle, RateLimitState, RuleState};
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use http::{AddressLimit, AddressLimitLayer, forwarded_address};
pub use layer::RateLimitLayer;
pub use memory::MemoryStore;
pub use part::{Custom, Part};
pub use quota::Quota;
pub use rule::Rule;
pub use service::RateLimit;
pub use store::{
    Acquire, Charge, Charges, Decision, KeyWriter, RateLimitStore, StoreState, Verdict,
};
