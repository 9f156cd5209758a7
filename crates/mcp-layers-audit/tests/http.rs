//! Records of requests that the HTTP edge refuses.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used)]

mod common;

use std::{convert::Infallible, net::IpAddr, sync::Arc};

use common::{channel, json_of, key, only};
use http::{Extensions, Request, Response, StatusCode};
use mcp_layers_audit::{AuditHttpLayer, AuditLayer, ChannelSink};
use mcp_layers_core::{
    Authentication, Event, JsonRpcRequest, McpRequest, McpResponse, Principal, Trail,
};
use serde_json::json;
use tower::{Layer, ServiceExt, service_fn};

/// Sends a request to an edge that answers with this status and these events, on behalf of ada.
async fn send(layer: &AuditHttpLayer, request: Request<()>, status: u16, events: Vec<Event>) {
    let mut left = Extensions::new();
    left.insert(Arc::new(Principal::new("ada", Authentication::Bearer)));
    send_to(layer, request, status, events, left).await;
}

/// The same, of an edge that leaves these extensions in its response.
async fn send_to(
    layer: &AuditHttpLayer,
    request: Request<()>,
    status: u16,
    events: Vec<Event>,
    left: Extensions,
) {
    let service = layer.layer(service_fn(move |_: Request<()>| {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        let mut trail = Trail::new();
        events.iter().for_each(|event| trail.push(event.clone()));
        response.extensions_mut().extend(left.clone());
        response.extensions_mut().insert(trail);
        async move { Ok::<_, Infallible>(response) }
    }));
    service.oneshot(request).await.unwrap();
}

fn request() -> Request<()> {
    let address: IpAddr = [10, 0, 0, 7].into();
    Request::post("http://host/mcp?token=hunter2")
        .header("mcp-session-id", "hunter2")
        .extension(address)
        .body(())
        .unwrap()
}

fn denied(rule: &'static str) -> Vec<Event> {
    vec![Event::Denied { rule: rule.into() }]
}

#[tokio::test]
async fn refusals_are_recorded_and_answers_of_the_server_are_not() {
    let (layer, mut records) = channel();
    let layer = AuditHttpLayer::new(&layer.key(&key()));
    send(&layer, request(), 200, Vec::new()).await;
    let filtered = vec![Event::Filtered { entries: 1 }];
    send(&layer, request(), 200, filtered).await;
    assert!(records.try_next().is_none());
    for (status, rule) in [
        (401, "no principal"),
        (403, "no-admin"),
        (404, "foreign session"),
    ] {
        send(&layer, request(), status, denied(rule)).await;
        let record = json_of(&only(&mut records));
        assert_eq!(
            (&record["outcome"], &record["code"]),
            (&json!("error"), &json!(status))
        );
        let decision = json!({ "layer": "authorization", "verdict": "denied", "rule": rule });
        assert_eq!(record["decision"], decision);
        assert_eq!(
            (&record["method"], &record["target"]),
            (&json!("POST"), &json!("/mcp"))
        );
        assert_eq!(record["principal"]["subject"], "ada");
        assert_eq!(record["client_address"], "10.0.0.7");
        assert_eq!(record["session"].as_str().unwrap().len(), 32);
        assert!(!record.to_string().contains("hunter2"), "{record}");
    }
}

/// A request whose headers claim a call, a session, a version and a trace.
fn claiming() -> Request<()> {
    let mut request = request();
    for (name, value) in [
        ("mcp-method", "tools/call"),
        ("mcp-name", "transfer"),
        ("mcp-protocol-version", "2026-07-28"),
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    request
}

#[tokio::test]
async fn headers_of_a_caller_without_a_credential_are_not_recorded() {
    let (layer, mut records) = channel();
    let layer = AuditHttpLayer::new(&layer.key(&key()));
    let claimed = Principal::new("ada", Authentication::Unverified);
    for claimed in [None, Some(Arc::new(claimed))] {
        let mut left = Extensions::new();
        claimed.map(|claimed| left.insert(claimed));
        send_to(&layer, claiming(), 401, denied("unauthenticated"), left).await;
        let record = json_of(&only(&mut records));
        assert_eq!(
            (&record["method"], &record["target"], &record["code"]),
            (&json!("POST"), &json!("/mcp"), &json!(401))
        );
        let decision =
            json!({ "layer": "authentication", "verdict": "denied", "rule": "unauthenticated" });
        assert_eq!(record["decision"], decision);
        for member in ["principal", "session", "protocol_version", "trace_id"] {
            assert!(record[member].is_null(), "{member} of {record}");
        }
    }
}

#[tokio::test]
async fn a_refused_request_is_recorded_as_it_was_read_from_the_body() {
    let (layer, mut records) = channel();
    let layer = AuditHttpLayer::new(&layer.key(&key()));
    let bob = Arc::new(Principal::new("bob", Authentication::ApiKey));
    let mut read = JsonRpcRequest::call_tool(7, "pay", json!({ "to": "hunter2" }));
    read.context_mut().set_principal(bob);
    let mut left = Extensions::new();
    left.insert(read);
    send_to(&layer, claiming(), 403, denied("tool pay"), left).await;
    let record = json_of(&only(&mut records));
    for (member, expected) in [
        ("method", json!("tools/call")),
        ("target", json!("pay")),
        ("id", json!(7)),
        ("client_address", json!("10.0.0.7")),
        ("protocol_version", json!("2026-07-28")),
        ("trace_id", json!("0af7651916cd43dd8448eb211c80319c")),
        ("code", json!(403)),
    ] {
        assert_eq!(record[member], expected, "{member}");
    }
    assert_eq!(record["principal"]["subject"], "bob");
    assert_eq!(record["decision"]["layer"], "authorization");
    assert!(record["arguments_digest"].is_string() && record["session"].is_string());
    assert!(!record.to_string().contains("hunter2"), "{record}");
}

#[tokio::test]
async fn a_flood_of_refusals_leaves_room_for_the_records_of_others() {
    let (sink, mut records) = ChannelSink::bounded(8).unwrap();
    let audit = AuditLayer::new(sink).unwrap();
    let layer = AuditHttpLayer::new(&audit);
    for _ in 0..100 {
        send(&layer, request(), 401, denied("no principal")).await;
    }
    assert_eq!(
        (
            audit.handle().stats().recorded,
            audit.handle().stats().dropped
        ),
        (2, 98)
    );
    assert_eq!(
        common::answer(&audit, common::call("echo"))
            .await
            .trail()
            .events()
            .len(),
        0
    );
    assert_eq!(std::iter::from_fn(|| records.try_next()).count(), 3);
}
