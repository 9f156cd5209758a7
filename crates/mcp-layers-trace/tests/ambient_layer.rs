//! The span of an HTTP request reaches the MCP stack.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used)]

mod common;

use std::convert::Infallible;

use common::{Sdk, exchange};
use http::{Request, Response};
use mcp_layers_core::{JsonRpcRequest, McpRequest};
use mcp_layers_test::Answer;
use mcp_layers_trace::{AmbientContext, AmbientSpanLayer};
use opentelemetry::{
    Context,
    trace::{FutureExt, Span, TraceContextExt, Tracer},
};
use tower::{ServiceBuilder, ServiceExt};

/// Sends an HTTP request through the layer, and returns what it carried to the inner service.
fn carried(context: Context) -> Option<AmbientContext> {
    let service = ServiceBuilder::new()
        .layer(AmbientSpanLayer::new())
        .service_fn(|request: Request<()>| async move {
            let carried = request.extensions().get::<AmbientContext>().cloned();
            Ok::<_, Infallible>(Response::new(carried))
        });
    let call = service.oneshot(Request::new(())).with_context(context);
    common::run(call).unwrap().into_body()
}

#[test]
fn the_span_of_the_http_request_is_the_parent() {
    let sdk = Sdk::new();
    let http = sdk.tracer().start("POST /mcp");
    let id = http.span_context().span_id();
    let carried = carried(Context::new().with_span(http)).unwrap();
    let mut request = JsonRpcRequest::new(1, "ping");
    request.insert_extension(carried);
    exchange(&sdk.server(), request, Answer::plausible());
    let spans = sdk.spans();
    let span = spans.iter().find(|span| span.name == "ping").unwrap();
    assert_eq!(span.parent_span_id, id);
}

#[test]
fn without_a_span_nothing_is_carried() {
    assert!(carried(Context::new()).is_none());
}
