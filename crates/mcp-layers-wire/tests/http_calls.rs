//! Calls whose answers are no streams: they pass the layers, and keep their bytes.
#![cfg(feature = "http")]
#![allow(clippy::unwrap_used)]

mod http_support;

use bytes::Bytes;
use http::{Request, Response};
use http_support::{Http, answer, call, in_session, layer, post, send};
use mcp_layers_core::{JsonRpcResponse, McpError, McpRequest, McpResponse, Method};
use mcp_layers_timeout::TimeoutLayer;
use mcp_layers_util::{CancelLayer, LocalPrincipalLayer};
use mcp_layers_wire::{Wire, WireLayer, http::Batches};
use serde_json::json;
use std::time::Duration;
use tower::{Layer, ServiceBuilder};

const LONG: &str = r#" {"id": 12345678901234567890123 ,"jsonrpc":"2.0", "method":"tools/call","params":{"name":"echo","arguments":{"n":12345678901234567890123,"e":1.10}} , "x":1}"#;

#[tokio::test(start_paused = true)]
async fn what_no_layer_changes_keeps_its_bytes() {
    let mut http = Http::plain();
    let reply = http.post(LONG);
    let incoming = http.incoming().await;
    assert_eq!(incoming.text(), LONG);
    let answer = r#"{ "result":{"n":12345678901234567890123},"id":12345678901234567890123,  "jsonrpc":"2.0" }"#;
    let response = Response::builder()
        .header("content-type", "application/json; charset=utf-8")
        .header("x-served-by", "me");
    incoming.reply(response.body(answer).unwrap());
    let mut reply = reply.await.unwrap();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.kind(), "application/json; charset=utf-8");
    assert_eq!(reply.headers["x-served-by"], "me");
    assert_eq!(reply.text().await, answer);
}

