//! The settings: a file, environment variables over it, and what they may be.

use figment::{
    Figment,
    providers::{Env, Serialized},
};
use mcp_layers::{
    BoxError,
    config::{self, ConfigError, Secret, TimeSpan},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{fmt::Display, fs, net::SocketAddr, num::NonZeroU8, path::Path};

/// `MCP_LAYERS_RATE_LIMIT__RULES__PER_TOOL__QUOTA` is the key `rate_limit.rules.per_tool.quota`.
const PREFIX: &str = "MCP_LAYERS_";

/// All settings.
pub(crate) struct Settings {
    pub(crate) server: Server,
    pub(crate) layers: config::Settings,
}

/// The settings of this server, in the table `[server]`. Those of the layers are the other tables.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Server {
    /// The address of MCP.
    pub(crate) address: SocketAddr,
    /// The address of `/metrics`, `/livez` and `/readyz`: not for the public.
    pub(crate) pages: SocketAddr,
    /// The names that callers reach the server by.
    pub(crate) hosts: Vec<String>,
    /// The number of proxies in front; none of them unless it is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) proxies: Option<NonZeroU8>,
    /// The time that calls have to end after SIGTERM.
    pub(crate) drain: TimeSpan,
    /// The URL of a Redis in which all replicas share the budgets of the rate limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) redis: Option<Secret>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 8000)),
            pages: SocketAddr::from(([127, 0, 0, 1], 9100)),
            hosts: ["localhost", "127.0.0.1", "::1"].map(String::from).into(),
            proxies: None,
            drain: TimeSpan::from_secs(25),
            redis: None,
        }
    }
}

/// Reads the file, puts the variables over it, and checks all of it.
///
/// # Errors
/// With the path of the key, and never with a value.
pub(crate) fn read(file: &Path) -> Result<Settings, ConfigError> {
    let problem = |error: &dyn Display| ConfigError::new("", error);
    let text = fs::read_to_string(file).map_err(|error| problem(&error))?;
    // The whole error of the parser would show the line.
    let table = toml::from_str::<toml::Table>(&text).map_err(|error| problem(&error.message()))?;
    let mut all: Value = Figment::from(Serialized::defaults(table))
        .merge(Env::prefixed(PREFIX).split("__"))
        .extract()
        .map_err(|error| problem(&error))?;
    let server = all.as_object_mut().and_then(|all| all.remove("server"));
    let server: Server = serde_json::from_value(server.unwrap_or_else(|| json!({})))
        .map_err(|error| ConfigError::new("server", error))?;
    let layers = config::Settings::read(all)?;
    layers.check_address(server.address)?;
    layers.check()?;
    Ok(Settings { server, layers })
}

impl Settings {
    /// The settings in force as a file, with secrets as references.
    pub(crate) fn to_toml(&self) -> Result<String, BoxError> {
        let layers = toml::to_string(&self.layers)?;
        Ok(format!(
            "{layers}\n[server]\n{}",
            toml::to_string(&self.server)?
        ))
    }
}
