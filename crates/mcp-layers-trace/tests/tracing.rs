//! Spans of the crate `tracing`, as tracing-opentelemetry exports them.
#![cfg(feature = "tracing")]
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::{Arc, Mutex};

use common::{SPAN_ID, Sdk, TRACE_ID, attributes, call, error, exchange, traceparent, with_meta};
use mcp_layers_core::{JsonRpcRequest, McpRequest};
use mcp_layers_test::{Answer, MockService, Task};
use mcp_layers_trace::{AmbientContext, Capture, Parent, TraceLayer, Tracing, current_ids};
use opentelemetry::trace::{SpanKind, Status};
use serde_json::json;
use tower::{Layer, Service};
use tracing_subscriber::{Registry, layer::SubscriberExt};

fn server() -> TraceLayer<Tracing> {
    TraceLayer::server().backend(Tracing::new())
}

fn client() -> TraceLayer<Tracing> {
    TraceLayer::client().backend(Tracing::new())
}

/// Runs a test under a subscriber with the layer of tracing-opentelemetry.
fn subscribed(test: impl FnOnce(&Sdk)) {
    let sdk = Sdk::new();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(sdk.tracer())
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_target(false);
    let subscriber = Registry::default().with(layer);
    tracing::subscriber::with_default(subscriber, || test(&sdk));
}

#[test]
fn a_span_is_the_one_that_the_native_backend_makes() {
    subscribed(|sdk| {
        let capture = || Capture::new().arguments("echo", ["text"]).result("echo");
        let answers = [
            Answer::plausible(),
            Answer::tool_error("no"),
            error(-32602),
            error(-32603),
            Answer::fail("no"),
            Answer::panic("no"),
        ];
        for answer in answers {
            for request in [
                JsonRpcRequest::call_tool(1, "echo", json!({ "text": "hello" })),
                JsonRpcRequest::new(1, "vendor/thing"),
                mcp_layers_test::requests::read_resource(1, "file:///a"),
            ] {
                let native = sdk.server().capture(capture()).on_end(|_, attributes| {
                    attributes.add("example.key", "value");
                });
                let traced = native.clone().backend(Tracing::new());
                exchange(&native, request.clone(), answer.clone());
                let expected = sdk.only();
                exchange(&traced, request, answer.clone());
                let span = sdk.only();
                assert_eq!(span.name, expected.name);
                assert_eq!(span.span_kind, expected.span_kind);
                assert_eq!(span.status, expected.status);
                assert_eq!(attributes(&span), attributes(&expected));
            }
        }
    });
}

#[test]
fn parent_and_link_are_those_of_the_setting() {
    subscribed(|sdk| {
        let meta = || json!({ "traceparent": traceparent() });
        exchange(&server(), with_meta(meta()), Answer::plausible());
        let span = sdk.only();
        assert_eq!(span.parent_span_id.to_string(), SPAN_ID);
        assert_eq!(span.span_context.trace_id().to_string(), TRACE_ID);

        let ambient = tracing::info_span!("http");
        ambient.in_scope(|| {
            exchange(&server(), with_meta(meta()), Answer::plausible());
            let span = sdk.only();
            let own = current_ids().unwrap().1;
            assert_eq!(span.parent_span_id.to_string(), SPAN_ID);
            assert_eq!(span.links[0].span_context.span_id(), own);

            let inverted = server().parent(Parent::Ambient);
            exchange(&inverted, with_meta(meta()), Answer::plausible());
            let span = sdk.only();
            assert_eq!(span.parent_span_id, own);
            assert_eq!(span.links[0].span_context.span_id().to_string(), SPAN_ID);
        });
    });
}

#[test]
fn a_carried_span_of_tracing_is_the_parent() {
    subscribed(|sdk| {
        let (carried, ids) = tracing::info_span!("http")
            .in_scope(|| (AmbientContext::current(), current_ids().unwrap()));
        sdk.only();
        let mut request = call("echo");
        request.insert_extension(carried);
        exchange(&server(), request, Answer::plausible());
        assert_eq!(sdk.only().parent_span_id, ids.1);
    });
}

#[test]
fn spans_of_the_handler_are_children() {
    subscribed(|sdk| {
        let layer = client();
        let service = layer.layer(common::looking(|_| {
            tracing::info_span!("handler").in_scope(|| {});
        }));
        common::run(tower::ServiceExt::oneshot(service, call("echo"))).unwrap();
        let spans = sdk.spans();
        assert_eq!(spans.len(), 2);
        assert_eq!(
            (&*spans[0].name, &*spans[1].name),
            ("handler", "tools/call echo")
        );
        assert_eq!(spans[0].parent_span_id, spans[1].span_context.span_id());
        assert_eq!(spans[1].span_kind, SpanKind::Client);
    });
}

#[test]
fn a_client_sends_its_span() {
    subscribed(|sdk| {
        let seen = Arc::new(Mutex::new(None));
        let noted = seen.clone();
        let service = client().layer(common::looking(move |request: &JsonRpcRequest| {
            let parent = request.meta().unwrap()["traceparent"]
                .as_str()
                .unwrap()
                .to_owned();
            *noted.lock().unwrap() = Some((parent, current_ids().unwrap()));
        }));
        common::run(tower::ServiceExt::oneshot(service, call("echo"))).unwrap();
        let span = sdk.only().span_context;
        let (sent, ids) = seen.lock().unwrap().take().unwrap();
        assert_eq!(
            sent,
            format!("00-{}-{}-01", span.trace_id(), span.span_id())
        );
        assert_eq!(ids, (span.trace_id(), span.span_id()));
    });
}

#[test]
fn a_dropped_call_ends_its_span() {
    subscribed(|sdk| {
        let mut service = server().layer(MockService::scripted([Answer::never()]));
        let mut task = Task::new(service.call(call("echo")));
        assert!(task.poll().is_pending());
        assert!(sdk.spans().is_empty());
        drop(task);
        let span = sdk.only();
        assert_eq!(attributes(&span)["error.type"], "cancelled");
        assert_eq!(span.status, Status::error(""));
    });
}

#[test]
fn without_a_subscriber_the_context_of_the_caller_is_passed_on() {
    let seen = Arc::new(Mutex::new(None));
    let noted = seen.clone();
    let look = common::looking(move |_| *noted.lock().unwrap() = current_ids());
    let service = server().layer(look);
    common::run(tower::ServiceExt::oneshot(
        service,
        with_meta(json!({ "traceparent": traceparent() })),
    ))
    .unwrap();
    let (trace, span) = seen.lock().unwrap().take().unwrap();
    assert_eq!(
        (trace.to_string(), span.to_string()),
        (TRACE_ID.to_owned(), SPAN_ID.to_owned())
    );
}
