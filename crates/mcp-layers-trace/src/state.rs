//! The state that all services of a layer share.

use mcp_layers_core::Catalog;

use crate::settings::Settings;

#[derive(Debug, Clone)]
pub(crate) struct State<B> {
    pub(crate) backend: B,
    pub(crate) settings: Settings,
    /// The names that the server is known to have, where the request carries no catalog.
    pub(crate) catalog: Catalog,
}
