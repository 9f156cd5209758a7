//! Key rotation while many tasks send requests.
#![allow(clippy::expect_used, clippy::unwrap_used)]
#![cfg(all(feature = "remote", any(feature = "jwt", feature = "jwt-aws-lc")))]

mod support;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{Router, routing::get};
use mcp_layers_authenticate::{AuthenticateLayer, JwtVerifier, RemoteKeySet};
use serde_json::json;
use support::{AUDIENCE, ISSUER, Kind, SigningKey, claims, manual_clock, send_token};
use tokio::net::TcpListener;

const TASKS: usize = 8;
const ROTATIONS: usize = 4;
const REQUESTS_BETWEEN: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rotation_under_load_fails_no_good_request_and_causes_no_storm() {
    if !support::can_sign() {
        return;
    }
    let signers: Vec<_> = (0..=ROTATIONS)
        .map(|n| SigningKey::new(Kind::P256, &format!("key-{n}")))
        .collect();
    let tokens: Vec<_> = signers.iter().map(|key| key.token(&claims())).collect();

    let published = Arc::new(Mutex::new(vec![signers[0].jwk()]));
    let fetches = Arc::new(AtomicUsize::new(0));
    let (keys, count) = (published.clone(), fetches.clone());
    let serve = get(async move || {
        count.fetch_add(1, SeqCst);
        json!({ "keys": *keys.lock().unwrap() }).to_string()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let router = Router::new().route("/keys", serve);
    tokio::spawn(async move { axum::serve(listener, router).await });

    let clock = manual_clock();
    let keys = RemoteKeySet::new(&url).unwrap().with_clock(clock.clone());
    let verifier = JwtVerifier::new(ISSUER, AUDIENCE, keys).unwrap();
    let edge = AuthenticateLayer::new(verifier.with_clock(clock.clone()));

    let current = Arc::new(AtomicUsize::new(0));
    let done = Arc::new(AtomicUsize::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = (0..TASKS)
        .map(|_| {
            let (edge, tokens) = (edge.clone(), tokens.clone());
            let (current, done, stop) = (current.clone(), done.clone(), stop.clone());
            tokio::spawn(async move {
                while !stop.load(SeqCst) {
                    let n = current.load(SeqCst);
                    let answer = send_token(&edge, &tokens[n]).await;
                    assert_eq!(answer.status, 200, "a token of key {n}");
                    done.fetch_add(1, SeqCst);
                }
            })
        })
        .collect();

    for (rotation, signer) in signers.iter().enumerate() {
        if rotation > 0 {
            // An issuer announces a key before it signs with it, and keeps the old ones a while.
            published.lock().unwrap().push(signer.jwk());
            clock.advance(RemoteKeySet::DEFAULT_COOLDOWN);
            current.store(rotation, SeqCst);
        }
        let enough = (rotation + 1) * REQUESTS_BETWEEN;
        while done.load(SeqCst) < enough && !load.iter().any(tokio::task::JoinHandle::is_finished) {
            tokio::task::yield_now().await;
        }
    }
    stop.store(true, SeqCst);
    for task in load {
        task.await.unwrap();
    }
    // The first, and one for each rotation.
    assert_eq!(fetches.load(SeqCst), 1 + ROTATIONS);

    // A key that is withdrawn is not accepted for ever.
    published
        .lock()
        .unwrap()
        .retain(|jwk| jwk["kid"] != "key-0");
    assert_eq!(send_token(&edge, &tokens[0]).await.status, 200);
    clock.advance(Duration::from_secs(300));
    while fetches.load(SeqCst) < 2 + ROTATIONS {
        send_token(&edge, &tokens[ROTATIONS]).await;
    }
    while send_token(&edge, &tokens[0]).await.status != 401 {
        tokio::task::yield_now().await;
    }
}
