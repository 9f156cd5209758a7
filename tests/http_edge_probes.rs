//! The layers of tower-http around rmcp's HTTP transport, and ours in their place: each test is a claim
//! of the page `crates/mcp-layers-rmcp/docs/http-edge.md`. Time is paused wherever a test waits.

#![allow(clippy::unwrap_used)]

mod edge;

use std::{
    sync::{Arc, Mutex, atomic::Ordering::Relaxed},
    time::Duration,
};

use axum::{
    Extension, Router,
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header},
};
use bytes::Bytes;
use edge::*;
use http_body_util::BodyExt;
use mcp_layers::{
    Authentication, Principal,
    authenticate::{ApiKeys, AuthenticateLayer},
    authorize::{Access, AuthorizeHttpLayer, AuthorizeLayer, Rules},
    rate_limit::ConcurrencyLimitLayer,
    timeout::TimeoutLayer,
    util::CatchPanicLayer,
};
use tokio::{net::TcpListener, time::timeout};
use tower::{Layer, ServiceExt, limit::GlobalConcurrencyLimitLayer};
use tower_http::{
    catch_panic,
    compression::{CompressionLayer, predicate::SizeAbove},
    cors::{AllowHeaders, CorsLayer},
    limit::RequestBodyLimitLayer,
    normalize_path::NormalizePathLayer,
    timeout as http_timeout,
    trace::TraceLayer,
};

use tracing_subscriber::layer::SubscriberExt;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn http_timeout() -> http_timeout::TimeoutLayer {
    http_timeout::TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, SECOND)
}

#[tokio::test(start_paused = true)]
async fn the_timeout_of_http_does_not_limit_a_call_in_a_session() {
    let (tools, mut events) = Tools::new();
    let router = bare(&tools).layer(http_timeout());
    let session = Session::open(&router).await;
    let mut response = session.call("wait").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(events.recv().await, Some("started"));
    tokio::time::advance(MINUTE).await;
    tools.release();
    let result = next_message(&mut response).await.unwrap();
    assert_eq!(result["result"]["isError"], false, "{result}");
}

#[tokio::test(start_paused = true)]
async fn the_timeout_of_http_answers_408_without_a_body_while_the_tool_runs_on() {
    let (tools, mut events) = Tools::new();
    let router = bare(&tools).layer(http_timeout());
    let response = send(&router, modern("wait")).await;
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
    assert_eq!(body(response).await, Bytes::new());
    assert_eq!(events.recv().await, Some("started"));
    tools.release();
    assert_eq!(events.recv().await, Some("ended"));
}

#[tokio::test(start_paused = true)]
async fn our_timeout_answers_504_in_both_generations() {
    let (tools, _events) = Tools::new();
    let router = layered(&tools, TimeoutLayer::new(SECOND));
    let modern = json_of(send(&router, modern("wait")).await).await;
    assert_eq!(modern["error"]["code"], 504);
    let session = Session::open(&router).await;
    let legacy = next_message(&mut session.call("wait").await).await;
    assert_eq!(legacy.unwrap()["error"]["code"], 504);
}

#[tokio::test(start_paused = true)]
async fn the_panic_layer_of_http_leaves_a_panicking_tool_unanswered() {
    let (tools, _events) = Tools::new();
    let router = bare(&tools).layer(catch_panic::CatchPanicLayer::new());
    let head = timeout(MINUTE, send(&router, modern("panic"))).await;
    let session = Session::open(&router).await;
    let mut response = session.call("panic").await;
    assert_eq!(response.status(), StatusCode::OK);
    let message = timeout(MINUTE, next_message(&mut response)).await;
    assert!(head.is_err());
    assert!(message.is_err());
}

#[tokio::test]
async fn our_panic_layer_answers_in_both_generations() {
    let (tools, _events) = Tools::new();
    let router = layered(&tools, CatchPanicLayer::new());
    let modern = json_of(send(&router, modern("panic")).await).await;
    assert_eq!(modern["error"]["code"], -32603);
    let session = Session::open(&router).await;
    let legacy = next_message(&mut session.call("panic").await).await;
    assert_eq!(legacy.unwrap()["error"]["code"], -32603);
}

