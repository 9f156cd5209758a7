//! The components of a bucket's key.

use std::{fmt, hash::BuildHasher, sync::Arc};

use mcp_layers_core::{KeyHasher, KeyWriter, McpRequest, Method, Principal};

use crate::{
    address::{IPV6_PREFIX, address, prefix, site, write_address},
    call::{Call, principal},
};

/// A component of a bucket's key: calls with equal keys share a budget. Calls without a component
/// share one value of it, so that they are never unlimited.
#[derive(Clone)]
#[non_exhaustive]
pub enum KeyComponent {
    /// Subject and issuer of the verified principal. All callers without a verified principal share
    /// one anonymous value.
    Principal,
    /// The tenant of the verified principal.
    Tenant,
    /// The OAuth client of the verified principal.
    ClientId,
    /// The tool of a `tools/call`; for other requests, the method. All tools that the
    /// [`Catalog`](mcp_layers_core::Catalog) does not know share one value, because callers invent
    /// their names. Tools that a rule names exactly are known too.
    Tool,
    /// The method.
    Method,
    /// The client's address: [`ClientAddress`](crate::ClientAddress), otherwise that of the peer.
    /// The first 64 bits of an IPv6 address, because one client has as many addresses.
    ClientAddress,
    /// The result of a function, see [`KeyComponent::custom`].
    Custom(Arc<Compute>),
}

type Compute = dyn Fn(&Call<'_>) -> Option<String> + Send + Sync;

impl KeyComponent {
    /// A component computed by a function, which runs on every call that the rule applies to. Values
    /// that callers choose freely make no limit.
    pub fn custom(compute: impl Fn(&Call<'_>) -> Option<String> + Send + Sync + 'static) -> Self {
        Self::Custom(Arc::new(compute))
    }

    /// True if new values of the component come from callers, so that they count to a share.
    pub(crate) fn is_per_caller(&self) -> bool {
        matches!(
            self,
            Self::Principal | Self::ClientAddress | Self::Custom(_)
        )
    }

    /// Writes the component. `is_known`: whether the server offers the request's target.
    pub(crate) fn write<Req: McpRequest>(
        &self,
        request: &Req,
        is_known: bool,
        key: &mut KeyWriter<'_>,
    ) {
        match self {
            Self::Principal => {
                let principal = principal(request);
                key.optional(principal.map(Principal::subject))
                    .optional(principal.and_then(Principal::issuer));
            }
            Self::Tenant => {
                key.optional(principal(request).and_then(Principal::tenant));
            }
            Self::ClientId => {
                key.optional(principal(request).and_then(Principal::client_id));
            }
            Self::Tool => match request.method() {
                Method::CallTool => {
                    let tool = request.target().filter(|_| is_known);
                    key.tag(b't').optional(tool);
                }
                method => {
                    key.tag(b'm').text(method.as_str());
                }
            },
            Self::Method => {
                key.text(request.method().as_str());
            }
            Self::ClientAddress => {
                write_address(key, prefix(address(request), IPV6_PREFIX));
            }
            Self::Custom(compute) => {
                key.optional(compute(&Call::new(request, is_known)).as_deref());
            }
        }
    }
}

/// True if the stack's catalog knows the target. Without a catalog, no target is known.
pub(crate) fn is_known<Req: McpRequest>(request: &Req) -> bool {
    let catalog = request.context().catalog();
    catalog.is_some_and(|catalog| catalog.knows_target(request))
}

/// A hash of the caller to whose share of a bounded table new keys count: the verified principal,
/// otherwise the site of the client's address.
pub(crate) fn caller_hash<Req: McpRequest>(request: &Req, hasher: &KeyHasher) -> u64 {
    match principal(request) {
        Some(principal) => hasher.hash_one((principal.subject(), principal.issuer())),
        None => hasher.hash_one(site(address(request))),
    }
}

impl fmt::Debug for KeyComponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Principal => "Principal",
            Self::Tenant => "Tenant",
            Self::ClientId => "ClientId",
            Self::Tool => "Tool",
            Self::Method => "Method",
            Self::ClientAddress => "ClientAddress",
            Self::Custom(_) => "Custom",
        })
    }
}
