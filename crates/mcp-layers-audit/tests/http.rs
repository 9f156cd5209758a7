//! Records of requests that the HTTP edge refuses.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used)]

mod common;

use std::{convert::Infallible, net::IpAddr, sync::Arc};

use common::{channel, json_of, key, only};
use http::{Request, Response, StatusCode};
use mcp_layers_audit::{AuditHttpLayer, AuditLayer, ChannelSink};
use mcp_layers_core::{Authentication, Event, McpResponse, Principal, Trail};
use serde_json::json;
use tower::{Layer, ServiceExt, service_fn};

/// Sends a request to an edge that answers with this status and these events.
async fn send(layer: &AuditHttpLayer, request: Request<()>, status: u16, events: Vec<Event>) {
    let service = layer.layer(service_fn(move |_: Request<()>| {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        let mut trail = Trail::new();
        events.iter().for_each(|event| trail.push(event.clone()));
        response.extensions_mut().insert(trail);
        let principal = Principal::new("ada", Authentication::Bearer);
        response.extensions_mut().insert(Arc::new(principal));
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
    let mut named = request();
    for (name, value) in [("mcp-method", "tools/call"), ("mcp-name", "transfer")] {
        named.headers_mut().insert(name, value.parse().unwrap());
    }
    send(&layer, named, 403, denied("no-transfer")).await;
    let record = json_of(&only(&mut records));
    assert_eq!(
        (&record["method"], &record["target"]),
        (&json!("tools/call"), &json!("transfer"))
    );
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
