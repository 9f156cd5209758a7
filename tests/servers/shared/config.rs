//! The layers of a settings file, `--config`, and its reload on SIGHUP.
//!
//! Variables win over the file: `MCP_LAYERS_TIMEOUT__MAXIMUM` is the key `timeout.maximum`.

use std::{error::Error, fs, path::PathBuf, time::Duration};

use figment::{
    Figment,
    providers::{Env, Serialized},
};
use mcp_layers::{
    config::{ConfigError, ConfigHandle, Settings as LayerSettings},
    util::{CancelLayer, CatchErrorLayer, CatchPanicLayer},
};

use super::{
    audit, auth, cache, drain,
    layers::{PutAround, put},
    options::Transport,
    rate_limit, retry,
    settings::Settings,
};

const PREFIX: &str = "MCP_LAYERS_";

/// A settings file that was read.
pub(crate) struct Config {
    file: PathBuf,
    settings: LayerSettings,
}

impl Config {
    /// Reads the file and the variables, and checks all of it.
    ///
    /// # Errors
    /// With the path of the key, and never with a value.
    pub(crate) fn read(file: &str, transport: Transport) -> Result<Self, ConfigError> {
        let file = PathBuf::from(file);
        let settings = read(&file)?;
        if let Transport::Http(address) = transport {
            settings.check_address(address)?;
        }
        if settings.authenticate.is_some() && settings.authorize.is_none() {
            let problem = "the table `authenticate` needs it";
            return Err(ConfigError::new("authorize", problem));
        }
        Ok(Self { file, settings })
    }

    /// The settings in force as a file, with secrets as references.
    pub(crate) fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(&self.settings)
    }

    /// Makes the layers, from the outermost to the innermost.
    ///
    /// # Errors
    /// What a layer says of its settings.
    pub(super) fn layers(&self, settings: &Settings) -> Result<Vec<PutAround>, Box<dyn Error>> {
        let (layers, handle) = self.settings.build()?;
        if let (Some(authenticate), Some(authorize), Some(keys)) = (
            layers.authenticate,
            &layers.authorize,
            &self.settings.authorize,
        ) {
            settings.set_edge((authenticate, keys.http.layer(authorize)?));
        }
        let file = handle.audit_file().cloned();
        self.reload_on_sighup(settings, handle)?;
        let entries = [
            layers.local_principal.map(put),
            layers.trace.map(put),
            layers.timing.map(put),
            layers.events.map(put),
            layers.audit.map(|layer| audit::keep(settings, file, layer)),
            layers.error_mask.map(put),
            Some(put(CatchErrorLayer::new())),
            Some(put(CatchPanicLayer::new())),
            layers.drain.map(|layer| drain::keep(layer, Duration::ZERO)),
            Some(put(CancelLayer::new())),
            layers.authorize.map(auth::with_principal),
            layers
                .rate_limit
                .map(|layer| rate_limit::with_gauges(settings, layer)),
            layers.concurrency_limit.map(put),
            layers.cache.map(|layer| cache::keep(settings, layer)),
            layers.retry.map(put),
            layers
                .circuit_breaker
                .map(|layer| retry::circuits(settings, layer)),
            layers.timeout.map(put),
        ];
        entries.into_iter().flatten().collect()
    }

    /// Reads the file again after each SIGHUP. A file with an error changes nothing.
    fn reload_on_sighup(
        &self,
        settings: &Settings,
        handle: ConfigHandle,
    ) -> Result<(), Box<dyn Error>> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut hangup = signal(SignalKind::hangup())?;
        let file = self.file.clone();
        settings.add_gauges(|gauges| handle.gauges(gauges));
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                match read(&file) {
                    // It logs what it has done.
                    Ok(settings) => drop(handle.reload(&settings)),
                    Err(error) => handle.not_read(&error),
                }
            }
        });
        Ok(())
    }
}

fn read(file: &PathBuf) -> Result<LayerSettings, ConfigError> {
    let text = fs::read_to_string(file).map_err(|error| ConfigError::new("", error))?;
    // The whole error of the parser would show the line.
    let table = toml::from_str::<toml::Table>(&text);
    let table = table.map_err(|error| ConfigError::new("", error.message()))?;
    let merged =
        Figment::from(Serialized::defaults(table)).merge(Env::prefixed(PREFIX).split("__"));
    let merged = merged.extract::<serde_json::Value>();
    let settings = LayerSettings::read(merged.map_err(|error| ConfigError::new("", error))?)?;
    settings.check()?;
    Ok(settings)
}
