//! The cost of authentication: CPU time of one thread, to be read as ratios within one run.
//!
//! | group | measured |
//! |---|---|
//! | `seen` | a cached token: `floor` is its digest and a lookup in moka, `verifier` is `CachedVerifier`, `edge` is `AuthenticateLayer`, `edge_bare` the inner service alone |
//! | `cold` | a new token, signed with RS256: `bare` is `jsonwebtoken::decode`, `verifier` is `JwtVerifier` |
//!
//! `--features mcp-layers-authenticate/jwt-aws-lc` measures `cold` on aws-lc instead of pure Rust.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that cannot run may stop"
)]

#[path = "../crates/mcp-layers-authenticate/tests/support/signing.rs"]
#[allow(dead_code, reason = "one kind of key is enough here")]
mod signing;
#[path = "support/thread_cpu.rs"]
mod thread_cpu;

use std::{convert::Infallible, future::Ready, hint::black_box, time::SystemTime};

use criterion::{Criterion, criterion_group, criterion_main};
use futures::FutureExt;
use http::{Request, Response};
use http_body_util::Empty;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use mcp_layers_authenticate::{
    AuthenticateLayer, CachedVerifier, Credential, JwtVerifier, KeySet, RequestBody, Verified,
    Verify,
};
use mcp_layers_core::{Authentication, Principal};
use moka::sync::Cache;
use serde_json::json;
use sha2::{Digest, Sha256};
use signing::{Kind, SigningKey};
use thread_cpu::{BATCH, ThreadCpu};
use tower_layer::Layer;
use tower_service::Service;

const ISSUER: &str = "https://as.example";
const AUDIENCE: &str = "https://mcp.example/mcp";

/// A token as issuers make them, 786 bytes long.
fn token(key: &SigningKey) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let mut claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "auth0|0123456789abcdef01234567", "azp": "app",
        "iat": 1_700_000_000, "exp": now.unwrap().as_secs() + 86_400, "scope": "tools files",
        "jti": "01234567-89ab-cdef-0123-456789abcdef", "pad": "",
    });
    // Four characters for three bytes, and steps of one to come as near as it goes.
    loop {
        let token = key.token(&claims);
        if token.len() >= 786 {
            return token;
        }
        claims["pad"] = format!("{}x", claims["pad"].as_str().unwrap()).into();
    }
}

fn verifier(key: &SigningKey) -> JwtVerifier {
    let keys = KeySet::from_jwks(&key.jwks()).unwrap();
    JwtVerifier::new(ISSUER, AUDIENCE, keys).unwrap()
}

fn seen(criterion: &mut Criterion<ThreadCpu>) {
    let key = SigningKey::new(Kind::Rsa(2048), "key");
    let text = token(&key);
    let credential = Credential::bearer(&text).unwrap();
    let mut group = criterion.benchmark_group("seen");

    let known = Verified::new(Principal::new("ada", Authentication::Bearer));
    let table: Cache<[u8; 32], Verified> = Cache::new(10_000);
    table.insert(Sha256::digest(&text).into(), known);
    group.bench_function("floor", |bencher| {
        bencher.iter(|| {
            let digest: [u8; 32] = Sha256::digest(black_box(text.as_bytes())).into();
            table.get(&digest).unwrap()
        });
    });

    let cached = CachedVerifier::new(verifier(&key));
    cached.verify(&credential).now_or_never().unwrap().unwrap();
    group.bench_function("verifier", |bencher| {
        bencher.iter(|| {
            cached
                .verify(black_box(&credential))
                .now_or_never()
                .unwrap()
                .unwrap()
        });
    });

    let request = || {
        let request = Request::post("/mcp").header("authorization", format!("Bearer {text}"));
        let request = request
            .header("content-type", "application/json")
            .header("host", "localhost");
        request
            .header("accept", "application/json, text/event-stream")
            .body(Empty::<bytes::Bytes>::new())
            .unwrap()
    };
    let capped = AuthenticateLayer::new(cached).layer(Leaf);
    group.bench_function("edge_bare", |bencher| {
        let call = |request: Request<Empty<bytes::Bytes>>| {
            Leaf.call(request).now_or_never().unwrap().unwrap()
        };
        bencher.iter_batched(request, call, BATCH);
    });
    group.bench_function("edge", |bencher| {
        let mut service = capped.clone();
        let call = |request| service.call(request).now_or_never().unwrap().unwrap();
        bencher.iter_batched(request, call, BATCH);
    });
}

/// The service inside: it drops the request.
#[derive(Clone)]
struct Leaf;

macro_rules! leaf {
    ($body:ty) => {
        impl Service<Request<$body>> for Leaf {
            type Response = Response<Empty<bytes::Bytes>>;
            type Error = Infallible;
            type Future = Ready<Result<Self::Response, Infallible>>;

            fn poll_ready(
                &mut self,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Result<(), Infallible>> {
                std::task::Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: Request<$body>) -> Self::Future {
                drop(request);
                std::future::ready(Ok(Response::new(Empty::new())))
            }
        }
    };
}
leaf!(Empty<bytes::Bytes>);
leaf!(RequestBody);

fn cold(criterion: &mut Criterion<ThreadCpu>) {
    let key = SigningKey::new(Kind::Rsa(2048), "key");
    let text = token(&key);
    let credential = Credential::bearer(&text).unwrap();
    let ours = verifier(&key);
    let mut group = criterion.benchmark_group("cold");

    let jwk = key.jwk();
    let part = |name: &str| jwk[name].as_str().unwrap();
    let decoding = DecodingKey::from_rsa_components(part("n"), part("e")).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER]);
    validation.validate_nbf = true;
    group.bench_function("bare", |bencher| {
        bencher.iter(|| {
            decode::<serde_json::Value>(black_box(&text), &decoding, &validation).unwrap()
        });
    });
    group.bench_function("verifier", |bencher| {
        bencher.iter(|| {
            ours.verify(black_box(&credential))
                .now_or_never()
                .unwrap()
                .unwrap()
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(ThreadCpu);
    targets = seen, cold
}
criterion_main!(benches);
