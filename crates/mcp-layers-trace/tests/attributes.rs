//! The attributes of each request, on both sides.
#![allow(clippy::unwrap_used)]

mod common;

use std::{net::SocketAddr, sync::Arc};

use common::{Attributes, Sdk, attributes, exchange, knowing};
use mcp_layers_core::{
    Authentication, Catalog, Event, JsonRpcRequest, McpRequest, McpResponse, Method, Principal,
    request::Transport,
    trail::{BypassReason, CacheEvent},
};
use mcp_layers_test::{Answer, requests};
use mcp_layers_trace::{DigestKey, SessionId, TraceLayer};
use opentelemetry::trace::SpanKind;
use serde_json::json;

fn catalog() -> Catalog {
    Catalog::new()
        .with_tools([requests::TOOL])
        .with_prompts([requests::PROMPT])
        .with_resources([requests::RESOURCE])
}

/// The name and the attributes of a request's span, without those that every request here has.
fn traced(layer: &TraceLayer, sdk: &Sdk, request: JsonRpcRequest) -> (String, Attributes) {
    exchange(layer, knowing(request, &catalog()), Answer::plausible());
    let span = sdk.only();
    let mut found = attributes(&span);
    assert!(found.remove("jsonrpc.request.id").is_some());
    (span.name.into_owned(), found)
}

