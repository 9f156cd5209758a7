//! The scope of a cached answer, in tower-mcp's words and in ours.

use mcp_layers_core::response::CacheScope;
use tower_mcp::protocol;

/// A scope that is not known is the narrowest.
pub(super) fn read(scope: protocol::CacheScope) -> CacheScope {
    match scope {
        protocol::CacheScope::Public => CacheScope::Public,
        _ => CacheScope::Private,
    }
}

pub(super) fn write(scope: CacheScope) -> protocol::CacheScope {
    match scope {
        CacheScope::Public => protocol::CacheScope::Public,
        _ => protocol::CacheScope::Private,
    }
}