#[tokio::test]
async fn the_concurrency_limit_of_tower_does_not_limit_calls_in_sessions() {
    let (tools, mut events) = Tools::new();
    let router = bare(&tools).layer(GlobalConcurrencyLimitLayer::new(1));
    let session = Session::open(&router).await;
    let _first = session.call("wait").await;
    let _second = session.call("wait").await;
    // Both run at once.
    assert_eq!(events.recv().await, Some("started"));
    assert_eq!(events.recv().await, Some("started"));
}

#[tokio::test(start_paused = true)]
async fn the_concurrency_limit_of_tower_makes_a_call_of_2026_wait_without_an_answer() {
    let (tools, mut events) = Tools::new();
    let router = bare(&tools).layer(GlobalConcurrencyLimitLayer::new(1));
    let first = tokio::spawn({
        let router = router.clone();
        async move { send(&router, modern("wait")).await }
    });
    assert_eq!(events.recv().await, Some("started"));
    let second = timeout(MINUTE, send(&router, modern("text"))).await;
    assert!(second.is_err());
    tools.release();
    assert_eq!(first.await.unwrap().status(), StatusCode::OK);
    assert_eq!(status(&router, modern("text")).await, StatusCode::OK);
}

#[tokio::test]
async fn our_concurrency_limit_refuses_in_both_generations() {
    let (tools, mut events) = Tools::new();
    let limit = ConcurrencyLimitLayer::new("all", 1).unwrap();
    let router = layered(&tools, limit);
    let session = Session::open(&router).await;
    let _running = session.call("wait").await;
    assert_eq!(events.recv().await, Some("started"));
    let legacy = next_message(&mut session.call("text").await).await.unwrap();
    let modern = json_of(send(&router, modern("text")).await).await;
    for refused in [legacy, modern] {
        assert_eq!(refused["error"]["code"], 429, "{refused}");
    }
}

#[tokio::test]
async fn a_body_limit_below_that_of_rmcp_answers_413_and_for_chunks_500() {
    let (tools, _events) = Tools::new();
    let router = bare(&tools).layer(RequestBodyLimitLayer::new(1_000));
    let too_large = StatusCode::PAYLOAD_TOO_LARGE;
    assert_eq!(status_of_long_body(&router, false).await, too_large);
    let failed = StatusCode::INTERNAL_SERVER_ERROR;
    assert_eq!(status_of_long_body(&router, true).await, failed);
    // The edge of the authorization reads the body before rmcp does.
    let rules = Rules::builder().otherwise(Access::any_principal());
    let authorize = AuthorizeLayer::new(rules.build().unwrap());
    let edge = AuthorizeHttpLayer::new(&authorize);
    let verified = |edge: AuthorizeHttpLayer| {
        let ada = Arc::new(Principal::new("ada", Authentication::ApiKey));
        layered(&tools, authorize.clone())
            .layer(edge)
            .layer(Extension(ada))
    };
    let limited = verified(edge.clone()).layer(RequestBodyLimitLayer::new(1_000));
    assert_eq!(status_of_long_body(&limited, true).await, too_large);
    let own = verified(edge.max_body(1_000).unwrap());
    assert_eq!(status_of_long_body(&own, true).await, too_large);
}

#[tokio::test]
async fn a_body_limit_above_that_of_rmcp_has_no_effect() {
    let (tools, _events) = Tools::new();
    let config = config().with_max_request_body_bytes(1_000);
    let router = configured(&tools, config).layer(RequestBodyLimitLayer::new(10_000));
    let too_large = StatusCode::PAYLOAD_TOO_LARGE;
    assert_eq!(status_of_long_body(&router, false).await, too_large);
    assert_eq!(status_of_long_body(&router, true).await, too_large);
}

