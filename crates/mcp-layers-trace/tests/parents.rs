//! Parent and link of a span, and what is current inside it.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::{Arc, Mutex};

use common::{SPAN_ID, Sdk, TRACE_ID, exchange, is_remote_parent, looking, traceparent, with_meta};
use mcp_layers_core::{Authentication, JsonRpcRequest, McpRequest, Principal};
use mcp_layers_test::Answer;
use mcp_layers_trace::{AmbientContext, Parent, TraceLayer, current_ids};
use opentelemetry::{
    Context, TraceFlags,
    baggage::BaggageExt,
    trace::{SpanContext, SpanId, TraceContextExt, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{Sampler, SpanData};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt};

/// The context of an HTTP request, or of other code around the call.
fn ambient(is_sampled: bool) -> Context {
    let flags = if is_sampled {
        TraceFlags::SAMPLED
    } else {
        TraceFlags::NOT_SAMPLED
    };
    let (trace, span) = (TraceId::from(0xabc), SpanId::from(0xdef));
    let span = SpanContext::new(trace, span, flags, false, TraceState::NONE);
    Context::new().with_remote_span_context(span)
}

fn meta() -> Value {
    json!({ "traceparent": traceparent(), "tracestate": "vendor=value" })
}

/// The relation of a span to others: the parent's id in hexadecimal, and the ids of links.
fn relations(span: &SpanData) -> (String, Vec<String>) {
    let links = span
        .links
        .iter()
        .map(|link| link.span_context.span_id().to_string());
    (span.parent_span_id.to_string(), links.collect())
}

const NONE: &str = "0000000000000000";
const AMBIENT: &str = "0000000000000def";

/// The way in which the ambient context is there.
#[derive(Debug, Clone, Copy)]
enum Around {
    Nothing,
    Attached,
    Extension,
}

fn send(layer: &TraceLayer, mut request: JsonRpcRequest, around: Around) {
    let _attached = match around {
        Around::Nothing => None,
        Around::Attached => Some(ambient(true).attach()),
        Around::Extension => {
            request.insert_extension(AmbientContext::new(ambient(true)));
            None
        }
    };
    exchange(layer, request, Answer::plausible());
}

#[test]
fn parent_and_link_are_those_of_the_setting() {
    let sdk = Sdk::new();
    let plain = || with_meta(json!({}));
    let sent = || with_meta(meta());
    let meta_first = sdk.server();
    let inverted = sdk.server().parent(Parent::Ambient);
    let client = sdk.client();
    for around in [Around::Attached, Around::Extension] {
        for (layer, request, parent, link) in [
            (&meta_first, sent(), SPAN_ID, Some(AMBIENT)),
            (&meta_first, plain(), AMBIENT, None),
            (&inverted, sent(), AMBIENT, Some(SPAN_ID)),
            (&inverted, plain(), AMBIENT, None),
            (&client, sent(), AMBIENT, None),
            (&client, plain(), AMBIENT, None),
        ] {
            send(layer, request, around);
            let links = link.into_iter().map(str::to_owned).collect();
            assert_eq!(
                relations(&sdk.only()),
                (parent.to_owned(), links),
                "{around:?}"
            );
        }
    }
    for (layer, request, parent, link) in [
        (&meta_first, sent(), SPAN_ID, None),
        (&meta_first, plain(), NONE, None),
        (&inverted, sent(), NONE, Some(SPAN_ID)),
        (&inverted, plain(), NONE, None),
        (&client, sent(), SPAN_ID, None),
        (&client, plain(), NONE, None),
    ] {
        send(layer, request, Around::Nothing);
        let links = link.into_iter().map(str::to_owned).collect();
        assert_eq!(relations(&sdk.only()), (parent.to_owned(), links));
    }
}

#[test]
fn the_carried_context_counts_before_the_attached_one() {
    let sdk = Sdk::new();
    let mut request = with_meta(json!({}));
    request.insert_extension(AmbientContext::new(ambient(true)));
    let other = SpanContext::new(
        TraceId::from(1),
        SpanId::from(2),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    );
    let _attached = Context::new().with_remote_span_context(other).attach();
    exchange(&sdk.server(), request, Answer::plausible());
    assert_eq!(relations(&sdk.only()).0, AMBIENT);
}

#[test]
fn the_trace_of_the_caller_goes_on_with_its_state() {
    let sdk = Sdk::new();
    exchange(&sdk.server(), with_meta(meta()), Answer::plausible());
    let span = sdk.only();
    assert!(span.parent_span_is_remote);
    assert_eq!(span.span_context.trace_id().to_string(), TRACE_ID);
    assert_eq!(span.span_context.trace_state().get("vendor"), Some("value"));
}

#[test]
fn invalid_context_is_ignored() {
    let sdk = Sdk::new();
    for meta in [
        json!({ "traceparent": "" }),
        json!({ "traceparent": 7 }),
        json!({ "traceparent": ["00"] }),
        json!({ "traceparent": format!("ff-{TRACE_ID}-{SPAN_ID}-01") }),
        json!({ "traceparent": format!("00-{}-{SPAN_ID}-01", "0".repeat(32)) }),
        json!({ "tracestate": "vendor=value" }),
        json!("no object"),
    ] {
        for layer in [sdk.server(), sdk.server().parent(Parent::Ambient)] {
            exchange(&layer, with_meta(meta.clone()), Answer::plausible());
            assert_eq!(relations(&sdk.only()), (NONE.to_owned(), vec![]), "{meta}");
        }
    }
    for state in [json!("no state"), json!(1), json!("a=b,".repeat(2_000))] {
        let meta = json!({ "traceparent": traceparent(), "tracestate": state });
        exchange(&sdk.server(), with_meta(meta), Answer::plausible());
        let span = sdk.only();
        assert_eq!(relations(&span).0, SPAN_ID);
        assert_eq!(span.span_context.trace_state().header(), "");
    }
}

#[test]
fn the_parent_may_depend_on_the_request() {
    let sdk = Sdk::new();
    let layer = sdk.server().parent_fn(|request| match request.principal {
        Some(_) => Parent::Meta,
        None => Parent::Ambient,
    });
    exchange(&layer, with_meta(meta()), Answer::plausible());
    assert_eq!(
        relations(&sdk.only()),
        (NONE.to_owned(), vec![SPAN_ID.to_owned()])
    );
    let mut request = with_meta(meta());
    let principal = Principal::new("ada", Authentication::Bearer);
    request.context_mut().set_principal(Arc::new(principal));
    exchange(&layer, request, Answer::plausible());
    assert_eq!(relations(&sdk.only()), (SPAN_ID.to_owned(), vec![]));
}

#[test]
fn a_choice_of_the_parent_that_panics_trusts_nobody() {
    let sdk = Sdk::new();
    let layer = sdk.server().parent_fn(|_| std::panic::panic_any("parent"));
    exchange(&layer, with_meta(meta()), Answer::plausible()).unwrap();
    assert_eq!(
        relations(&sdk.only()),
        (NONE.to_owned(), vec![SPAN_ID.to_owned()])
    );
}

/// Sends a request, and returns what `look` saw in the inner service.
fn seen<T: Send + 'static>(
    layer: &TraceLayer,
    request: JsonRpcRequest,
    look: impl Fn(&JsonRpcRequest) -> T + Clone + Send + Sync + 'static,
) -> T {
    let seen = Arc::new(Mutex::new(None));
    let inner = seen.clone();
    let service = layer.layer(looking(move |request| {
        *inner.lock().unwrap() = Some(look(request));
    }));
    common::run(service.oneshot(request)).unwrap();
    seen.lock().unwrap().take().unwrap()
}

