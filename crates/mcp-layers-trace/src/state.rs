//! The state that all services of a layer share.

use mcp_layers_core::{Catalog, Clock};
use mcp_layers_redact::Redactor;

use crate::settings::Settings;

#[derive(Debug, Clone)]
pub(crate) struct State<B> {
    pub(crate) backend: B,
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    /// The names that the server is known to have, where the request carries no catalog.
    pub(crate) catalog: Catalog,
    /// Takes credentials out of descriptions.
    pub(crate) redactor: Redactor,
}
