//! Parts that the benches and the test of allocations share: a server that does next to nothing, layers
//! that do nothing, and three ways to make a call.
#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "nothing that shares it needs all of it"
)]

mod by_hand;
mod call;
mod exporter;
mod json_rpc;
mod no_op;
mod pipe;
mod rate_limit;
mod server;
mod whole;

pub(crate) use by_hand::ByHand;
pub(crate) use call::{Call, Era, answer};
pub(crate) use exporter::{exporter, timing, upkeep};
pub(crate) use json_rpc::{
    Leaf as JsonRpcLeaf, answer as answer_json_rpc, call as call_json_rpc,
    request as json_rpc_request,
};
pub(crate) use no_op::{Boxed, NoOp, seven};
pub(crate) use pipe::Pipe;
pub(crate) use rate_limit::rate_limit;
pub(crate) use server::{Echo, params};
pub(crate) use whole::{
    SeenToken, TOKEN, ada, audit, authorize, cache, circuit_breaker, local_principal, retry,
    timeout, whole,
};

/// The catalog of a server with one tool.
pub(crate) fn catalog() -> mcp_layers_core::CatalogLayer {
    mcp_layers_core::CatalogLayer::new(mcp_layers_core::Catalog::new().with_tools(["dig"]))
}

/// Every layer that is measured alone. A new layer is one line here.
///
/// `measure!(name, layer)` is expanded once for each; the layer fits requests of every sort.
macro_rules! each_layer {
    ($measure:ident) => {
        $measure!("cache", mcp_layers_cache::CacheLayer::new());
        $measure!("catch_error", mcp_layers_util::CatchErrorLayer::new());
        $measure!("catch_panic", mcp_layers_util::CatchPanicLayer::new());
        $measure!("error_mask", mcp_layers_error_mask::ErrorMaskLayer::new());
        $measure!("cancel", mcp_layers_util::CancelLayer::new());
        $measure!(
            "select",
            mcp_layers_util::short_lived(tower_layer::Identity::new())
        );
        $measure!("timing", crate::support::timing());
        $measure!("audit", crate::support::audit());
        $measure!("rate_limit", crate::support::rate_limit());
        $measure!(
            "circuit_breaker",
            mcp_layers_circuit_breaker::CircuitBreakerLayer::new()
        );
        $measure!(
            "timeout",
            mcp_layers_timeout::TimeoutLayer::new(std::time::Duration::from_secs(30))
        );
        $measure!("catalog", crate::support::catalog());
    };
}
pub(crate) use each_layer;
