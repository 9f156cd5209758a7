//! Admission and refusal of HTTP requests.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, Request, StatusCode, header};
use http_body_util::{Full, StreamBody};
use mcp_layers_authenticate::{
    ApiKeys, AuthenticateLayer, Credential, Refusal, RefusalKind, RefusalReason, ResourceMetadata,
};
use mcp_layers_core::{Authentication, Event, Principal};
use serde_json::{Value, json};
use support::{post, send, send_token};

type Empty = Full<Bytes>;

const KEY: &str = "key-ada";

fn keys() -> ApiKeys {
    let ada = Principal::new("ada", Authentication::ApiKey);
    let bob = Principal::new("bob", Authentication::ApiKey);
    let keys = ApiKeys::new().with_key(KEY, ada).unwrap();
    keys.with_key("key-bob", bob).unwrap()
}

fn edge() -> AuthenticateLayer {
    AuthenticateLayer::new(keys())
}

fn resource() -> AuthenticateLayer {
    let metadata = ResourceMetadata::new("https://mcp.example/mcp").unwrap();
    let metadata = metadata.authorization_server("https://as.example").unwrap();
    let metadata = metadata.scopes_supported(["tools"]).unwrap();
    edge()
        .metadata(metadata)
        .challenge_scopes(["tools", "files"])
        .unwrap()
}

fn with_headers(headers: &[(&str, &str)]) -> Request<Empty> {
    let request = headers.iter().fold(post(), |request, (name, value)| {
        request.header(*name, *value)
    });
    request.body(Empty::default()).unwrap()
}

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

#[tokio::test]
async fn a_request_without_a_credential_gets_a_bare_challenge() {
    let answer = send(&edge(), with_headers(&[])).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.challenge(), "Bearer");
    assert!(answer.seen.is_none());
    assert_eq!(answer.headers["cache-control"], "no-store");
    // Of another scheme, or empty: there is none.
    for value in [
        "Basic a2V5LWFkYQ==",
        "Bearer",
        "Bearer ",
        "Bearerkey-ada",
        "key-ada",
        "",
    ] {
        let answer = send(&edge(), with_headers(&[("authorization", value)])).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{value}");
        assert_eq!(answer.challenge(), "Bearer", "{value}");
    }
}

#[tokio::test]
async fn a_challenge_names_the_metadata_and_the_scopes() {
    let metadata =
        "resource_metadata=\"https://mcp.example/.well-known/oauth-protected-resource/mcp\"";
    let answer = send(&resource(), with_headers(&[])).await;
    assert_eq!(
        answer.challenge(),
        format!("Bearer scope=\"tools files\", {metadata}")
    );
    let answer = send_token(&resource(), "guess").await;
    answer.assert_invalid("a guess");
    let expected = format!("Bearer error=\"invalid_token\", scope=\"tools files\", {metadata}");
    assert_eq!(answer.challenge(), expected);
}

#[tokio::test]
async fn the_scheme_is_bearer_in_any_case_and_the_token_one_word() {
    for value in ["Bearer key-ada", "bearer key-ada", "BEARER  key-ada"] {
        let answer = send(&edge(), with_headers(&[("authorization", value)])).await;
        assert_eq!(answer.principal().subject(), "ada", "{value}");
    }
    for value in [
        "Bearer key-ada key-ada",
        "Bearer key-ada,",
        "Bearer key-ada, Bearer key-bob",
    ] {
        let answer = send(&edge(), with_headers(&[("authorization", value)])).await;
        answer.assert_invalid(value);
    }
    let request = post().header("authorization", &b"Bearer key-ada\xff"[..]);
    let answer = send(&edge(), request.body(Empty::default()).unwrap()).await;
    answer.assert_invalid("beyond ASCII");
}

#[tokio::test]
async fn an_api_key_has_a_header_by_its_name() {
    let request = || with_headers(&[("x-api-key", KEY)]);
    assert_eq!(
        send(&edge(), request()).await.status,
        StatusCode::UNAUTHORIZED
    );
    let answer = send(&edge().api_key_header(X_API_KEY), request()).await;
    assert_eq!(answer.principal().subject(), "ada");
    let answer = send_token(&edge().api_key_header(X_API_KEY), "key-bob").await;
    assert_eq!(answer.principal().subject(), "bob");
}

