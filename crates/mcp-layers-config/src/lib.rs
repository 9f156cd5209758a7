//! Settings for MCP middleware from files and environment variables: strict keys, values with units,
//! profiles, secrets by reference, and a reload without a restart.
//!
//! [`Settings`] has a table for each layer of mcp-layers, with a key for each setter. It is plain serde, and
//! reads no files: `toml`, `serde_json`, `figment` and `config` do. [`Settings::build`] makes the layers, and
//! a [`ConfigHandle`] that changes them while the server runs.
//!
//! # Example
//!
#![cfg_attr(all(feature = "rate-limit", feature = "timeout"), doc = "```")]
#![cfg_attr(not(all(feature = "rate-limit", feature = "timeout")), doc = "```text")]
//! use mcp_layers_config::{ConfigError, Settings};
//! use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpResponse};
//! use serde_json::json;
//! use std::convert::Infallible;
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! fn exports(quota: &str) -> Result<Settings, ConfigError> {
//!     let text = format!("[rate_limit.rules.exports]\nquota = '{quota}'\ntools = ['export_*']");
//!     Settings::read(text.parse::<toml::Table>().expect("it is TOML"))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (layers, config) = exports("2/day")?.build()?;
//! let service = ServiceBuilder::new()
//!     .option_layer(layers.rate_limit)
//!     .option_layer(layers.timeout)
//!     .service_fn(|request: JsonRpcRequest| async move {
//!         Ok::<_, Infallible>(JsonRpcResponse::success(&request, json!({ "content": [] })))
//!     });
//! let export = || service.clone().oneshot(JsonRpcRequest::call_tool(1, "export_all", json!({})));
//! export().await?;
//! export().await?;
//! assert_eq!(export().await?.outcome().code(), Some(429));
//!
//! // Two calls stay spent.
//! let report = config.reload(&exports("3/day")?)?;
//! assert_eq!(report.changed, ["rate_limit.rules.exports.quota"]);
//! assert_eq!(export().await?.outcome().code(), None);
//! assert_eq!(export().await?.outcome().code(), Some(429));
//!
//! let error = exports("5").unwrap_err();
//! assert_eq!(error.path(), "rate_limit.rules.exports.quota");
//! assert_eq!(error.message(), "a number without a unit: write \"100/min\"");
//! # Ok(())
//! # }
//! ```
//!
//! # Rules
//!
//! 1. A key is named like the setter or the constructor's parameter that it sets, and has the layer's
//!    default. Rules, and everything else that there can be many of, are tables by name, so that variables
//!    can set one key of one of them. The [page of all keys](https://docs.rs/crate/mcp-layers-config/latest/source/docs/settings.md)
//!    lists them.
//! 2. A layer exists if its table does. Functions, clocks and stores outside of the process are set in code:
//!    a layer is a plain value, whose setters can be called before it goes into the stack.
//! 3. Durations, sizes, quotas and shares are texts with a unit ([`TimeSpan`], [`ByteSize`], [`Rate`],
//!    [`Percent`]). A bare number, an unknown key and a missing one are errors with the path of the key
//!    ([`ConfigError::path`]).
//! 4. A secret is a reference, `env:NAME` or `file:/path` ([`Secret`]). A literal one is refused, and no error
//!    of [`Settings::read`] repeats a value. To keep this for texts that cannot be parsed, take the message of
//!    toml's error, not its `Display`, which shows the line.
//! 5. A [`Profile`] gives values to keys that are not set. [`Settings::check_address`] refuses the development
//!    profile on all addresses but loopback; the production profile requires an audit log.
//! 6. A reload applies everything that can change while the layers run, or nothing. [`Report`] lists the keys
//!    that changed and those that need a restart; the generation counts reloads without an error. Budgets, cached
//!    results, circuits, sessions and files stay as they are.
//! 7. Each reload is one `tracing` event, with the target `mcp_layers::config`. `ConfigHandle::gauges` (feature
//!    `events`) exports the generation, and whether the last reload failed. Tell [`ConfigHandle::not_read`] of
//!    settings that could not be read.
//!
//! # Files and variables
//!
//! Later sources override earlier ones, key by key. With figment:
//!
//! ```
//! use figment::{Figment, providers::{Env, Serialized}};
//! use mcp_layers_config::{ConfigError, Settings};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let text = "";
//! // `text` is the file. `figment::providers::Toml` would take a missing one for an empty one, and its errors
//! // show the line.
//! let table: toml::Table = toml::from_str(text).map_err(|e| ConfigError::new("", e.message()))?;
//! let merged = Figment::from(Serialized::defaults(table))
//!     // MCP_LAYERS_RATE_LIMIT__RULES__PER_TOOL__QUOTA=5/s
//!     .merge(Env::prefixed("MCP_LAYERS_").split("__"));
//! let settings = Settings::read(merged.extract::<serde_json::Value>()?)?;
//! # let _ = settings;
//! # Ok(())
//! # }
//! ```
//!
//! An unknown variable with the prefix is an unknown key, and an error. `config::Config` is a deserializer
//! itself, with `Environment::try_parsing(true)`. Names with capital letters need a file.
//!
//! # Ordering
//!
//! The fields of [`Layers`] are in the recommended order, from the outermost to the innermost. `address_limit`
//! and `authenticate` go around the HTTP transport. They change the type of bodies, so add them with `layer`.
//! `CatchErrorLayer` and `CatchPanicLayer` have no settings, and go between `error_mask` and `drain`;
//! `CancelLayer` goes between `drain` and `authorize`.
//!
//! # Cost
//!
//! None while requests are served. A reload builds all layers once more to check the settings.
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
#[cfg(feature = "schema")]
mod schema;
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

#[cfg(all(doctest, feature = "full"))]
#[doc = include_str!("../README.md")]
struct Readme;