#[test]
fn the_span_is_current_in_the_inner_service_and_not_outside() {
    let sdk = Sdk::new();
    for layer in [sdk.server(), sdk.client()] {
        let ids = seen(&layer, with_meta(meta()), |_| current_ids()).unwrap();
        let span = sdk.only().span_context;
        assert_eq!(ids, (span.trace_id(), span.span_id()));
        assert_eq!(current_ids(), None);
    }
}

#[test]
fn the_span_is_current_while_the_future_is_polled_and_dropped() {
    struct Note(Arc<Mutex<Vec<bool>>>);
    impl Drop for Note {
        fn drop(&mut self) {
            self.0.lock().unwrap().push(current_ids().is_some());
        }
    }
    let sdk = Sdk::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let inner = seen.clone();
    let mut service = sdk
        .server()
        .layer(tower::service_fn(move |_: JsonRpcRequest| {
            let note = Note(inner.clone());
            async move {
                note.0.lock().unwrap().push(current_ids().is_some());
                std::future::pending::<()>().await;
                drop(note);
                Err::<mcp_layers_core::JsonRpcResponse, _>("never")
            }
        }));
    let mut task =
        mcp_layers_test::Task::new(tower::Service::call(&mut service, with_meta(meta())));
    assert!(task.poll().is_pending());
    assert!(current_ids().is_none());
    drop(task);
    assert_eq!(*seen.lock().unwrap(), [true, true]);
    assert_eq!(sdk.spans().len(), 1);
}

fn sent_meta(request: &JsonRpcRequest) -> Value {
    request.meta().cloned().map_or(Value::Null, Value::Object)
}

#[test]
fn a_client_sends_its_span() {
    let sdk = Sdk::new();
    let mut request = JsonRpcRequest::new(1, "ping");
    request.insert_extension(AmbientContext::new(ambient(true)));
    let sent = seen(&sdk.client(), request, sent_meta);
    let span = sdk.only().span_context;
    let expected = format!("00-{}-{}-01", span.trace_id(), span.span_id());
    assert_eq!(sent, json!({ "traceparent": expected }));
}

