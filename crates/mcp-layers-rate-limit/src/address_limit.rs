//! A limit for each client address, around HTTP.

mod forwarded;
mod layer;
mod service;
mod settings;
mod state;

pub use forwarded::forwarded_address;
pub use layer::AddressLimitLayer;
pub use service::AddressLimit;
pub use state::{AddressLimitHandle, AddressLimitStats};
