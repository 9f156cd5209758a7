//! A body at the HTTP edge: it is refused, or reaches the transport byte for byte.
#![no_main]

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::{Arc, LazyLock},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::executor::block_on;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use libfuzzer_sys::fuzz_target;
use mcp_layers_authorize::{Access, AuthorizeHttpLayer, AuthorizeLayer, Rules};
use mcp_layers_core::{Authentication, Principal};
use tower_layer::Layer;
use tower_service::Service;

static LAYER: LazyLock<AuthorizeHttpLayer> = LazyLock::new(|| {
    let rules = Rules::builder()
        .tool("*", Access::any_principal())
        .tool("pay", Access::scopes(["money"]))
        .tool("admin_*", Access::nobody().hidden());
    let layer = AuthorizeLayer::new(rules.build().expect("rules"));
    let _in_the_stack = layer.layer(());
    AuthorizeHttpLayer::new(&layer)
});

/// Answers with the body that it gets.
#[derive(Clone)]
struct Echo;

impl Service<Request<Full<Bytes>>> for Echo {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        ready(Ok(Response::new(request.into_body())))
    }
}

fuzz_target!(|data: &[u8]| {
    let body = Full::<Bytes>::from(data.to_vec());
    let mut request = Request::post("/mcp").body(body).expect("a request");
    let ada = Principal::new("ada", Authentication::Bearer);
    request.extensions_mut().insert(Arc::new(ada));
    let response = block_on(LAYER.layer(Echo).call(request)).expect("it cannot fail");
    let status = response.status().as_u16();
    let bytes = block_on(response.into_body().collect())
        .expect("a body")
        .to_bytes();
    match status {
        200 => assert_eq!(*bytes, *data),
        400 | 403 => assert!(bytes.starts_with(b"{")),
        status => panic!("status {status}"),
    }
});
