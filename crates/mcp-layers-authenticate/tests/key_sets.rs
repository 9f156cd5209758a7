//! Remote key sets, fetched from an HTTP server in this process, with a manual clock.
#![allow(clippy::expect_used, clippy::unwrap_used)]
#![cfg(all(feature = "remote", any(feature = "jwt", feature = "jwt-aws-lc")))]

mod support;

use std::{
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::State, response::IntoResponse, routing::any};
use http::{HeaderMap, Response, StatusCode};
use mcp_layers_authenticate::{AuthenticateLayer, JwtVerifier, RemoteKeySet};
use mcp_layers_core::Clock;
use serde_json::json;
use support::{AUDIENCE, ISSUER, NOW, SigningKey, claims, claims_with, manual_clock, send_token};
use tokio::net::TcpListener;

static OLD: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::rsa("old"));
static NEW: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::rsa("new"));

/// The key endpoint of an issuer, with an answer that tests set, and a count of requests.
#[derive(Clone)]
struct Issuer {
    answer: Arc<Mutex<Answer>>,
    asked: Arc<AtomicUsize>,
    agent: Arc<Mutex<String>>,
    url: String,
}

#[derive(Clone)]
enum Answer {
    Keys(String),
    Status(StatusCode),
    Redirect(String),
    Huge,
    Never,
}

impl Issuer {
    async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = Self {
            answer: Arc::new(Mutex::new(answer)),
            asked: Arc::default(),
            agent: Arc::default(),
            url: format!("http://{}/keys", listener.local_addr().unwrap()),
        };
        let router = Router::new()
            .fallback(any(Self::serve))
            .with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        issuer
    }

    async fn serve(State(issuer): State<Self>, headers: HeaderMap) -> Response<Body> {
        let agent = headers["user-agent"].to_str().unwrap();
        agent.clone_into(&mut issuer.agent.lock().unwrap());
        issuer.asked.fetch_add(1, SeqCst);
        let answer = issuer.answer.lock().unwrap().clone();
        match answer {
            Answer::Keys(text) => text.into_response(),
            Answer::Status(status) => status.into_response(),
            Answer::Redirect(to) => (StatusCode::FOUND, [("location", to)]).into_response(),
            Answer::Huge => vec![b' '; 1024 * 1024].into_response(),
            Answer::Never => std::future::pending().await,
        }
    }

    fn answer(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }
}

struct Setting {
    issuer: Issuer,
    clock: Clock,
    edge: AuthenticateLayer,
}

impl Setting {
    async fn new(answer: Answer) -> Self {
        Self::with(answer, |keys| keys).await
    }

