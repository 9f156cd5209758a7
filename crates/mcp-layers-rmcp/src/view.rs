//! rmcp's own types, seen as the core vocabulary sees requests and responses.

#[cfg(any(feature = "client", feature = "server"))]
pub(crate) mod params;
pub(crate) mod response;
mod result;
mod texts;