#[tokio::test]
async fn a_request_has_one_credential() {
    let edge = edge().api_key_header(X_API_KEY);
    let (ada, bob) = ("Bearer key-ada", "Bearer key-bob");
    for headers in [
        &[("authorization", ada), ("authorization", bob)][..],
        &[("authorization", ada), ("authorization", ada)],
        &[("authorization", ada), ("authorization", "Basic AA==")],
        &[("authorization", ada), ("x-api-key", "key-bob")],
        &[("x-api-key", KEY), ("x-api-key", KEY)],
    ] {
        let answer = send(&edge, with_headers(headers)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{headers:?}");
        assert_eq!(answer.challenge(), "Bearer error=\"invalid_request\"");
        assert!(answer.seen.is_none());
    }
}

#[tokio::test]
async fn a_token_in_the_query_is_refused_even_beside_a_good_header() {
    for query in [
        "access_token=key-ada",
        "a=b&access%5Ftoken=key-ada",
        "access_token",
        "%61ccess%5Ftoken=x",
        "ACCESS_TOKEN=x",
    ] {
        for header in [None, Some("Bearer key-ada")] {
            let mut request = Request::post(format!("https://mcp.example/mcp?{query}"));
            if let Some(header) = header {
                request = request.header("authorization", header);
            }
            let answer = send(&edge(), request.body(Empty::default()).unwrap()).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
            assert!(answer.seen.is_none());
        }
    }
    for query in [
        "",
        "session=1",
        "token=x",
        "a=access_token",
        "access_tokens=x",
        "%",
        "%6",
        "%zz=1",
    ] {
        let request = Request::post(format!("https://mcp.example/mcp?{query}"))
            .header("authorization", "Bearer key-ada");
        let answer = send(&edge(), request.body(Empty::default()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}");
    }
}

#[tokio::test]
async fn the_credential_does_not_reach_the_service() {
    let edge = edge().api_key_header(X_API_KEY);
    for (name, value) in [("authorization", "Bearer key-ada"), ("x-api-key", KEY)] {
        let request = || with_headers(&[(name, value), ("x-other", "kept")]);
        let seen = send(&edge, request()).await.seen.unwrap();
        assert!(!seen.headers.contains_key(name));
        assert_eq!(seen.headers["x-other"], "kept");
        let seen = send(&edge.clone().keep_credential(), request())
            .await
            .seen
            .unwrap();
        assert_eq!(seen.headers[name], value);
    }
    // Nor does what is no credential beside one.
    let request = with_headers(&[("x-api-key", KEY), ("authorization", "Basic c2VjcmV0")]);
    let seen = send(&edge, request).await.seen.unwrap();
    assert!(!seen.headers.contains_key("authorization"));
}

#[tokio::test]
async fn replaces_a_principal_that_was_there_before() {
    let mut request = with_headers(&[("authorization", "Bearer key-ada")]);
    let root = Principal::new("root", Authentication::Bearer);
    request.extensions_mut().insert(root.clone());
    request.extensions_mut().insert(Arc::new(root));
    assert_eq!(send(&edge(), request).await.principal().subject(), "ada");
}

#[tokio::test]
async fn refusals_have_their_status_and_report_their_cause() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let list = told.clone();
    let verifier = |credential: Credential| async move {
        Err::<Principal, _>(match credential.as_str() {
            "short" => Refusal::insufficient_scope(["tools", "admin"]),
            "bad-scope" => Refusal::insufficient_scope(["a\"b"]),
            "later" => {
                Refusal::unavailable(Some(Duration::from_millis(1500))).because("db: hunter2")
            }
            "sometime" => Refusal::unavailable(None),
            _ => Refusal::invalid().because("hunter2"),
        })
    };
    let edge = AuthenticateLayer::new(verifier).on_refusal(move |_, refusal| {
        let refusal = refusal.unwrap();
        let cause = std::error::Error::source(refusal).map(ToString::to_string);
        list.lock().unwrap().push((refusal.kind().clone(), cause));
    });

    let answer = send_token(&edge, "short").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let expected = "Bearer error=\"insufficient_scope\", scope=\"tools admin\"";
    assert_eq!(answer.challenge(), expected);
    let answer = send_token(&edge, "bad-scope").await;
    assert_eq!(answer.challenge(), "Bearer error=\"insufficient_scope\"");
    for (token, seconds) in [("later", "2"), ("sometime", "1")] {
        let answer = send_token(&edge, token).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers["retry-after"], seconds);
        assert!(!answer.body.windows(7).any(|text| text == b"hunter2"));
    }
    send_token(&edge, "x").await.assert_invalid("x");
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 5);
    assert_eq!(told[4], (RefusalKind::Invalid, Some("hunter2".to_owned())));
}

