//! What a rule of your own sees of a call.

use std::net::IpAddr;

use mcp_layers_core::{Arguments, McpRequest, Method, Principal};
use serde_json::{Map, Value};

use crate::ClientAddress;

/// What costs and keys of your own are worked out from.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Call<'a> {
    /// The method.
    pub method: Method<'a>,
    /// What it is about: a tool's or prompt's name, a resource's uri.
    pub target: Option<&'a str>,
    /// The arguments.
    pub arguments: Arguments<'a>,
    /// `params._meta`. Says nothing that is proved.
    pub meta: Option<&'a Map<String, Value>>,
    /// Who is calling, if somebody verified it.
    pub principal: Option<&'a Principal>,
    /// Where the call comes from.
    pub address: Option<IpAddr>,
}

impl<'a> Call<'a> {
    pub(crate) fn new<Req: McpRequest>(request: &'a Req) -> Self {
        Self {
            method: request.method(),
            target: request.target(),
            arguments: request.arguments(),
            meta: request.meta(),
            principal: principal(request),
            address: address(request),
        }
    }
}

/// The principal, if it is verified: a name that is only claimed would be a budget for the asking.
pub(crate) fn principal<Req: McpRequest>(request: &Req) -> Option<&Principal> {
    let principal = request.context().principal()?;
    principal.is_verified().then_some(principal)
}

/// The address that the HTTP edge found, else that of the socket's other end.
pub(crate) fn address<Req: McpRequest>(request: &Req) -> Option<IpAddr> {
    let found = request.extension::<ClientAddress>();
    found.map_or_else(|| request.connection().peer_address, |found| Some(found.0))
}
