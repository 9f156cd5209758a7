//! Opaque tokens, verified by an HTTP server in this process.
#![allow(clippy::expect_used, clippy::unwrap_used)]
#![cfg(feature = "remote")]

mod support;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, extract::Request, response::IntoResponse, routing::any};
use http::StatusCode;
use http_body_util::BodyExt;
use mcp_layers_authenticate::{Credential, Introspection, Refusal, RefusalKind, Verified, Verify};
use serde_json::{Value, json};
use support::{AUDIENCE, ISSUER, NOW, claims, claims_with, claims_without, manual_clock};
use tokio::net::TcpListener;

/// The method, the `Authorization` header and the body of a request.
type Asked = (String, Option<String>, String);

struct Endpoint {
    url: String,
    requests: Arc<Mutex<Vec<Asked>>>,
}

/// An endpoint that always gives the same answer, or none.
async fn endpoint(answer: Option<(StatusCode, String)>) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/introspect", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let list = requests.clone();
    let serve = move |request: Request| {
        let (list, answer) = (list.clone(), answer.clone());
        async move {
            let method = request.method().to_string();
            let authorization = request.headers().get("authorization");
            let authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let body = String::from_utf8(body.to_vec()).unwrap();
            list.lock().unwrap().push((method, authorization, body));
            match answer {
                Some(answer) => answer.into_response(),
                None => std::future::pending().await,
            }
        }
    };
    let router = Router::new().fallback(any(serve));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Endpoint { url, requests }
}

fn introspection(endpoint: &Endpoint) -> Introspection {
    let introspection = Introspection::new(&endpoint.url, ISSUER, AUDIENCE).unwrap();
    introspection.with_clock(manual_clock())
}

async fn verify(introspection: &Introspection) -> Result<Verified, Refusal> {
    introspection
        .verify(&Credential::bearer("opaque+token").unwrap())
        .await
}

fn active(mut claims: Value) -> Option<(StatusCode, String)> {
    claims["active"] = true.into();
    Some((StatusCode::OK, claims.to_string()))
}

#[tokio::test]
async fn an_active_token_becomes_the_principal() {
    let endpoint = endpoint(active(claims())).await;
    let introspection = introspection(&endpoint).basic_auth("mcp server", "s:cret&ü");
    let verified = verify(&introspection).await.unwrap();
    let principal = verified.principal();
    assert_eq!(principal.subject(), "ada");
    assert_eq!(principal.issuer(), Some(ISSUER));
    assert_eq!(principal.scopes().collect::<Vec<_>>(), ["files", "tools"]);
    assert!(principal.expires_at().is_some() && principal.credential_digest().is_some());
    assert_eq!(verified.token_id(), Some("token-1"));

    let requests = endpoint.requests.lock().unwrap();
    let (method, authorization, body) = &requests[0];
    assert_eq!(method, "POST");
    assert_eq!(body, "token=opaque%2Btoken&token_type_hint=access_token");
    // `mcp+server:s%3Acret%26%C3%BC`
    assert_eq!(
        authorization.as_deref(),
        Some("Basic bWNwK3NlcnZlcjpzJTNBY3JldCUyNiVDMyVCQw==")
    );
    assert!(!format!("{introspection:?}").contains("cret"));
}

#[tokio::test]
async fn audience_and_subject_are_required_and_other_claims_optional() {
    let minimal = json!({ "sub": "ada", "aud": AUDIENCE });
    assert!(
        verify(&introspection(&endpoint(active(minimal)).await))
            .await
            .is_ok()
    );
    for claims in [
        claims_without("aud"),
        claims_with("aud", "https://other.example"),
        claims_without("sub"),
        claims_with("iss", "https://other.example"),
        claims_with("exp", NOW - 31),
        claims_with("exp", "soon"),
        claims_with("nbf", NOW + 31),
        claims_with("scope", 1),
    ] {
        let told = claims.to_string();
        let refusal = verify(&introspection(&endpoint(active(claims)).await))
            .await
            .unwrap_err();
        assert_eq!(*refusal.kind(), RefusalKind::Invalid, "{told}");
    }
    let others = endpoint(active(claims_without("aud"))).await;
    let any = Introspection::accepting_tokens_meant_for_others(&others.url, ISSUER).unwrap();
    assert!(verify(&any.with_clock(manual_clock())).await.is_ok());
    assert!(Introspection::new(&others.url, ISSUER, "").is_err());
}