#[test]
fn a_client_sends_the_state_of_the_trace() {
    let sdk = Sdk::new();
    let state = TraceState::from_key_value([("vendor", "value")]).unwrap();
    let parent = ambient(true).span().span_context().clone();
    let parent = SpanContext::new(
        parent.trace_id(),
        parent.span_id(),
        parent.trace_flags(),
        false,
        state,
    );
    let _attached = Context::new().with_remote_span_context(parent).attach();
    let sent = seen(&sdk.client(), JsonRpcRequest::new(1, "ping"), sent_meta);
    assert_eq!(sent["tracestate"], "vendor=value");
}

#[test]
fn a_client_leaves_the_context_that_its_caller_sends() {
    let sdk = Sdk::new();
    for meta in [meta(), json!({ "traceparent": "anything" })] {
        let _attached = ambient(true).attach();
        let sent = seen(&sdk.client(), with_meta(meta.clone()), sent_meta);
        assert_eq!(sent, meta);
    }
}

#[test]
fn a_server_changes_nothing_in_meta() {
    let sdk = Sdk::new();
    let _attached = ambient(true).attach();
    assert_eq!(seen(&sdk.server(), with_meta(meta()), sent_meta), meta());
    let plain = seen(&sdk.server(), JsonRpcRequest::new(1, "ping"), sent_meta);
    assert_eq!(plain, Value::Null);
}

#[test]
fn baggage_travels_on_request_alone() {
    let sdk = Sdk::new();
    let look = |_: &JsonRpcRequest| {
        Context::map_current(|context| {
            let baggage = context.baggage();
            baggage.get("user").map(ToString::to_string)
        })
    };
    let request = || with_meta(json!({ "baggage": "user=a%20b;p=1, broken, =x, k%=v" }));
    assert_eq!(seen(&sdk.server(), request(), look), None);
    let with_baggage = sdk.server().baggage();
    assert_eq!(seen(&with_baggage, request(), look).as_deref(), Some("a b"));
    let long = with_meta(json!({ "baggage": format!("user=ada,x={}", "y".repeat(9_000)) }));
    assert_eq!(seen(&with_baggage, long, look), None);

    let own = vec![opentelemetry::KeyValue::new("user", "c, d")];
    let _attached = Context::new().with_baggage(own).attach();
    // A caller does not change what the server says itself.
    assert_eq!(
        seen(&with_baggage, request(), look).as_deref(),
        Some("c, d")
    );
    let ping = || JsonRpcRequest::new(1, "ping");
    let off = seen(&sdk.client(), ping(), sent_meta);
    assert_eq!(off.get("baggage"), None);
    let on = seen(&sdk.client().baggage(), ping(), sent_meta);
    assert_eq!(on["baggage"], "user=c%2C%20d");
    let theirs = seen(&sdk.client().baggage(), request(), sent_meta);
    assert_eq!(theirs["baggage"], "user=a%20b;p=1, broken, =x, k%=v");
}

#[test]
fn an_unsampled_trace_stays_unsampled() {
    let sdk = Sdk::new();
    let unsampled = traceparent().replace("-01", "-00");
    let request = || with_meta(json!({ "traceparent": unsampled }));
    exchange(&sdk.server(), request(), Answer::plausible());
    let ids = seen(&sdk.server(), request(), |_| current_ids()).unwrap();
    assert_eq!(ids.0.to_string(), TRACE_ID);
    assert!(sdk.spans().is_empty());
}

#[test]
fn unsampled_work_is_skipped_on_request() {
    let sdk = Sdk::sampling(Sampler::AlwaysOn);
    let calls = Arc::new(Mutex::new(0));
    let counted = calls.clone();
    let layer = sdk
        .server()
        .skip_unsampled()
        .on_start(move |_, _| *counted.lock().unwrap() += 1);
    let unsampled = traceparent().replace("-01", "-00");
    let request = with_meta(json!({ "traceparent": unsampled }));
    let span = seen(&layer, request, |_| {
        Context::map_current(|context| context.span().span_context().clone())
    });
    assert!(is_remote_parent(&span));
    assert!(sdk.spans().is_empty());
    for sampled in [with_meta(meta()), with_meta(json!({}))] {
        exchange(&layer, sampled, Answer::plausible());
        sdk.only();
    }
    assert_eq!(*calls.lock().unwrap(), 2);

    let client = sdk.client().skip_unsampled();
    let _attached = ambient(false).attach();
    let sent = seen(&client, JsonRpcRequest::new(1, "ping"), sent_meta);
    let trace = TraceId::from(0xabc);
    assert_eq!(sent["traceparent"], format!("00-{trace}-{AMBIENT}-00"));
    assert!(sdk.spans().is_empty());
}
