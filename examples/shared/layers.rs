//! The stack of layers, in the recommended order; which of them are there is chosen by name.

use mcp_layers::{
    core::{BoxError, CancelLayer, CatchErrorLayer, CatchPanicLayer},
    rmcp::{Leaf, RmcpRequest, RmcpResponse},
    timing::TimingLayer,
};
use tower::{Layer, Service, ServiceExt, util::BoxCloneSyncService};

/// Every layer, from the outermost to the innermost. A new one is one line.
const LAYERS: &[Entry] = &[
    Entry::named("timing", |inner| wrap(TimingLayer::server(), inner)),
    Entry::always(|inner| wrap(CatchErrorLayer::new(), inner)),
    Entry::always(|inner| wrap(CatchPanicLayer::new(), inner)),
    Entry::always(|inner| wrap(CancelLayer::new(), inner)),
];

/// One type for every subset of the layers. It costs a box for each layer and request; a stack
/// that is fixed needs none of that, see `quickstart`.
pub(crate) type Boxed = BoxCloneSyncService<RmcpRequest, RmcpResponse, BoxError>;

struct Entry {
    name: Option<&'static str>,
    put_around: fn(Boxed) -> Boxed,
}

impl Entry {
    /// A layer that can be left out.
    const fn named(name: &'static str, put_around: fn(Boxed) -> Boxed) -> Self {
        Self {
            name: Some(name),
            put_around,
        }
    }

    /// A layer without which a stack is not whole.
    const fn always(put_around: fn(Boxed) -> Boxed) -> Self {
        Self {
            name: None,
            put_around,
        }
    }
}

/// A choice of layers; itself a layer, which puts them all around a service.
pub(crate) struct Layers(Vec<&'static str>);

impl Layers {
    /// The layers that can be chosen, from the outermost to the innermost.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        LAYERS.iter().filter_map(|entry| entry.name)
    }

    pub(crate) fn all() -> Self {
        Self(Self::names().collect())
    }

    /// The layers in a list such as `timing,cache`. Its order does not matter; an empty list
    /// chooses none.
    pub(crate) fn parse(list: &str) -> Result<Self, String> {
        let find = |name: &str| {
            let known = Self::names().find(|known| *known == name);
            known.ok_or_else(|| format!("unknown layer {name:?}"))
        };
        let names = list.split(',').filter(|name| !name.is_empty());
        names.map(find).collect::<Result<_, _>>().map(Self)
    }

    fn contains(&self, entry: &Entry) -> bool {
        entry.name.is_none_or(|name| self.0.contains(&name))
    }
}

impl Layer<Leaf> for Layers {
    type Service = Boxed;

    fn layer(&self, leaf: Leaf) -> Boxed {
        let chosen = LAYERS.iter().filter(|entry| self.contains(entry));
        let leaf = BoxCloneSyncService::new(leaf.map_err(BoxError::from));
        chosen.rfold(leaf, |inner, entry| (entry.put_around)(inner))
    }
}

fn wrap<L>(layer: L, inner: Boxed) -> Boxed
where
    L: Layer<Boxed>,
    L::Service: Service<RmcpRequest, Response = RmcpResponse> + Clone + Send + Sync + 'static,
    <L::Service as Service<RmcpRequest>>::Error: Into<BoxError>,
    <L::Service as Service<RmcpRequest>>::Future: Send + 'static,
{
    BoxCloneSyncService::new(layer.layer(inner).map_err(Into::into))
}
