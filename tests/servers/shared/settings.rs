//! The chosen layers, and their flags.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    fmt::Display,
    str::FromStr,
    sync::OnceLock,
};

use mcp_layers::{
    authenticate::AuthenticateLayer,
    authorize::AuthorizeHttpLayer,
    cache::CacheHandle,
    events::{GaugeWriter, Gauges},
};

use super::{config::Config, layers};

/// A flag with a value that a layer reads.
pub(crate) struct Flag {
    /// With its two dashes.
    pub(crate) name: &'static str,
    /// The placeholder of the value in the help.
    pub(crate) value: &'static str,
    pub(crate) help: &'static str,
}

/// The chosen layers, and their flags.
pub(crate) struct Settings {
    layers: Vec<&'static str>,
    values: HashMap<&'static str, Vec<String>>,
    cache: OnceLock<CacheHandle>,
    gauges: RefCell<Gauges>,
    config: Option<Config>,
    edge: Cell<Option<HttpLayers>>,
}

/// The layers outside the transport.
type HttpLayers = (AuthenticateLayer, AuthorizeHttpLayer);

impl Settings {
    /// Every layer but those that must be chosen by name, and no flag.
    pub(crate) fn new() -> Self {
        Self {
            layers: layers::defaults().collect(),
            values: HashMap::new(),
            cache: OnceLock::new(),
            gauges: RefCell::default(),
            config: None,
            edge: Cell::default(),
        }
    }

    /// The layers of a settings file, in place of those of flags.
    pub(crate) fn of_config(config: Config) -> Self {
        Self {
            layers: Vec::new(),
            config: Some(config),
            ..Self::new()
        }
    }

    /// A flag of a layer that was set, if there is one.
    pub(crate) fn any_flag(&self) -> Option<&'static str> {
        self.values.keys().next().copied()
    }

    /// The settings file.
    pub(crate) fn config(&self) -> Option<&Config> {
        self.config.as_ref()
    }

    /// Keeps the layers outside the transport, for the server that puts them there.
    pub(crate) fn set_edge(&self, layers: HttpLayers) {
        self.edge.set(Some(layers));
    }

    /// The layers outside the transport that the settings file has.
    pub(crate) fn take_edge(&self) -> Option<HttpLayers> {
        self.edge.take()
    }

    /// Chooses the layers in a list such as `timing,cache`. Its order does not matter; an empty
    /// list chooses none.
    ///
    /// # Errors
    /// The name that no layer has.
    pub(crate) fn choose(&mut self, list: &str) -> Result<(), String> {
        let find = |name: &str| {
            let known = layers::names().find(|known| *known == name);
            known.ok_or_else(|| format!("unknown layer {name:?}"))
        };
        let names = list.split(',').filter(|name| !name.is_empty());
        self.layers = names.map(find).collect::<Result<_, _>>()?;
        Ok(())
    }

    pub(crate) fn has_layer(&self, name: &str) -> bool {
        self.layers.contains(&name)
    }

    /// Keeps the handle of the cache that was made, for the server that has to tell it of changes.
    pub(crate) fn set_cache(&self, handle: CacheHandle) {
        let _ = self.cache.set(handle);
    }

    /// The cache, once the layers are made and if it is one of them.
    #[allow(dead_code, reason = "not every server has changes to tell of")]
    pub(crate) fn cache(&self) -> Option<&CacheHandle> {
        self.cache.get()
    }

    /// Adds a read-out of the layer that is being made.
    pub(crate) fn gauges(&self, read: impl Fn(&mut GaugeWriter<'_>) + Send + Sync + 'static) {
        self.add_gauges(|gauges| gauges.read(read));
    }

    /// Adds read-outs of something else.
    pub(crate) fn add_gauges(&self, add: impl FnOnce(Gauges) -> Gauges) {
        self.gauges.replace(add(self.gauges.take()));
    }

    /// The read-outs of all layers, once they are made.
    #[allow(dead_code, reason = "not every server has a page of metrics")]
    pub(crate) fn take_gauges(&self) -> Gauges {
        self.gauges.take()
    }

    /// Sets a flag; one that is given twice has two values.
    pub(crate) fn set(&mut self, flag: &Flag, value: String) {
        self.values.entry(flag.name).or_default().push(value);
    }

    /// The last value of a flag.
    pub(crate) fn get(&self, flag: &Flag) -> Option<&str> {
        self.all(flag).last().map(String::as_str)
    }

    /// Every value of a flag, in the order in which they were given.
    pub(crate) fn all(&self, flag: &Flag) -> &[String] {
        self.values.get(flag.name).map_or(&[], Vec::as_slice)
    }

    /// The last value of a flag, read as what the layer needs.
    ///
    /// # Errors
    /// Which flag has a value that cannot be read.
    pub(crate) fn parse<T>(&self, flag: &Flag) -> Result<Option<T>, String>
    where
        T: FromStr,
        T::Err: Display,
    {
        let read = |value: &str| {
            let problem = |error| format!("{} {value:?}: {error}", flag.name);
            value.parse().map_err(problem)
        };
        self.get(flag).map(read).transpose()
    }
}
