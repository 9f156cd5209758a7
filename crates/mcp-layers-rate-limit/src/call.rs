//! The view of a call that costs and keys of your own are computed from.

use std::net::IpAddr;

use mcp_layers_core::{Arguments, McpRequest, Method, Principal};
use serde_json::{Map, Value};

use crate::address::address;

/// The view of a call that [`Rule::cost_by`](crate::Rule::cost_by) and
/// [`KeyComponent::custom`](crate::KeyComponent::custom) are given.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Call<'a> {
    /// The method.
    pub method: Method<'a>,
    /// The tool's or prompt's name, or the resource's uri.
    pub target: Option<&'a str>,
    /// True if the [`Catalog`](mcp_layers_core::Catalog) knows the target. Callers invent the
    /// names of unknown targets.
    pub is_known: bool,
    /// The arguments.
    pub arguments: Arguments<'a>,
    /// `params._meta`, which is proof of nothing.
    pub meta: Option<&'a Map<String, Value>>,
    /// The verified principal.
    pub principal: Option<&'a Principal>,
    /// The client's address.
    pub address: Option<IpAddr>,
}

impl<'a> Call<'a> {
    pub(crate) fn new<Req: McpRequest>(request: &'a Req, is_known: bool) -> Self {
        Self {
            method: request.method(),
            target: request.target(),
            is_known,
            arguments: request.arguments(),
            meta: request.meta(),
            principal: principal(request),
            address: address(request),
        }
    }
}

/// The principal, if it is verified: names that are only claimed would be budgets for the asking.
pub(crate) fn principal<Req: McpRequest>(request: &Req) -> Option<&Principal> {
    let principal = request.context().principal()?;
    principal.is_verified().then_some(principal)
}
