//! The stack of layers, in the recommended order; which of them are there is chosen by name.

use std::error::Error;

use mcp_layers::{
    BoxError,
    events::EventsLayer,
    rmcp::{Leaf, RmcpRequest, RmcpResponse},
    timing::TimingLayer,
    util::{CancelLayer, CatchErrorLayer, CatchPanicLayer},
};
use tower::{Layer, Service, ServiceExt, util::BoxCloneSyncService};

use super::{
    audit, auth, cache, concurrency_limit, drain, error_mask, rate_limit, retry,
    settings::{Flag, Settings},
    trace,
};

/// Every layer, from the outermost to the innermost. A new one is one line; if it has flags, they
/// and what is made of them stand in a file of its own.
const LAYERS: &[Entry] = &[
    Entry::part_of(auth::NAME, auth::local),
    Entry::chosen("trace", &[], trace::make),
    Entry::named("timing", &[], |_| put(TimingLayer::server())),
    Entry::named("events", &[], |_| put(EventsLayer::new())),
    Entry::chosen("audit", audit::FLAGS, audit::make),
    Entry::named("error-mask", error_mask::FLAGS, error_mask::make),
    Entry::always(|_| put(CatchErrorLayer::new())),
    Entry::always(|_| put(CatchPanicLayer::new())),
    Entry::chosen("drain", drain::FLAGS, drain::make),
    Entry::always(|_| put(CancelLayer::new())),
    Entry::chosen(auth::NAME, auth::FLAGS, auth::authorize),
    Entry::chosen(rate_limit::NAME, rate_limit::FLAGS, rate_limit::layer),
    Entry::chosen(
        "concurrency-limit",
        concurrency_limit::FLAGS,
        concurrency_limit::layer,
    ),
    Entry::named("cache", cache::FLAGS, cache::make),
    Entry::chosen("retry", retry::FLAGS, retry::retry),
    Entry::chosen(
        "circuit-breaker",
        retry::CIRCUIT_FLAGS,
        retry::circuit_breaker,
    ),
    Entry::chosen("timeout", retry::TIMEOUT_FLAGS, retry::timeout),
];

/// One type for every subset of the layers. It costs a box for each layer and request; a stack
/// that is fixed needs none of that, see `quickstart`.
pub(crate) type Boxed = BoxCloneSyncService<RmcpRequest, RmcpResponse, BoxError>;

/// Wraps a service in one layer.
pub(crate) type PutAround = Box<dyn Fn(Boxed) -> Boxed>;

/// Makes a layer of the flags.
type Make = fn(&Settings) -> Result<PutAround, Box<dyn Error>>;

struct Entry {
    name: Option<&'static str>,
    /// True for a layer of the default stack.
    default: bool,
    /// True for another part of the layer with its name.
    part: bool,
    flags: &'static [Flag],
    make: Make,
}

impl Entry {
    /// A layer that can be left out, and the flags that are its own.
    const fn named(name: &'static str, flags: &'static [Flag], make: Make) -> Self {
        Self {
            name: Some(name),
            default: true,
            part: false,
            flags,
            make,
        }
    }

    /// A layer that is there only if it is chosen by its name.
    const fn chosen(name: &'static str, flags: &'static [Flag], make: Make) -> Self {
        Self {
            default: false,
            ..Self::named(name, flags, make)
        }
    }

    /// A part of a layer at another place of the stack.
    const fn part_of(name: &'static str, make: Make) -> Self {
        Self {
            part: true,
            ..Self::chosen(name, &[], make)
        }
    }

    /// A layer without which a stack is not whole.
    const fn always(make: Make) -> Self {
        Self {
            name: None,
            default: true,
            part: false,
            flags: &[],
            make,
        }
    }
}

/// The layers that can be chosen, from the outermost to the innermost.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    LAYERS
        .iter()
        .filter(|entry| !entry.part)
        .filter_map(|entry| entry.name)
}

/// The layers of the default stack.
pub(crate) fn defaults() -> impl Iterator<Item = &'static str> {
    LAYERS
        .iter()
        .filter(|entry| entry.default)
        .filter_map(|entry| entry.name)
}

/// The flags of all layers.
pub(crate) fn flags() -> impl Iterator<Item = &'static Flag> {
    LAYERS.iter().flat_map(|entry| entry.flags)
}

/// The layers of a choice; itself a layer, which puts them all around a service.
pub(crate) struct Layers(Vec<PutAround>);

impl Layers {
    /// Makes the chosen layers.
    ///
    /// # Errors
    /// What a layer says of its settings.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Box<dyn Error>> {
        if let Some(config) = settings.config() {
            return config.layers(settings).map(Self);
        }
        let chosen = LAYERS
            .iter()
            .filter(|entry| entry.name.is_none_or(|name| settings.has_layer(name)));
        chosen
            .map(|entry| (entry.make)(settings))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl Layer<Leaf> for Layers {
    type Service = Boxed;

    fn layer(&self, leaf: Leaf) -> Boxed {
        let leaf = BoxCloneSyncService::new(leaf.map_err(BoxError::from));
        self.0
            .iter()
            .rfold(leaf, |inner, put_around| put_around(inner))
    }
}

/// Makes the entry of a layer whose settings cannot be wrong.
pub(crate) fn put<L>(layer: L) -> Result<PutAround, Box<dyn Error>>
where
    L: Layer<Boxed> + 'static,
    L::Service: Service<RmcpRequest, Response = RmcpResponse> + Clone + Send + Sync + 'static,
    <L::Service as Service<RmcpRequest>>::Error: Into<BoxError>,
    <L::Service as Service<RmcpRequest>>::Future: Send + 'static,
{
    Ok(Box::new(move |inner| {
        BoxCloneSyncService::new(layer.layer(inner).map_err(Into::into))
    }))
}
