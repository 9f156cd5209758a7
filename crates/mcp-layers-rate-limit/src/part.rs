//! Which budget of a rule a call goes to.

use std::{fmt, net::IpAddr, sync::Arc};

use mcp_layers_core::{McpRequest, Method, Principal};

use crate::{
    Call, KeyWriter,
    call::{address, principal},
};

/// By what a rule tells budgets apart. Calls for which a part says nothing share one budget in
/// respect of it: they never go free.
#[derive(Clone)]
#[non_exhaustive]
pub enum Part {
    /// The subject and issuer of the verified principal. Without one, or with a principal that is
    /// only claimed, the bucket of all anonymous callers.
    Principal,
    /// The tenant of the verified principal.
    Tenant,
    /// The OAuth client of the verified principal.
    ClientId,
    /// The tool of a `tools/call`. Any other request counts by its method.
    Tool,
    /// The method.
    Method,
    /// The client's address, as [`ClientAddress`](crate::ClientAddress) says it, else the other end
    /// of the socket. Of an IPv6 address the first 64 bits, because one client has as many.
    ClientAddress,
    /// What a function of your own says.
    Custom(Custom),
}

/// A function that tells budgets apart, see [`Part::custom`].
#[derive(Clone)]
pub struct Custom(Arc<Tell>);

type Tell = dyn Fn(&Call<'_>) -> Option<String> + Send + Sync;

impl Part {
    /// What a function says. It runs on every call that the rule applies to; what callers choose
    /// freely makes no limit.
    pub fn custom(tell: impl Fn(&Call<'_>) -> Option<String> + Send + Sync + 'static) -> Self {
        Self::Custom(Custom(Arc::new(tell)))
    }

    pub(crate) fn write<Req: McpRequest>(&self, request: &Req, key: &mut KeyWriter<'_>) {
        match self {
            Self::Principal => {
                let principal = principal(request);
                optional(key, principal.map(Principal::subject));
                optional(key, principal.and_then(Principal::issuer));
            }
            Self::Tenant => optional(key, principal(request).and_then(|who| who.tenant())),
            Self::ClientId => optional(key, principal(request).and_then(|who| who.client_id())),
            Self::Tool => {
                let method = request.method();
                if method == Method::CallTool {
                    optional(key, request.target());
                } else {
                    key.none();
                    key.part(method.as_str().as_bytes());
                }
            }
            Self::Method => key.part(request.method().as_str().as_bytes()),
            Self::ClientAddress => write_address(key, address(request), DEFAULT_IPV6_PREFIX),
            Self::Custom(tell) => optional(key, (tell.0)(&Call::new(request)).as_deref()),
        }
    }
}

/// How many bits of an IPv6 address tell clients apart: what a site gets at least (RFC 6177).
pub(crate) const DEFAULT_IPV6_PREFIX: u8 = 64;

pub(crate) fn write_address(key: &mut KeyWriter<'_>, address: Option<IpAddr>, ipv6_prefix: u8) {
    match address.map(|address| address.to_canonical()) {
        None => key.none(),
        Some(IpAddr::V4(address)) => key.part(&address.octets()),
        Some(IpAddr::V6(address)) => {
            let kept = u128::MAX.checked_shl(128 - u32::from(ipv6_prefix.min(128)));
            key.part(&(address.to_bits() & kept.unwrap_or(0)).to_be_bytes());
        }
    }
}

#[inline]
fn optional(key: &mut KeyWriter<'_>, part: Option<&str>) {
    match part {
        Some(part) => key.part(part.as_bytes()),
        None => key.none(),
    }
}

impl fmt::Debug for Part {
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

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Custom").finish_non_exhaustive()
    }
}
