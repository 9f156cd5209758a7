//! Keys and tokens by the `openssl` command, a clock held by hand, and the edge around a service
//! that counts.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    dead_code,
    unused_imports,
    reason = "no test uses all of it"
)]

mod signing;

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use mcp_layers_auth::{AuthenticateLayer, CappedBody, Verify, WallClock};
use mcp_layers_core::{Clock, Principal};
use mcp_layers_test::ManualClock;
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};

pub(crate) use signing::{Kind, SigningKey, base64, can_sign, hmac_sha256};

pub(crate) const ISSUER: &str = "https://as.example";
pub(crate) const AUDIENCE: &str = "https://mcp.example/mcp";
/// When the tests play: seconds since 1970.
pub(crate) const NOW: u64 = 2_000_000_000;

/// A clock and a calendar that stand still until they are told.
#[derive(Debug, Clone, Default)]
pub(crate) struct TestClock(pub(crate) ManualClock);

impl Clock for TestClock {
    fn now(&self) -> Instant {
        self.0.now()
    }
}

impl WallClock for TestClock {
    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(NOW) + self.0.elapsed()
    }
}

/// Claims that are as they should be.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ada",
        "exp": NOW + 600,
        "iat": NOW - 1,
        "jti": "token-1",
        "client_id": "app",
        "scope": "tools files",
    })
}

/// The same, changed.
pub(crate) fn claims_with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    claims[name] = value.into();
    claims
}

pub(crate) fn claims_without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

/// What a request came to.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What the inner service saw, if it was called.
    pub(crate) seen: Option<Seen>,
}

#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) principal: Option<Arc<Principal>>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: usize,
}

impl Answer {
    pub(crate) fn challenge(&self) -> &str {
        self.headers["www-authenticate"].to_str().unwrap()
    }

    pub(crate) fn principal(&self) -> &Principal {
        let seen = self
            .seen
            .as_ref()
            .expect("the inner service was not called");
        seen.principal.as_ref().expect("there is no principal")
    }

    /// A 401 that says nothing but that the token is invalid, and reached nobody.
    pub(crate) fn assert_invalid(&self, what: &str) {
        assert_eq!(self.status, StatusCode::UNAUTHORIZED, "{what}");
        assert!(
            self.challenge()
                .starts_with("Bearer error=\"invalid_token\""),
            "{what}"
        );
        let text = r#"{"error":"invalid_token","error_description":"The access token is invalid or expired"}"#;
        assert_eq!(self.body, text, "{what}");
        assert!(self.seen.is_none(), "{what} reached the inner service");
    }
}

/// Sends a request through the edge to a service that reads its body.
pub(crate) async fn send<V: Verify, B>(layer: &AuthenticateLayer<V>, request: Request<B>) -> Answer
where
    B: http_body::Body + Send + 'static,
    B::Error: Into<mcp_layers_core::BoxError>,
    B::Data: Send,
{
    let seen = Arc::new(Mutex::new(None));
    let tell = seen.clone();
    let inner = service_fn(move |request: Request<CappedBody<B>>| {
        let tell = tell.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map(|body| body.to_bytes().len());
            *tell.lock().unwrap() = Some(Seen {
                principal: parts.extensions.get::<Arc<Principal>>().cloned(),
                headers: parts.headers,
                body: body.as_ref().copied().unwrap_or_default(),
            });
            let status = if body.is_ok() { 200 } else { 500 };
            let response = Response::builder().status(status);
            Ok::<_, Infallible>(
                response
                    .body(Full::new(Bytes::from_static(b"inner")))
                    .unwrap(),
            )
        }
    });
    let response = layer.layer(inner).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let seen = seen.lock().unwrap().take();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes(),
        seen,
    }
}

pub(crate) fn post() -> http::request::Builder {
    Request::post("https://mcp.example/mcp")
}

pub(crate) async fn send_token<V: Verify>(layer: &AuthenticateLayer<V>, token: &str) -> Answer {
    let request = post().header("authorization", format!("Bearer {token}"));
    send(layer, request.body(Full::<Bytes>::default()).unwrap()).await
}