#[tokio::test(start_paused = true)]
async fn only_what_a_layer_changed_is_written_again() {
    let marks = layer(|leaf, mut request| async move {
        request.meta_mut().unwrap().insert("a/b".into(), 1.into());
        let mut response = send(leaf, request).await?;
        response.insert_meta("c/d", 2.into());
        Ok(response)
    });
    let mut http = Http::new(WireLayer::new(marks));
    let reply = http.post(LONG);
    let incoming = http.incoming().await;
    assert_eq!(
        incoming.text(),
        LONG.replace(r#""e":1.10}"#, r#""e":1.10},"_meta":{"a/b":1}"#)
    );
    incoming.json(r#"{"jsonrpc":"2.0","id":12345678901234567890123,"result":{"n": 1.10}}"#);
    assert_eq!(
        reply.await.unwrap().text().await,
        r#"{"jsonrpc":"2.0","id":12345678901234567890123,"result":{"n":1.10,"_meta":{"c/d":2}}}"#
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_json_with_status_200() {
    let refuses = layer(|_, request| async move {
        let error = McpError::rate_limited(Duration::from_secs(1));
        Ok(JsonRpcResponse::error(&request, error))
    });
    let mut http = Http::new(WireLayer::new(refuses));
    let mut reply = http.post(call("1", "echo")).await.unwrap();
    assert_eq!(
        (reply.status.as_u16(), reply.kind()),
        (200, "application/json")
    );
    let error = reply.json().await;
    assert_eq!(
        (&error["id"], &error["error"]["code"]),
        (&json!(1), &json!(429))
    );

    let mut sse_only = post(call("\"a\"", "echo"));
    let accept = "text/event-stream;q=1".parse().unwrap();
    sse_only.headers_mut().insert("accept", accept);
    let mut reply = http.send(sse_only).await.unwrap();
    assert_eq!(
        (reply.status.as_u16(), reply.kind()),
        (200, "text/event-stream")
    );
    let error = reply.event().await;
    assert_eq!(
        (&error["id"], &error["error"]["code"]),
        (&json!("a"), &json!(429))
    );
    assert_eq!(reply.next().await, None);
    http.server_got_nothing();
}

#[tokio::test(start_paused = true)]
async fn failures_of_http_keep_status_headers_and_body() {
    let (codes, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let records = layer(move |leaf, request| {
        let codes = codes.clone();
        async move {
            let response = send(leaf, request).await?;
            let is_public = response.trail().is_public();
            codes
                .send((response.outcome().code().unwrap(), is_public))
                .unwrap();
            Ok(response)
        }
    });
    let mut http = Http::new(WireLayer::new(records));
    let not_found = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"x","data":1e2}}"#;
    let no_session =
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}"#;
    for (status, kind, body, code) in [
        (404, "application/json", not_found, -32601),
        (404, "application/json", no_session, -32001),
        (400, "text/plain", "Bad Request: no session", -32600),
        (401, "text/plain", "", 401),
        (403, "application/json", r#"{"detail":"no"}"#, 403),
        (413, "text/plain", "", 413),
        (429, "text/plain", "slow down", 429),
        (500, "text/html", "<h1>Oops</h1>", -32603),
        (503, "text/plain", "later", 503),
        (504, "text/plain", "", 504),
        (307, "text/plain", "", -32603),
    ] {
        let reply = http.post(call("1", "echo"));
        let response = Response::builder()
            .status(status)
            .header("content-type", kind)
            .header("www-authenticate", "Bearer");
        http.incoming().await.reply(response.body(body).unwrap());
        let mut reply = reply.await.unwrap();
        assert_eq!((reply.status.as_u16(), reply.kind()), (status, kind));
        assert_eq!(reply.headers["www-authenticate"], "Bearer");
        assert_eq!(reply.text().await, body);
        let (found, is_public) = seen.recv().await.unwrap();
        assert_eq!(found, code, "{status}");
        // An error mask hides what a failing server wrote.
        let is_of_client = (400..500).contains(&status);
        let is_message = body.starts_with(r#"{"jsonrpc"#);
        assert_eq!(is_public, is_of_client && !is_message, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_that_a_layer_changed_keeps_the_status_and_one_that_it_repaired_does_not() {
    let changes = layer(|leaf, request| async move {
        let response = send(leaf, request.clone()).await?;
        Ok(match response.into_error() {
            Ok(error) if error.code == -32603 => JsonRpcResponse::success(&request, json!({})),
            Ok(error) => JsonRpcResponse::error(&request, McpError::new(error.code, "hidden")),
            Err(response) => response,
        })
    });
    let mut http = Http::new(WireLayer::new(changes));
    for (status, kind, body) in [
        (
            404,
            "application/json",
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":7,"message":"x"}}"#,
        ),
        (400, "text/plain", "secret"),
    ] {
        let reply = http.post(call("1", "echo"));
        http.incoming().await.status(status, kind, body);
        let mut reply = reply.await.unwrap();
        assert_eq!(
            (reply.status.as_u16(), reply.kind()),
            (status, "application/json")
        );
        assert_eq!(reply.json().await["error"]["message"], "hidden");
    }
    let reply = http.post(call("1", "echo"));
    http.incoming().await.status(500, "text/plain", "secret");
    let mut reply = reply.await.unwrap();
    assert_eq!(
        (reply.status.as_u16(), reply.kind()),
        (200, "application/json")
    );
    assert_eq!(
        reply.json().await,
        json!({"jsonrpc":"2.0","id":1,"result":{}})
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_cannot_be_reached_fails_the_call() {
    let mut http = Http::plain();
    let reply = http.post(call("1", "echo"));
    http.incoming().await.fail();
    let mut reply = reply.await.unwrap();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json().await["error"]["code"], -32603);

    let reply = http.post(r#"{"jsonrpc":"2.0","method":"notifications/x"}"#);
    http.incoming().await.fail();
    assert_eq!(reply.await.unwrap().status, 502);
}

#[tokio::test(start_paused = true)]
async fn all_else_passes_by_the_layers() {
    let refuses =
        layer(
            |_, request| async move { Ok(JsonRpcResponse::error(&request, McpError::forbidden())) },
        );
    let mut http = Http::new(WireLayer::new(refuses));
    for message in [
        r#"{"jsonrpc":"2.0", "method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","id":1, "result":{"action":"accept"}}"#,
        r#"{"jsonrpc":"2.0","id":"q","error":{"code":-1, "message":"no"}}"#,
    ] {
        let reply = http.post(message);
        let incoming = http.incoming().await;
        assert_eq!(incoming.text(), message);
        incoming.accepted();
        assert_eq!(reply.await.unwrap().status, 202);
    }
    for method in ["GET", "DELETE", "OPTIONS", "PUT"] {
        let request = Request::builder().method(method).uri("/mcp?x=1");
        let reply = http.send(request.body(Bytes::from("body")).unwrap());
        let incoming = http.incoming().await;
        assert_eq!(incoming.head.method, method);
        assert_eq!(incoming.head.uri, "/mcp?x=1");
        assert_eq!(incoming.text(), "body");
        incoming.status(405, "text/plain", "no");
        let mut reply = reply.await.unwrap();
        assert_eq!(
            (reply.status.as_u16(), reply.text().await),
            (405, "no".into())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn other_paths_pass_by_the_layers() {
    let mut http = Http::new(WireLayer::new(CancelLayer::new()).path("/mcp"));
    let mut request = post("no JSON");
    *request.uri_mut() = "/login".parse().unwrap();
    let reply = http.send(request);
    let incoming = http.incoming().await;
    assert_eq!(incoming.text(), "no JSON");
    incoming.status(200, "text/plain", "hello");
    assert_eq!(reply.await.unwrap().text().await, "hello");
    for path in ["/mcp", "/mcp/", "//Mcp", "/%6Dcp"] {
        let mut request = post("no JSON");
        *request.uri_mut() = path.parse().unwrap();
        assert_eq!(http.send(request).await.unwrap().status, 400, "{path}");
    }
    http.server_got_nothing();
}

#[tokio::test(start_paused = true)]
async fn the_server_is_not_asked_for_an_encoded_answer() {
    let mut http = Http::plain();
    let mut request = in_session("s", post(call("1", "echo")));
    let headers = request.headers_mut();
    headers.insert("accept-encoding", "gzip".parse().unwrap());
    headers.insert("content-length", "5".parse().unwrap());
    headers.insert("x-own", "kept".parse().unwrap());
    let reply = http.send(request);
    let incoming = http.incoming().await;
    assert!(!incoming.head.headers.contains_key("accept-encoding"));
    assert!(!incoming.head.headers.contains_key("content-length"));
    assert_eq!(incoming.head.headers["x-own"], "kept");
    assert_eq!(incoming.head.headers["mcp-session-id"], "s");
    incoming.json(answer("1", "x"));
    assert_eq!(reply.await.unwrap().text().await, answer("1", "x"));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_the_catalog_does_not_know_is_looked_up_with_headers_of_its_own() {
    let mut http = Http::plain();
    let mut request = post(call("1", "other"));
    let headers = request.headers_mut();
    headers.insert("mcp-method", "tools/call".parse().unwrap());
    headers.insert("mcp-name", "other".parse().unwrap());
    headers.insert("mcp-param-a", "b".parse().unwrap());
    let reply = http.send(request);
    let list = http.incoming().await;
    assert_eq!(list.message()["method"], Method::ListTools.as_str());
    assert_eq!(list.head.headers["mcp-method"], "tools/list");
    assert!(!list.head.headers.contains_key("mcp-name"));
    assert!(!list.head.headers.contains_key("mcp-param-a"));
    let id = list.id();
    // A stream of the look-up does not reach the client.
    let events = list.stream();
    events
        .message(r#"{"jsonrpc":"2.0","method":"notifications/message"}"#)
        .await;
    let tools = r#"{"tools":[{"name":"other"}]}"#;
    events
        .message(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{tools}}}"#))
        .await;
    let incoming = http.incoming().await;
    assert_eq!(incoming.text(), call("1", "other"));
    assert_eq!(incoming.head.headers["mcp-name"], "other");
    incoming.json(answer("1", "x"));
    assert_eq!(reply.await.unwrap().text().await, answer("1", "x"));
}

#[tokio::test(start_paused = true)]
async fn the_service_is_made_like_its_sisters() {
    let service = Wire::new(7, CancelLayer::new());
    assert_eq!(*service.get_ref(), 7);
    assert_eq!(service.into_inner(), 7);
    let layer = || WireLayer::new(CancelLayer::new()).batches(Batches::Split);
    assert!(layer().max_body(0).is_err());
    assert!(layer().max_event(0).is_err());
    assert!(layer().max_sessions(0).is_err());
    assert!(layer().max_parked(0).is_err());
    assert!(layer().park_for(Duration::ZERO).is_err());
    let stack = ServiceBuilder::new()
        .layer(LocalPrincipalLayer::new(mcp_layers_core::Principal::new(
            "x",
            mcp_layers_core::Authentication::Local,
        )))
        .layer(TimeoutLayer::new(Duration::from_secs(1)));
    let _ = WireLayer::new(stack).layer(7);
}
