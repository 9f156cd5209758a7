//! rmcp's own types, seen as the core vocabulary sees requests and responses.

#[cfg(any(feature = "client", feature = "server"))]
pub(crate) mod params;
pub(crate) mod response;
#[cfg_attr(not(feature = "server"), allow(dead_code))]
pub(crate) mod result;
mod texts;