    async fn with(answer: Answer, set: impl FnOnce(RemoteKeySet) -> RemoteKeySet) -> Self {
        let issuer = Issuer::start(answer).await;
        let clock = manual_clock();
        let keys = set(RemoteKeySet::new(&issuer.url).unwrap()).with_clock(clock.clone());
        let verifier = JwtVerifier::new(ISSUER, AUDIENCE, keys).unwrap();
        let edge = AuthenticateLayer::new(verifier.with_clock(clock.clone()));
        Self {
            issuer,
            clock,
            edge,
        }
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    async fn status(&self, token: &str) -> u16 {
        send_token(&self.edge, token).await.status.as_u16()
    }

    /// Waits until the background task has sent this number of requests.
    async fn until_asked(&self, times: usize) {
        while self.issuer.asked() < times {
            tokio::task::yield_now().await;
        }
    }
}

fn keys(of: &[&SigningKey]) -> Answer {
    let keys: Vec<_> = of.iter().map(|key| key.jwk()).collect();
    Answer::Keys(json!({ "keys": keys }).to_string())
}

/// The claims of a token that outlives the clock of every test.
fn lasting() -> serde_json::Value {
    claims_with("exp", NOW + 1_000_000)
}

#[tokio::test]
async fn finds_a_new_key_with_one_fetch() {
    if !support::can_sign() {
        return;
    }
    let it = Setting::new(keys(&[&OLD])).await;
    let (old, new) = (OLD.token(&claims()), NEW.token(&claims()));
    assert_eq!(it.status(&old).await, 200);
    assert_eq!(it.status(&old).await, 200);
    assert_eq!(it.issuer.asked(), 1);

    it.pass(10);
    it.issuer.answer(keys(&[&OLD, &NEW]));
    let all = futures::future::join_all((0..50).map(|_| it.status(&new))).await;
    assert!(all.iter().all(|status| *status == 200), "{all:?}");
    assert_eq!(it.status(&old).await, 200);
    assert_eq!(it.issuer.asked(), 2);
}

#[tokio::test]
async fn invented_keys_cause_one_fetch_in_each_cooldown() {
    if !support::can_sign() {
        return;
    }
    let it = Setting::new(keys(&[&OLD])).await;
    let old = OLD.token(&claims());
    assert_eq!(it.status(&old).await, 200);
    it.pass(10);
    // The signature is of no matter: the key is unknown.
    let (_, rest) = old.split_once('.').unwrap();
    for n in 0..10_000 {
        let header = json!({ "alg": "RS256", "kid": format!("invented-{n}") }).to_string();
        let token = format!("{}.{rest}", support::base64(header.as_bytes()));
        send_token(&it.edge, &token)
            .await
            .assert_invalid("an invented key");
    }
    assert_eq!(it.issuer.asked(), 2);

    // A real rotation still heals, as soon as the cooldown is over.
    it.issuer.answer(keys(&[&NEW]));
    assert_eq!(it.status(&NEW.token(&claims())).await, 401);
    it.pass(60);
    assert_eq!(it.status(&NEW.token(&claims())).await, 200);
    assert_eq!(it.issuer.asked(), 3);
}

#[tokio::test]
async fn a_key_id_known_as_absent_causes_no_fetch() {
    if !support::can_sign() {
        return;
    }
    let it = Setting::new(keys(&[&OLD])).await;
    let new = NEW.token(&claims());
    assert_eq!(it.status(&new).await, 401);
    assert_eq!(it.issuer.asked(), 1);
    // Unknown once, it is not asked about again for six cooldowns.
    for _ in 0..5 {
        it.pass(11);
        assert_eq!(it.status(&new).await, 401);
    }
    assert_eq!(it.issuer.asked(), 1);
    it.issuer.answer(keys(&[&NEW]));
    it.pass(11);
    assert_eq!(it.status(&new).await, 200);
    assert_eq!(it.issuer.asked(), 2);
}

#[tokio::test]
async fn a_cold_start_fails_closed() {
    if !support::can_sign() {
        return;
    }
    let huge = Answer::Huge;
    let elsewhere = Issuer::start(keys(&[&OLD])).await;
    let redirect = Answer::Redirect(elsewhere.url.clone());
    let useless = json!({ "keys": [{ "kty": "oct", "k": "AA" }] }).to_string();
    for (what, answer) in [
        ("down", Answer::Status(StatusCode::INTERNAL_SERVER_ERROR)),
        ("huge", huge),
        ("redirecting", redirect),
        ("no JSON", Answer::Keys("<html>".to_owned())),
        ("no key of use", Answer::Keys(useless)),
    ] {
        let it = Setting::new(answer).await;
        let token = OLD.token(&claims());
        let answer = send_token(&it.edge, &token).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{what}");
        assert_eq!(answer.headers["retry-after"], "10", "{what}");
        assert!(!answer.headers.contains_key("www-authenticate"), "{what}");
        assert!(answer.seen.is_none(), "{what}");
        // A failure counts for the cooldown.
        it.issuer.answer(keys(&[&OLD]));
        it.pass(4);
        let answer = send_token(&it.edge, &token).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{what}");
        assert_eq!(answer.headers["retry-after"], "6", "{what}");
        assert_eq!(it.issuer.asked(), 1, "{what}");
        it.pass(6);
        assert_eq!(it.status(&token).await, 200, "{what}");
    }
    assert_eq!(elsewhere.asked(), 0);
}

#[tokio::test]
async fn an_issuer_that_is_down_or_hangs_is_unavailable() {
    if !support::can_sign() {
        return;
    }
    let it = Setting::with(Answer::Never, |keys| {
        keys.timeout(Duration::from_millis(50))
    })
    .await;
    assert_eq!(it.status(&OLD.token(&claims())).await, 503);

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", closed.local_addr().unwrap());
    drop(closed);
    let verifier = JwtVerifier::new(ISSUER, AUDIENCE, RemoteKeySet::new(&url).unwrap()).unwrap();
    let edge = AuthenticateLayer::new(verifier.with_clock(manual_clock()));
    let answer = send_token(&edge, &OLD.token(&claims())).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn the_maximum_size_is_a_setting() {
    if !support::can_sign() {
        return;
    }
    let size = OLD.jwks().len();
    for (max, status) in [(size, 200), (size - 1, 503)] {
        let it = Setting::with(keys(&[&OLD]), |keys| keys.max_bytes(max).unwrap()).await;
        assert_eq!(it.status(&OLD.token(&claims())).await, status);
    }
}

#[tokio::test]
async fn uses_old_keys_while_fetches_fail_up_to_a_limit() {
    if !support::can_sign() {
        return;
    }
    let it = Setting::new(keys(&[&OLD])).await;
    let (old, new) = (OLD.token(&lasting()), NEW.token(&lasting()));
    assert_eq!(it.status(&old).await, 200);
    it.issuer.answer(Answer::Status(StatusCode::BAD_GATEWAY));
    it.pass(600);
    assert_eq!(it.status(&old).await, 200);
    assert_eq!(it.issuer.asked(), 2);
    // Whether an unknown key is one of the issuer's cannot be said.
    assert_eq!(it.status(&new).await, 503);
    it.pass(3599);
    assert_eq!(it.status(&old).await, 200);
    it.pass(1);
    assert_eq!(it.status(&old).await, 503);
    // It is back.
    it.pass(10);
    it.issuer.answer(keys(&[&NEW]));
    assert_eq!(it.status(&new).await, 200);
    assert_eq!(it.status(&old).await, 401);
}

#[tokio::test]
async fn known_keys_are_used_without_waiting_while_a_fetch_hangs() {
    if !support::can_sign() {
        return;
    }
    let it = Setting::new(keys(&[&OLD])).await;
    let old = OLD.token(&lasting());
    assert_eq!(it.status(&old).await, 200);
    it.issuer.answer(Answer::Never);
    // Half of its age: fetched anew in the background, which never ends by itself here.
    it.pass(300);
    assert_eq!(it.status(&old).await, 200);
    it.until_asked(2).await;
    assert_eq!(it.status(&old).await, 200);
    assert_eq!(it.issuer.asked(), 2);
}

#[tokio::test]
async fn a_withdrawn_key_is_accepted_no_longer_than_the_age_of_a_set() {
    if !support::can_sign() {
        return;
    }
    let it = Setting::new(keys(&[&OLD])).await;
    let old = OLD.token(&lasting());
    assert_eq!(it.status(&old).await, 200);
    it.issuer.answer(keys(&[&NEW]));
    it.pass(600);
    assert_eq!(it.status(&old).await, 401);
    assert_eq!(it.issuer.asked(), 2);
}

#[tokio::test]
async fn unusable_keys_do_not_affect_the_others() {
    if !support::can_sign() {
        return;
    }
    let set = json!({ "keys": [
        { "kty": "unheard-of" },
        { "kty": "RSA", "kid": "old", "n": "!", "e": "AQAB" },
        OLD.jwk(),
        7,
    ]});
    let it = Setting::new(Answer::Keys(set.to_string())).await;
    assert_eq!(it.status(&OLD.token(&claims())).await, 200);
}

#[tokio::test]
async fn urls_in_headers_cause_no_request() {
    if !support::can_sign() {
        return;
    }
    let it = Setting::new(keys(&[&OLD])).await;
    let evil = Issuer::start(keys(&[&NEW])).await;
    for name in ["jku", "x5u"] {
        let mut header = NEW.header();
        header[name] = evil.url.clone().into();
        let token = NEW.token_of(&header.to_string(), &claims().to_string());
        assert_eq!(it.status(&token).await, 401);
    }
    assert_eq!(evil.asked(), 0);
}

#[tokio::test]
async fn tokens_that_are_refused_without_keys_cause_no_fetch() {
    if !support::can_sign() {
        return;
    }
    let it = Setting::new(Answer::Status(StatusCode::INTERNAL_SERVER_ERROR)).await;
    for token in [
        OLD.token(&claims_with("iss", "https://other.example")),
        OLD.token(&claims_with("aud", "https://other.example")),
        OLD.token(&claims_with("exp", NOW - 3600)),
        OLD.token(&claims_with("padding", "x".repeat(1_000_000))),
        OLD.token_of(r#"{"alg":"none"}"#, &claims().to_string()),
        "junk".to_owned(),
    ] {
        assert_eq!(it.status(&token).await, 401);
    }
    assert_eq!(it.issuer.asked(), 0);
}

#[tokio::test]
async fn a_fetch_continues_when_its_caller_is_dropped() {
    if !support::can_sign() {
        return;
    }
    let it = Setting::new(keys(&[&OLD])).await;
    let token = OLD.token(&claims());
    {
        let mut asking = Box::pin(it.status(&token));
        assert!(futures::poll!(&mut asking).is_pending());
    }
    it.until_asked(1).await;
    assert_eq!(it.status(&token).await, 200);
    assert_eq!(it.issuer.asked(), 1);
}

#[tokio::test]
async fn a_client_of_the_application_is_used_and_its_redirects_are_not() {
    if !support::can_sign() {
        return;
    }
    let elsewhere = Issuer::start(keys(&[&OLD])).await;
    let redirect = Answer::Redirect(elsewhere.url.clone());
    let client = reqwest::Client::builder().user_agent("ours").build();
    let client = client.unwrap();
    let it = Setting::with(redirect, |keys| keys.http_client(client.clone())).await;
    assert_eq!(it.status(&OLD.token(&claims())).await, 503);
    assert_eq!(elsewhere.asked(), 1, "the client followed the redirect");

    let it = Setting::with(keys(&[&OLD]), |keys| keys.http_client(client)).await;
    assert_eq!(it.status(&OLD.token(&claims())).await, 200);
    assert_eq!(*it.issuer.agent.lock().unwrap(), "ours");
}

#[test]
fn plain_http_needs_an_explicit_constructor() {
    for url in [
        "https://as.example/keys",
        "http://127.0.0.1:9/keys",
        "http://127.8.8.8/keys",
        "http://[::1]:9/keys",
        "http://localhost/keys",
    ] {
        assert!(RemoteKeySet::new(url).is_ok(), "{url}");
    }
    for url in [
        "http://as.example/keys",
        "http://localhost.evil.example/",
        "http://10.0.0.1/",
        "https://user:secret@as.example/",
        "file:///keys",
        "keys",
    ] {
        assert!(RemoteKeySet::new(url).is_err(), "{url}");
    }
    let url = "http://keycloak.auth.svc/keys";
    assert!(RemoteKeySet::new(url).is_err());
    assert!(RemoteKeySet::dangerously_over_plain_http(url).is_ok());
    for url in [
        "ftp://a.example/keys",
        "http://user:secret@keycloak.svc/keys",
    ] {
        assert!(RemoteKeySet::dangerously_over_plain_http(url).is_err());
    }
    let keys = RemoteKeySet::new("https://as.example/keys").unwrap();
    assert!(keys.max_bytes(0).is_err());
}
