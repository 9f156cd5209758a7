//! The caller, as a handler behind HTTP knows it.

use std::sync::Arc;

use axum::http::request::Parts;
use mcp_layers::Principal;
use rmcp::{
    RoleServer,
    schemars::{self, JsonSchema},
    service::RequestContext,
};
use serde::Serialize;

#[derive(Serialize, JsonSchema)]
pub(crate) struct Caller {
    /// The subject of the principal that a layer in front of rmcp verified.
    principal: Option<String>,
    /// The names of the HTTP headers that have come as far as the handler.
    headers: Vec<String>,
}

/// Reads what layers and rmcp keep beside the MCP request; over standard input there are no headers.
pub(crate) fn caller(context: &RequestContext<RoleServer>) -> Caller {
    let parts = context.extensions.get::<Parts>();
    let headers = parts.map(|parts| &parts.headers);
    let names = headers.into_iter().flat_map(|headers| headers.keys());
    let mut headers: Vec<_> = names.map(ToString::to_string).collect();
    headers.sort();
    Caller {
        principal: principal(context).map(|principal| principal.subject().to_owned()),
        headers,
    }
}

/// A layer of the stack puts it beside the MCP request, one in front of rmcp into the HTTP request.
pub(crate) fn principal(context: &RequestContext<RoleServer>) -> Option<&Principal> {
    let shown = context.extensions.get::<Arc<Principal>>();
    let found = shown.or_else(|| {
        let extensions = &context.extensions.get::<Parts>()?.extensions;
        extensions.get::<Arc<Principal>>()
    });
    found.map(AsRef::as_ref)
}
