//! Settings for MCP middleware.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod diff;
mod error;
mod handle;
mod presets;
mod profile;
#[cfg(feature = "rate-limit")]
pub mod rate_limit;
mod read;
#[cfg(feature = "retry")]
pub mod retry;
mod settings;
mod table;
#[cfg(feature = "timeout")]
pub mod timeout;
mod value;

pub use error::ConfigError;
pub use handle::{ConfigHandle, Report};
pub use profile::Profile;
pub use settings::{Layers, Settings};
pub use value::{ByteSize, Per, Percent, Rate, Secret, TimeSpan};
