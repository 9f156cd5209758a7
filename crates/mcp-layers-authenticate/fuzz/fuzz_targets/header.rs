//! A query and headers, one per line: only a request with the one key in one header is accepted, and
//! the service never sees the key.
#![no_main]

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::{Arc, LazyLock},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::executor::block_on;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::Empty;
use libfuzzer_sys::fuzz_target;
use mcp_layers_authenticate::{ApiKeys, AuthenticateLayer, RequestBody, ResourceMetadata};
use mcp_layers_core::{Authentication, Principal};
use tower_layer::Layer;
use tower_service::Service;

const KEY: &[u8] = b"key";

static LAYER: LazyLock<AuthenticateLayer> = LazyLock::new(|| {
    let ada = Principal::new("ada", Authentication::ApiKey);
    let keys = ApiKeys::new().with_key("key", ada).expect("a key");
    let metadata = ResourceMetadata::new("https://mcp.example/mcp").expect("a URL");
    AuthenticateLayer::new(keys)
        .metadata(metadata)
        .api_key_header(HeaderName::from_static("x-api-key"))
});

#[derive(Clone)]
struct Leaf;

impl Service<Request<RequestBody>> for Leaf {
    type Response = Response<Empty<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let principal = request.extensions().get::<Arc<Principal>>();
        assert_eq!(principal.expect("a principal").subject(), "ada");
        assert!(!request.headers().contains_key("authorization"));
        assert!(!request.headers().contains_key("x-api-key"));
        ready(Ok(Response::new(Empty::new())))
    }
}

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let target = lines.next().unwrap_or_default();
    let Ok(mut request) = Request::post(target).body(Empty::<Bytes>::new()) else {
        return;
    };
    let mut credentials = Vec::new();
    for line in lines.take(8) {
        let Some(at) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (name, value) = (&line[..at], &line[at + 1..]);
        let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        else {
            continue;
        };
        if name == "authorization" || name == "x-api-key" {
            credentials.push(value.clone());
        }
        request.headers_mut().append(name, value);
    }
    let mut service = LAYER.layer(Leaf);
    let response = block_on(service.call(request)).expect("it cannot fail");
    if response.status() == StatusCode::OK && !response.headers().contains_key("content-type") {
        let good = |value: &HeaderValue| value.as_bytes().ends_with(KEY);
        assert!(credentials.iter().any(good), "accepted without the key");
        assert!(credentials.len() <= 2, "accepted with many");
    }
    for value in response.headers().values() {
        assert!(value.to_str().is_ok());
    }
});