fn map(pairs: &[(&str, &str)]) -> Attributes {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn each_method_has_its_name_and_its_attributes() {
    let sdk = Sdk::new();
    for (layer, kind) in [
        (sdk.server(), SpanKind::Server),
        (sdk.client(), SpanKind::Client),
    ] {
        for request in requests::every_method() {
            let method = request.method().known().unwrap();
            let target: &[_] = match method {
                Method::CallTool => &[
                    ("gen_ai.operation.name", "execute_tool"),
                    ("gen_ai.tool.name", "echo"),
                ],
                Method::GetPrompt | Method::Complete => &[("gen_ai.prompt.name", "greet")],
                Method::ReadResource | Method::Subscribe | Method::Unsubscribe => {
                    &[("mcp.resource.uri", "file:///notes.txt")]
                }
                _ => &[],
            };
            let name = match method {
                Method::CallTool => "tools/call echo".to_owned(),
                Method::GetPrompt => "prompts/get greet".to_owned(),
                Method::Complete => "completion/complete greet".to_owned(),
                method => method.to_string(),
            };
            let mut expected = map(target);
            expected.extend(map(&[("mcp.method.name", method.as_str())]));

            exchange(&layer, knowing(request, &catalog()), Answer::plausible());
            let span = sdk.only();
            let mut found = attributes(&span);
            assert!(found.remove("jsonrpc.request.id").is_some());
            assert_eq!((&*span.name, found), (&*name, expected));
            assert_eq!(span.span_kind, kind);
            assert!(span.events.events.is_empty());
        }
    }
}

#[test]
fn an_unknown_method_is_other() {
    let sdk = Sdk::new();
    for request in requests::unknown_methods() {
        let (name, found) = traced(&sdk.server(), &sdk, request);
        assert_eq!(name, "_OTHER");
        assert_eq!(found, map(&[("mcp.method.name", "_OTHER")]));
    }
}

#[test]
fn version_and_transport_are_there_where_they_are_known() {
    let sdk = Sdk::new();
    for (version, shown) in [("2026-07-28", "2026-07-28"), ("hunter2", "_OTHER")] {
        for (transport, name) in [
            (Transport::Pipe, "pipe"),
            (Transport::Tcp, "tcp"),
            (Transport::Quic, "quic"),
        ] {
            let request = JsonRpcRequest::new(1, "ping")
                .with_protocol_version(version)
                .with_transport(transport);
            let (_, found) = traced(&sdk.server(), &sdk, request);
            let expected = map(&[
                ("mcp.method.name", "ping"),
                ("mcp.protocol.version", shown),
                ("network.transport", name),
            ]);
            assert_eq!(found, expected);
        }
    }
}

#[test]
fn the_id_is_a_text_of_bounded_length() {
    let sdk = Sdk::new();
    let (long, cut) = ("é".repeat(500), format!("{}…", "é".repeat(62)));
    for (request, expected) in [
        (JsonRpcRequest::new(7, "ping"), "7"),
        (JsonRpcRequest::new("seven", "ping"), "seven"),
        (JsonRpcRequest::new(long.as_str(), "ping"), cut.as_str()),
    ] {
        exchange(&sdk.server(), request, Answer::plausible());
        let span = sdk.only();
        let id = span
            .attributes
            .iter()
            .find(|pair| pair.key.as_str() == "jsonrpc.request.id");
        assert_eq!(
            id.unwrap().value,
            opentelemetry::Value::from(expected.to_owned())
        );
    }
}

#[test]
fn a_uri_is_shown_without_user_query_and_fragment() {
    let sdk = Sdk::new();
    for (uri, shown) in [
        ("https://ada:pw@host/a?token=x#y", "https://host/a"),
        ("data:text/plain,hunter2", "data:…"),
    ] {
        let request = requests::read_resource(1, uri);
        let (name, found) = traced(&sdk.server(), &sdk, request);
        assert_eq!(name, "resources/read");
        assert_eq!(found["mcp.resource.uri"], shown);
    }
}

#[test]
fn a_known_uri_is_in_the_name_on_request() {
    let sdk = Sdk::new();
    let layer = sdk.server().uri_in_name();
    let known = traced(&layer, &sdk, requests::read_resource(1, requests::RESOURCE));
    assert_eq!(known.0, "resources/read file:///notes.txt");
    // Answered with an error, so that the catalog learns nothing.
    let request = knowing(requests::read_resource(1, "file:///invented"), &catalog());
    exchange(&layer, request, common::error(-32602));
    assert_eq!(sdk.only().name, "resources/read");
}

#[test]
fn the_peer_of_a_server_is_shown_on_request() {
    let sdk = Sdk::new();
    let address: SocketAddr = "192.0.2.7:4711".parse().unwrap();
    let request = || {
        let mut request = JsonRpcRequest::new(1, "ping");
        request.insert_extension(address);
        request
    };
    let (_, off) = traced(&sdk.server(), &sdk, request());
    assert!(!off.contains_key("client.port"));
    let (_, on) = traced(&sdk.server().client_address(), &sdk, request());
    assert_eq!(on["client.port"], "4711");
}

#[test]
fn the_server_of_a_client_is_shown_where_it_is_set() {
    let sdk = Sdk::new();
    let layer = sdk.client().server_address("mcp.example.com", 443);
    let (_, found) = traced(&layer, &sdk, JsonRpcRequest::new(1, "ping"));
    assert_eq!(found["server.address"], "mcp.example.com");
    assert_eq!(found["server.port"], "443");
}

#[test]
fn a_principal_is_a_digest_and_only_on_request() {
    let sdk = Sdk::new();
    let by = |subject: &str, issuer: &str| {
        let principal = Principal::new(subject, Authentication::Bearer).with_issuer(issuer);
        let mut request = JsonRpcRequest::new(1, "ping");
        request.context_mut().set_principal(Arc::new(principal));
        request
    };
    let (_, off) = traced(&sdk.server(), &sdk, by("ada", "a"));
    assert!(!off.contains_key("user.hash"));

    let key = || DigestKey::new([7; 16]).unwrap();
    let layer = sdk.server().principal_digest(key());
    let hash = |subject, issuer| traced(&layer, &sdk, by(subject, issuer)).1["user.hash"].clone();
    assert_eq!(hash("ada", "a"), hash("ada", "a"));
    assert_ne!(hash("ada", "a"), hash("bob", "a"));
    assert_ne!(hash("ada", "a"), hash("ada", "b"));
    assert_eq!(hash("ada", "a").len(), 32);
    assert!(DigestKey::new([7; 15]).is_err());
    assert!(!format!("{:?}", key()).contains('7'));
    let (_, anonymous) = traced(&layer, &sdk, JsonRpcRequest::new(1, "ping"));
    assert!(!anonymous.contains_key("user.hash"));
    // A request of this type has no session, and so no digest of one.
    let layer = sdk.server().session_id(SessionId::Digest(key()));
    let (_, found) = traced(&layer, &sdk, JsonRpcRequest::new(1, "ping"));
    assert!(!found.contains_key("mcp.session.id"));
}

#[test]
fn decisions_of_inner_layers_are_attributes() {
    let sdk = Sdk::new();
    let attempt = |number| Event::Attempt {
        number,
        of: 3,
        code: None,
    };
    let retry_after = std::time::Duration::from_secs(1);
    let hit = CacheEvent::Hit { age: retry_after };
    let bypass = CacheEvent::Bypass {
        reason: BypassReason::Undeclared,
    };
    for (events, expected) in [
        (vec![], &[][..]),
        (vec![Event::Cache(hit)], &[("mcp_layers.cache", "hit")]),
        (
            vec![Event::Cache(CacheEvent::Miss)],
            &[("mcp_layers.cache", "miss")],
        ),
        (
            vec![Event::Cache(CacheEvent::Coalesced)],
            &[("mcp_layers.cache", "coalesced")],
        ),
        (
            vec![Event::Cache(CacheEvent::Stale { age: retry_after })],
            &[("mcp_layers.cache", "stale")],
        ),
        (
            vec![Event::Cache(bypass)],
            &[("mcp_layers.cache", "bypass")],
        ),
        (vec![attempt(1)], &[]),
        (
            vec![attempt(1), attempt(2), attempt(3)],
            &[("mcp_layers.retries", "2")],
        ),
        (
            vec![Event::Limited {
                rule: "per-tool".into(),
                retry_after,
            }],
            &[("mcp_layers.limited_by", "per-tool")],
        ),
        (
            vec![
                Event::Denied {
                    rule: "inner".into(),
                },
                Event::Denied {
                    rule: "outer".into(),
                },
            ],
            &[("mcp_layers.denied_by", "outer")],
        ),
        (
            vec![Event::CircuitOpen {
                circuit: "search".into(),
                retry_after,
            }],
            &[("mcp_layers.circuit", "search")],
        ),
        (
            vec![Event::Panicked {
                message: "hunter2".into(),
            }],
            &[],
        ),
    ] {
        let request = JsonRpcRequest::new(1, "ping");
        let mut response = mcp_layers_core::JsonRpcResponse::success(&request, json!({}));
        for event in events {
            response.trail_mut().push(event);
        }
        exchange(&sdk.server(), request, Answer::response(response));
        let mut found = attributes(&sdk.only());
        found.retain(|key, _| key.starts_with("mcp_layers."));
        assert_eq!(found, map(expected));
    }
}