fn gzip() -> HeaderMap {
    [(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"))]
        .into_iter()
        .collect()
}

#[tokio::test]
async fn compression_of_http_compresses_json() {
    let (tools, _events) = Tools::new();
    let router = bare(&tools).layer(CompressionLayer::new());
    let plain = body(send(&router, modern("text")).await).await;
    let response = send(&router, modern_with("text", &gzip())).await;
    assert_eq!(response.headers()[header::CONTENT_ENCODING], "gzip");
    assert!(body(response).await.len() < plain.len() / 4);
}

#[tokio::test]
async fn compression_of_http_leaves_streams_alone_unless_the_predicate_is_replaced() {
    let (tools, mut events) = Tools::new();
    let streams = config().with_json_response(false);
    let encoding = async |layer: Router| {
        let response = send(&layer, modern_with("text", &gzip())).await;
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "text/event-stream"
        );
        response.headers().get(header::CONTENT_ENCODING).cloned()
    };
    let router = configured(&tools, streams.clone());
    assert_eq!(
        encoding(router.clone().layer(CompressionLayer::new())).await,
        None
    );
    let all = CompressionLayer::new().compress_when(SizeAbove::new(32));
    assert_eq!(
        encoding(router.clone().layer(all.clone())).await.unwrap(),
        "gzip"
    );
    // What a session receives of a call that runs, before its end.
    let router = router.layer(all);
    let session = Session::open(&router).await;
    let mut response = session.call_with("wait", &gzip()).await;
    assert_eq!(events.recv().await, Some("started"));
    assert_eq!(response.headers()[header::CONTENT_ENCODING], "gzip");
    // The compressed frames are sent as they come.
    assert!(response.body_mut().frame().await.unwrap().is_ok());
}

const ORIGIN: &str = "https://app.example";

fn preflight() -> Request<Body> {
    let asked = "content-type,mcp-method,mcp-param-region,mcp-protocol-version";
    Request::options("/mcp")
        .header("host", "localhost")
        .header("origin", ORIGIN)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", asked)
        .body(Body::empty())
        .unwrap()
}

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin([HeaderValue::from_static(ORIGIN)])
        .allow_methods([Method::POST])
}

#[tokio::test]
async fn rmcp_answers_a_preflight_with_405() {
    let (tools, _events) = Tools::new();
    let refused = StatusCode::METHOD_NOT_ALLOWED;
    assert_eq!(status(&bare(&tools), preflight()).await, refused);
}

#[tokio::test]
async fn a_list_of_headers_cannot_allow_the_headers_of_parameters() {
    let (tools, _events) = Tools::new();
    let allowed = async |cors: CorsLayer| {
        let response = send(&bare(&tools).layer(cors), preflight()).await;
        assert_eq!(response.status(), StatusCode::OK);
        let headers = &response.headers()[header::ACCESS_CONTROL_ALLOW_HEADERS];
        headers.to_str().unwrap().contains("mcp-param-region")
    };
    let fixed = ["content-type", "mcp-method", "mcp-protocol-version"];
    assert!(!allowed(cors().allow_headers(fixed.map(HeaderName::from_static))).await);
    assert!(allowed(cors().allow_headers(AllowHeaders::mirror_request())).await);
}

#[tokio::test]
async fn cors_inside_of_authentication_never_sees_a_preflight() {
    let (tools, _events) = Tools::new();
    let ada = Principal::new("ada", Authentication::ApiKey);
    let keys = ApiKeys::new().with_key("key", ada).unwrap();
    let authenticate = AuthenticateLayer::new(keys);
    // It checks origins too, before anything else.
    let mcp = bare(&tools);
    let inside = mcp.clone().layer(cors()).layer(authenticate.clone());
    assert_eq!(status(&inside, preflight()).await, StatusCode::FORBIDDEN);
    let authenticate = authenticate.allow_origins([ORIGIN]).unwrap();
    let inside = mcp.clone().layer(cors()).layer(authenticate.clone());
    assert_eq!(status(&inside, preflight()).await, StatusCode::UNAUTHORIZED);
    let outside = mcp.layer(authenticate).layer(cors());
    assert_eq!(status(&outside, preflight()).await, StatusCode::OK);
    // The page may read that it has to authenticate.
    let mut call = modern("text");
    let origin = HeaderValue::from_static(ORIGIN);
    call.headers_mut().insert(header::ORIGIN, origin.clone());
    let refused = send(&outside, call).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        refused.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN],
        origin
    );
}

