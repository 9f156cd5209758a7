//! Layers on the wire, in front of the HTTP service of any server.

use std::{num::NonZeroU32, time::Duration};

use axum::Router;
use mcp_layers::{
    circuit_breaker::CircuitBreakerLayer,
    error_mask::ErrorMaskLayer,
    events::EventsLayer,
    retry::RetryLayer,
    timeout::TimeoutLayer,
    timing::TimingLayer,
    util::{CancelLayer, CatchErrorLayer, CatchPanicLayer},
    wire::WireLayer,
};
use tower::{ServiceBuilder, layer::util::Identity};

/// Layers on the wire, or the wire alone.
#[allow(dead_code, reason = "not every server takes them from its flags")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Layered,
    Empty,
}

/// Puts layers in front of all pages. No cache: it answers without the checks of headers that the suite
/// expects, which are the server's.
pub(crate) fn around(pages: Router, wire: Wire) -> Router {
    if wire == Wire::Empty {
        return pages.layer(WireLayer::new(Identity::new()));
    }
    let layers = ServiceBuilder::new()
        .layer(TimingLayer::server())
        .layer(EventsLayer::new())
        .layer(ErrorMaskLayer::new())
        .layer(CatchErrorLayer::new())
        .layer(CatchPanicLayer::new())
        .layer(CancelLayer::new())
        .layer(RetryLayer::new(const { NonZeroU32::new(3).unwrap() }))
        .layer(CircuitBreakerLayer::new())
        .layer(TimeoutLayer::new(Duration::from_secs(30)));
    pages.layer(WireLayer::new(layers))
}