#[tokio::test]
async fn pages_of_other_origins_may_not_send_requests() {
    let allowed = resource()
        .allow_origins(["https://app.example", "http://localhost:6274"])
        .unwrap();
    let status = async |edge: &AuthenticateLayer, origins: &[&str]| {
        let mut headers = vec![("authorization", "Bearer key-ada")];
        headers.extend(origins.iter().map(|origin| ("origin", *origin)));
        send(edge, with_headers(&headers)).await.status.as_u16()
    };
    for origin in [
        "https://app.example",
        "http://localhost:6274",
        "https://mcp.example",
    ] {
        assert_eq!(status(&allowed, &[origin]).await, 200, "{origin}");
    }
    for origin in [
        "https://evil.example",
        "null",
        "",
        "https://app.example:8443",
        "http://app.example",
        "https://app.example.evil.example",
        "HTTPS://app.example",
        "https://app.example/",
    ] {
        assert_eq!(status(&allowed, &[origin]).await, 403, "{origin}");
    }
    assert_eq!(
        status(&allowed, &["https://app.example", "https://evil.example"]).await,
        403
    );
    // By default none but the resource's own; from no page, all.
    assert_eq!(status(&resource(), &["https://mcp.example"]).await, 200);
    assert_eq!(status(&edge(), &["https://mcp.example"]).await, 403);
    assert_eq!(status(&edge(), &[]).await, 200);
    assert_eq!(
        status(&edge().allow_any_origin(), &["https://evil.example"]).await,
        200
    );
    for origin in [
        "app.example",
        "https://app.example/",
        "https://APP.example",
        "*",
        "",
        "null",
        "https://*.app.example",
        "https://app.*",
        "http://localhost:*",
    ] {
        assert!(edge().allow_origins([origin]).is_err(), "{origin}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let edge = edge().max_body(10).unwrap();
    let request = || post().header("authorization", "Bearer key-ada");
    let status = async |length: usize| {
        let body = Full::new(Bytes::from(vec![b'x'; length]));
        send(&edge, request().body(body).unwrap()).await
    };
    let answer = status(10).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.seen.unwrap().body, 10);
    let answer = status(11).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.seen.is_none());
    // By what the header says, before a byte is read.
    let declared = request()
        .header(header::CONTENT_LENGTH, "11")
        .body(Empty::default());
    let answer = send(&edge, declared.unwrap()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.seen.is_none());
    // Of no known length: as soon as there is too much of it, whatever the service makes of that.
    let streamed = |chunks: usize| {
        let frames = (0..chunks)
            .map(|_| Ok::<_, Infallible>(http_body::Frame::data(Bytes::from_static(b"xxxxx"))));
        StreamBody::new(futures::stream::iter(frames))
    };
    let answer = send(&edge, request().body(streamed(2)).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
    let answer = send(&edge, request().body(streamed(3)).unwrap()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.message(), "Request too large");
    assert!(edge.clone().max_body(0).is_err() && edge.max_credential(0).is_err());
}

#[tokio::test]
async fn a_credential_that_is_too_long_is_refused() {
    let edge = edge().max_credential(KEY.len()).unwrap();
    assert_eq!(send_token(&edge, KEY).await.status, StatusCode::OK);
    send_token(&edge, "key-ada1")
        .await
        .assert_invalid("too long");
    let long = "x".repeat(1024 * 1024);
    send_token(&resource(), &long)
        .await
        .assert_invalid("a megabyte");
}

#[tokio::test]
async fn the_metadata_of_the_resource_is_served_to_everyone() {
    let get = async |path: &str| {
        let request = Request::get(format!("https://mcp.example{path}"));
        let request = request.header("origin", "https://evil.example");
        send(&resource(), request.body(Empty::default()).unwrap()).await
    };
    let at = "/.well-known/oauth-protected-resource";
    for path in [at.to_owned(), format!("{at}/mcp")] {
        let answer = get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.headers["content-type"], "application/json");
        assert_eq!(answer.headers["access-control-allow-origin"], "*");
        let metadata: Value = serde_json::from_slice(&answer.body).unwrap();
        let expected = json!({
            "resource": "https://mcp.example/mcp",
            "authorization_servers": ["https://as.example"],
            "scopes_supported": ["tools"],
            "bearer_methods_supported": ["header"],
        });
        assert_eq!(metadata, expected);
        assert!(answer.seen.is_none());
    }
    let near = ["/other", "/", "/mcp/", "mcp"].map(|rest| format!("{at}{rest}"));
    for path in near.into_iter().chain(["/mcp".to_owned()]) {
        assert_ne!(get(&path).await.status, StatusCode::OK, "{path}");
    }
    for method in ["POST", "PUT", "DELETE"] {
        let request = Request::builder()
            .method(method)
            .uri(at)
            .body(Empty::default());
        let answer = send(&resource(), request.unwrap()).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(answer.headers["allow"], "GET, HEAD, OPTIONS");
    }
    let ask = async |method: &str| {
        let request = Request::builder().method(method).uri(at);
        let request = request
            .header("origin", "https://inspector.example")
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "mcp-protocol-version");
        send(&resource(), request.body(Empty::default()).unwrap()).await
    };
    let preflight = ask("OPTIONS").await;
    assert_eq!(preflight.status, StatusCode::NO_CONTENT);
    for (name, value) in [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "GET, HEAD, OPTIONS"),
        ("access-control-allow-headers", "*"),
    ] {
        assert_eq!(preflight.headers[name], value);
    }
    let (got, head) = (ask("GET").await, ask("HEAD").await);
    assert_eq!(head.status, StatusCode::OK);
    assert!(head.body.is_empty());
    assert_eq!(head.headers["content-length"], got.body.len().to_string());
    assert_eq!(head.headers["content-type"], "application/json");
    // Without metadata the path is a path like others.
    let request = Request::get(at).body(Empty::default()).unwrap();
    assert_eq!(
        send(&edge(), request).await.status,
        StatusCode::UNAUTHORIZED
    );
}