#[tokio::test]
async fn rmcp_checks_hosts_by_default_and_origins_only_with_a_list() {
    let (tools, _events) = Tools::new();
    let call = |name: HeaderName, value: &'static str| {
        let mut call = modern("text");
        call.headers_mut()
            .insert(name, HeaderValue::from_static(value));
        call
    };
    let bare = bare(&tools);
    let foreign = || call(header::ORIGIN, "https://evil.example");
    assert_eq!(
        status(&bare, call(header::HOST, "evil.example")).await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(status(&bare, foreign()).await, StatusCode::OK);
    let config = config().with_allowed_origins(["https://app.example:443"]);
    let checked = configured(&tools, config);
    assert_eq!(status(&checked, foreign()).await, StatusCode::FORBIDDEN);
    let own = call(header::ORIGIN, ORIGIN);
    assert_eq!(status(&checked, own).await, StatusCode::OK);
}

#[tokio::test]
async fn the_trace_of_http_reports_the_head_before_the_tool_ends_and_no_failure() {
    let (tools, mut events) = Tools::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (head, failure) = (seen.clone(), seen.clone());
    let trace = TraceLayer::new_for_http()
        .on_response(move |_: &_, _: Duration, _: &_| head.lock().unwrap().push("head"))
        .on_failure(move |_: _, _: Duration, _: &_| failure.lock().unwrap().push("failure"));
    let router = bare(&tools).layer(trace);
    let session = Session::open(&router).await;
    seen.lock().unwrap().clear();
    let mut response = session.call("wait").await;
    assert_eq!(events.recv().await, Some("started"));
    assert_eq!(*seen.lock().unwrap(), ["head"]);
    tools.release();
    next_message(&mut response).await.unwrap();
    let failed = json_of(send(&router, modern("fail")).await).await;
    assert_eq!(failed["result"]["isError"], true);
    assert_eq!(*seen.lock().unwrap(), ["head", "head"]);
}

#[tokio::test]
async fn the_span_of_http_ends_with_the_body() {
    let (tools, mut events) = Tools::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let subscriber = tracing_subscriber::registry().with(closed::Closed(seen.clone()));
    let _guard = tracing::subscriber::set_default(subscriber);
    let span = |_: &Request<Body>| tracing::info_span!("request");
    let router = bare(&tools).layer(TraceLayer::new_for_http().make_span_with(span));
    let session = Session::open(&router).await;
    seen.lock().unwrap().clear();
    let mut response = session.call("wait").await;
    assert_eq!(events.recv().await, Some("started"));
    assert!(seen.lock().unwrap().is_empty());
    tools.release();
    while next_message(&mut response).await.is_some() {}
    drop(response);
    assert_eq!(*seen.lock().unwrap(), ["span closed"]);
}

#[tokio::test]
async fn a_nested_service_answers_below_its_path_and_a_routed_one_does_not() {
    let (tools, _events) = Tools::new();
    let at = |path: &str| {
        let mut call = modern("text");
        *call.uri_mut() = path.parse().unwrap();
        call
    };
    let nested = Router::new().nest_service("/mcp", service(&tools, config()));
    assert_eq!(status(&nested, at("/mcp/anything")).await, StatusCode::OK);
    let routed = bare(&tools);
    assert_eq!(
        status(&routed, at("/mcp/anything")).await,
        StatusCode::NOT_FOUND
    );
    assert_eq!(status(&routed, at("/mcp/")).await, StatusCode::NOT_FOUND);
    let normalized = NormalizePathLayer::trim_trailing_slash().layer(routed);
    for path in ["/mcp/", "/mcp///"] {
        let answer = normalized.clone().oneshot(at(path)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_streamed_response_is_two_writes_and_a_connection_has_no_nodelay() {
    let (tools, _events) = Tools::new();
    let config = config().with_json_response(false);
    let writes = Arc::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listener = counting::CountingListener(listener, Arc::clone(&writes));
    tokio::spawn(axum::serve(listener, configured(&tools, config)).into_future());
    let call = modern("text");
    let request = reqwest::Client::new().post(format!("http://{address}/mcp"));
    let mut headers = call.headers().clone();
    headers.remove(header::HOST);
    let request = request.headers(headers).body(modern_call("text", ""));
    let response = request.send().await.unwrap();
    response.bytes().await.unwrap();
    assert!(writes.load(Relaxed) >= 2);
}