#[tokio::test]
async fn a_token_that_is_not_active_is_invalid() {
    let endpoint = endpoint(Some((StatusCode::OK, r#"{"active":false}"#.to_owned()))).await;
    let refusal = verify(&introspection(&endpoint)).await.unwrap_err();
    assert_eq!(*refusal.kind(), RefusalKind::Invalid);
}

#[tokio::test]
async fn an_endpoint_that_does_not_work_is_unavailable() {
    let twice = r#"{"active":false,"active":true,"sub":"ada"}"#;
    for (status, body) in [
        (StatusCode::UNAUTHORIZED, "{}"),
        (StatusCode::INTERNAL_SERVER_ERROR, r#"{"active":true}"#),
        (StatusCode::FOUND, ""),
        (StatusCode::OK, "<html>"),
        (StatusCode::OK, "{}"),
        (StatusCode::OK, r#"{"active":"true","sub":"ada"}"#),
        (StatusCode::OK, r#"{"active":1}"#),
        (StatusCode::OK, twice),
        (StatusCode::OK, &" ".repeat(100_000)),
    ] {
        let endpoint = endpoint(Some((status, body.to_owned()))).await;
        let refusal = verify(&introspection(&endpoint)).await.unwrap_err();
        let unavailable = matches!(refusal.kind(), RefusalKind::Unavailable { .. });
        assert!(unavailable, "{status} {body:.40}");
        assert!(!format!("{refusal:?}").contains("opaque"), "{refusal:?}");
    }
    let endpoint = endpoint(None).await;
    let slow = introspection(&endpoint).timeout(Duration::from_millis(50));
    let refusal = verify(&slow).await.unwrap_err();
    assert!(matches!(refusal.kind(), RefusalKind::Unavailable { .. }));
}

#[tokio::test]
async fn only_bearer_access_tokens_are_accepted() {
    for (claim, value) in [
        ("token_type", json!("DPoP")),
        ("token_type", json!("refresh_token")),
        ("token_type", json!("N_A")),
        ("token_type", json!(1)),
        ("token_use", json!("refresh_token")),
        ("token_use", json!("id_token")),
        ("typ", json!("Refresh")),
        ("typ", json!("ID")),
        (
            "cnf",
            json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" }),
        ),
        (
            "cnf",
            json!({ "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" }),
        ),
    ] {
        let endpoint = endpoint(active(claims_with(claim, value.clone()))).await;
        let refusal = verify(&introspection(&endpoint)).await.unwrap_err();
        assert_eq!(*refusal.kind(), RefusalKind::Invalid, "{claim}: {value}");
    }
    for (claim, value) in [
        ("token_type", "Bearer"),
        ("token_type", "bearer"),
        ("token_type", "access_token"),
        ("token_use", "access_token"),
        ("typ", "Bearer"),
    ] {
        let endpoint = endpoint(active(claims_with(claim, value))).await;
        let verified = verify(&introspection(&endpoint)).await;
        assert!(verified.is_ok(), "{claim}: {value}");
    }
}

#[tokio::test]
async fn one_request_is_sent_for_many_with_the_same_new_token() {
    let endpoint = endpoint(active(claims())).await;
    let one = introspection(&endpoint);
    let all = futures::future::join_all((0..100).map(|_| verify(&one))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(endpoint.requests.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn when_the_first_of_many_is_dropped_another_one_asks() {
    let endpoint = endpoint(active(claims())).await;
    let one = introspection(&endpoint);
    let mut first = Box::pin(verify(&one));
    assert!(futures::poll!(&mut first).is_pending());
    let mut second = Box::pin(verify(&one));
    assert!(futures::poll!(&mut second).is_pending());
    drop(first);
    assert!(second.await.is_ok());
}

#[tokio::test]
async fn requests_at_once_are_limited() {
    let endpoint = endpoint(None).await;
    let one = introspection(&endpoint).max_in_flight(1).unwrap();
    let one = one.max_wait(Duration::from_millis(1));
    let ask = |token: &str| one.verify(&Credential::bearer(token).unwrap());
    let mut first = ask("a");
    assert!(futures::poll!(&mut first).is_pending());
    let refusal = ask("b").await.unwrap_err();
    assert!(matches!(refusal.kind(), RefusalKind::Unavailable { .. }));
    // The place of a dropped request is free again.
    drop(first);
    let mut next = ask("c");
    assert!(futures::poll!(&mut next).is_pending());
    assert!(introspection(&endpoint).max_in_flight(0).is_err());
}

#[tokio::test]
async fn a_request_waits_for_a_place() {
    let endpoint = endpoint(active(claims())).await;
    let one = introspection(&endpoint).max_in_flight(1).unwrap();
    let one = one.max_wait(Duration::from_secs(60));
    let tokens: Vec<_> = (0..20).map(|n| format!("token-{n}")).collect();
    let asked = tokens
        .iter()
        .map(|token| one.verify(&Credential::bearer(token).unwrap()));
    let all = futures::future::join_all(asked).await;
    assert!(all.iter().all(Result::is_ok));
}

#[test]
fn plain_http_needs_an_explicit_constructor() {
    let url = "http://keycloak.auth.svc/introspect";
    assert!(Introspection::new(url, ISSUER, AUDIENCE).is_err());
    assert!(Introspection::dangerously_over_plain_http(url, ISSUER, AUDIENCE).is_ok());
}