/// A request of each kind that is refused, with the status and the reason.
fn refused() -> Vec<(Request<Empty>, RefusalReason)> {
    let query = Request::post("https://mcp.example/mcp?access_token=key-ada");
    let declared = post().header("authorization", "Bearer key-ada");
    let declared = declared.header("content-length", "5000000");
    vec![
        (with_headers(&[]), RefusalReason::Unauthenticated),
        (
            with_headers(&[("authorization", "Bearer guess")]),
            RefusalReason::InvalidToken,
        ),
        (
            with_headers(&[("authorization", "Bearer a"), ("authorization", "Bearer b")]),
            RefusalReason::SeveralCredentials,
        ),
        (
            query.body(Empty::default()).unwrap(),
            RefusalReason::TokenInQuery,
        ),
        (
            with_headers(&[("origin", "https://evil.example")]),
            RefusalReason::ForbiddenOrigin,
        ),
        (
            declared.body(Empty::default()).unwrap(),
            RefusalReason::TooLarge,
        ),
    ]
}

#[tokio::test]
async fn every_refusal_is_a_json_rpc_error_with_the_id_of_the_request() {
    let body = r#"{"method":"tools/call","params":{"id":9},"jsonrpc":"2.0","id":"r-7"}"#;
    for (request, reason) in refused() {
        let (parts, _) = request.into_parts();
        let request = Request::from_parts(parts, Full::new(Bytes::from_static(body.as_bytes())));
        let answer = send(&edge(), request).await;
        assert_eq!(answer.status, reason.status());
        assert_eq!(answer.headers["content-type"], "application/json");
        let error = answer.json();
        assert_eq!(error["jsonrpc"], "2.0", "{reason:?}");
        assert_eq!(error["id"], "r-7", "{reason:?}");
        assert_eq!(
            error["error"]["code"],
            reason.status().as_u16(),
            "{reason:?}"
        );
        assert_eq!(error["error"]["data"]["reason"], reason.as_str());
        assert!(!answer.message().is_empty());
    }
}

