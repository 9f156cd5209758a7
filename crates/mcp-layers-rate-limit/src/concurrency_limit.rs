//! A limit on the number of calls in flight.

mod future;
mod layer;
mod permits;
mod service;
mod settings;

pub use future::ConcurrencyLimitFuture;
pub use layer::ConcurrencyLimitLayer;
pub use permits::{ConcurrencyLimitHandle, ConcurrencyLimitStats};
pub use service::ConcurrencyLimit;
