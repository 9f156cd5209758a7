//! Keys and tokens made by the `openssl` command, a manual clock, and the layer around a service that
//! records what it gets.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    dead_code,
    unused_imports,
    reason = "each test uses a part of it"
)]

mod signing;

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use mcp_layers_authenticate::{AuthenticateLayer, RequestBody};
use mcp_layers_core::{Clock, Principal, Trail};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};

pub(crate) use signing::{Kind, SigningKey, base64, can_sign, hmac_sha256};

pub(crate) const ISSUER: &str = "https://as.example";
pub(crate) const AUDIENCE: &str = "https://mcp.example/mcp";
/// The wall-clock time of the tests: seconds since 1970.
pub(crate) const NOW: u64 = 2_000_000_000;

/// A clock that stands still at [`NOW`] until it is advanced.
pub(crate) fn manual_clock() -> Clock {
    let clock = Clock::manual();
    clock.set_wall(SystemTime::UNIX_EPOCH + Duration::from_secs(NOW));
    clock
}

/// The claims of a good token.
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

/// The same with one claim changed.
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

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trail: Option<Trail>,
    /// The request that the inner service got, if it was called.
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

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The message of the JSON-RPC error.
    pub(crate) fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap().to_owned()
    }

    /// Asserts a 401 with a constant text, which did not reach the inner service.
    pub(crate) fn assert_invalid(&self, what: &str) {
        assert_eq!(self.status, StatusCode::UNAUTHORIZED, "{what}");
        assert!(
            self.challenge()
                .starts_with("Bearer error=\"invalid_token\""),
            "{what}"
        );
        let expected = json!({
            "jsonrpc": "2.0",
            "id": null,
            "error": {
                "code": 401,
                "message": "The access token is invalid or expired",
                "data": { "reason": "invalid_token" },
            },
        });
        assert_eq!(self.json(), expected, "{what}");
        assert!(self.seen.is_none(), "{what} reached the inner service");
    }
}

/// Sends a request through the layer to a service that reads its body.
pub(crate) async fn send<B>(layer: &AuthenticateLayer, request: Request<B>) -> Answer
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<mcp_layers_core::BoxError>,
{
    let seen = Arc::new(Mutex::new(None));
    let record = seen.clone();
    let inner = service_fn(move |request: Request<RequestBody>| {
        let record = record.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map(|body| body.to_bytes().len());
            *record.lock().unwrap() = Some(Seen {
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
    let (mut parts, body) = response.into_parts();
    let seen = seen.lock().unwrap().take();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes(),
        trail: parts.extensions.remove::<Trail>(),
        seen,
    }
}

pub(crate) fn post() -> http::request::Builder {
    Request::post("https://mcp.example/mcp")
}

pub(crate) async fn send_token(layer: &AuthenticateLayer, token: &str) -> Answer {
    let request = post().header("authorization", format!("Bearer {token}"));
    send(layer, request.body(Full::<Bytes>::default()).unwrap()).await
}