#[tokio::test]
async fn the_id_is_null_where_it_is_not_known() {
    let id = async |body: Vec<u8>| {
        let request = post().body(Full::new(Bytes::from(body))).unwrap();
        send(&edge(), request).await.json()["id"].clone()
    };
    let padded = |length: usize| {
        let message = json!({ "method": "ping", "id": 1, "pad": "x".repeat(length) });
        message.to_string().into_bytes()
    };
    assert_eq!(id(padded(60_000)).await, 1);
    assert_eq!(id(padded(70_000)).await, Value::Null);
    assert_eq!(id(br#"{"id":"a","method":"ping"}"#.to_vec()).await, "a");
    for text in [
        "",
        "{",
        r#"{"method":"notifications/initialized"}"#,
        r#"{"id":null,"method":"ping"}"#,
        r#"{"id":[1],"method":"ping"}"#,
        r#"{"id":1,"id":2,"method":"ping"}"#,
        r#"{"id":1,"result":{}}"#,
        r#"[{"id":1,"method":"ping"}]"#,
    ] {
        assert_eq!(id(text.as_bytes().to_vec()).await, Value::Null, "{text}");
    }
}

#[tokio::test]
async fn every_refusal_leaves_a_trail_and_calls_the_hook() {
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let list = reasons.clone();
    let hooked = edge().on_refusal(move |reason, _| list.lock().unwrap().push(reason));
    let mut expected = Vec::new();
    for (request, reason) in refused() {
        let answer = send(&hooked, request).await;
        let trail = answer.trail.unwrap();
        let rule = reason.as_str().into();
        let events: Vec<_> = trail.events().cloned().collect();
        assert_eq!(events, [Event::Denied { rule }]);
        expected.push(reason);
    }
    assert_eq!(*reasons.lock().unwrap(), expected);

    // One that comes after the inner service was called.
    let frames = (0..3).map(|_| Ok::<_, Infallible>(http_body::Frame::data(Bytes::from("xxxxx"))));
    let body = StreamBody::new(futures::stream::iter(frames));
    let request = post().header("authorization", "Bearer key-ada");
    let answer = send(&edge().max_body(10).unwrap(), request.body(body).unwrap()).await;
    assert!(!answer.trail.unwrap().is_empty());

    let unavailable = AuthenticateLayer::new(|_: Credential| async {
        Err::<Principal, _>(Refusal::unavailable(None).because("the database is down"))
    });
    let answer = send_token(&unavailable, "x").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let trail = answer.trail.as_ref().unwrap();
    let cause = "the database is down".into();
    let events: Vec<_> = trail.events().cloned().collect();
    assert_eq!(events, [Event::Failed { cause }]);
    assert_eq!(
        answer.message(),
        "Authentication is unavailable: try again in 1 s"
    );
    assert!(!String::from_utf8_lossy(&answer.body).contains("database"));
    // An accepted request has no trail of this layer.
    assert!(send_token(&edge(), KEY).await.trail.is_none());
}

#[tokio::test]
async fn the_body_is_read_up_to_its_limit_before_a_refusal() {
    let read = async |frames: usize, expect: bool| {
        let count = Arc::new(Mutex::new(0));
        let counter = count.clone();
        let frames = (0..frames).map(move |_| {
            *counter.lock().unwrap() += 1;
            Ok::<_, Infallible>(http_body::Frame::data(Bytes::from(vec![b'x'; 1024])))
        });
        let mut request = post();
        if expect {
            request = request.header("expect", "100-continue");
        }
        let body = StreamBody::new(futures::stream::iter(frames));
        let edge = edge().max_body(10 * 1024).unwrap();
        let answer = send(&edge, request.body(body).unwrap()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        *count.lock().unwrap()
    };
    assert_eq!(read(10, false).await, 10);
    // The one that exceeds the limit is the last.
    assert_eq!(read(1_000_000, false).await, 11);
    // A client that waits for leave to send its body need not send it.
    assert_eq!(read(10, true).await, 0);
}

#[tokio::test]
#[should_panic(expected = "resumed after completion")]
async fn a_finished_future_panics_when_polled_again() {
    use tower::{Layer, Service};
    let inner = tower::service_fn(|_: Request<mcp_layers_authenticate::RequestBody>| async {
        Ok::<_, Infallible>(http::Response::new(Empty::default()))
    });
    let mut future = Box::pin(edge().layer(inner).call(with_headers(&[])));
    assert!(futures::poll!(&mut future).is_ready());
    let _ = futures::poll!(&mut future);
}

#[tokio::test]
async fn the_handle_counts_what_was_accepted_and_refused() {
    let verifier = |credential: Credential| async move {
        match credential.as_str() {
            "good" => Ok(Principal::new("ada", Authentication::Bearer)),
            "narrow" => Err(Refusal::insufficient_scope(["tools"])),
            "later" => Err(Refusal::unavailable(None)),
            _ => Err(Refusal::invalid()),
        }
    };
    let layer = AuthenticateLayer::new(verifier);
    let handle = layer.handle();
    // A setter keeps the counters.
    let layer = layer.max_body(1000).unwrap();
    send(&layer, with_headers(&[])).await;
    for (token, times) in [("good", 6), ("wrong", 2), ("narrow", 3), ("later", 4)] {
        for _ in 0..times {
            let value = format!("Bearer {token}");
            send(&layer, with_headers(&[("authorization", &value)])).await;
        }
    }
    for _ in 0..5 {
        let page = [
            ("authorization", "Bearer good"),
            ("origin", "https://evil.example"),
        ];
        send(&layer, with_headers(&page)).await;
    }
    let stats = handle.stats();
    assert_eq!(stats.accepted, 6);
    assert_eq!(stats.unavailable, 4);
    assert_eq!(stats.refused, 1 + 2 + 3 + 5);
    assert_eq!(stats, layer.handle().stats());
}
