//! Settings for MCP middleware.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "rate-limit-http")]
#[cfg_attr(docsrs, doc(cfg(feature = "rate-limit-http")))]
pub mod address_limit;
#[cfg(feature = "audit")]
#[cfg_attr(docsrs, doc(cfg(feature = "audit")))]
pub mod audit;
#[cfg(feature = "authenticate")]
#[cfg_attr(docsrs, doc(cfg(feature = "authenticate")))]
pub mod authenticate;
#[cfg(feature = "authorize")]
#[cfg_attr(docsrs, doc(cfg(feature = "authorize")))]
pub mod authorize;
#[cfg(feature = "cache")]
#[cfg_attr(docsrs, doc(cfg(feature = "cache")))]
pub mod cache;
#[cfg(feature = "circuit-breaker")]
#[cfg_attr(docsrs, doc(cfg(feature = "circuit-breaker")))]
pub mod circuit_breaker;
#[cfg(feature = "rate-limit")]
#[cfg_attr(docsrs, doc(cfg(feature = "rate-limit")))]
pub mod concurrency_limit;
mod diff;
#[cfg(feature = "drain")]
#[cfg_attr(docsrs, doc(cfg(feature = "drain")))]
pub mod drain;
mod error;
#[cfg(feature = "error-mask")]
#[cfg_attr(docsrs, doc(cfg(feature = "error-mask")))]
pub mod error_mask;
#[cfg(feature = "events")]
#[cfg_attr(docsrs, doc(cfg(feature = "events")))]
pub mod events;
mod handle;
#[cfg(feature = "util")]
#[cfg_attr(docsrs, doc(cfg(feature = "util")))]
pub mod local_principal;
mod presets;
mod profile;
#[cfg(feature = "rate-limit")]
#[cfg_attr(docsrs, doc(cfg(feature = "rate-limit")))]
pub mod rate_limit;
mod read;
#[cfg(any(feature = "error-mask", feature = "trace"))]
pub mod redactor;
#[cfg(feature = "retry")]
#[cfg_attr(docsrs, doc(cfg(feature = "retry")))]
pub mod retry;
mod settings;
#[cfg(any(feature = "timing", feature = "trace"))]
pub mod side;
mod table;
#[cfg(feature = "timeout")]
#[cfg_attr(docsrs, doc(cfg(feature = "timeout")))]
pub mod timeout;
#[cfg(feature = "timing")]
#[cfg_attr(docsrs, doc(cfg(feature = "timing")))]
pub mod timing;
#[cfg(feature = "trace")]
#[cfg_attr(docsrs, doc(cfg(feature = "trace")))]
pub mod trace;
mod value;

pub use error::ConfigError;
pub use handle::{ConfigHandle, Report};
pub use profile::Profile;
pub use settings::{Layers, Settings};
pub use value::{ByteSize, Per, Percent, Rate, Secret, TimeSpan};
