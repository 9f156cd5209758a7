//! A server that is killed, restarted and paused.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use mcp_layers_redis::{RedisConnection, RedisErrorKind};
use support::{RedisServer, eventually};

const MAX_WAIT: Duration = Duration::from_millis(200);

fn connection(server: &RedisServer) -> RedisConnection {
    RedisConnection::new(&server.address())
        .unwrap()
        .max_wait(MAX_WAIT)
}

#[tokio::test]
async fn heals_after_the_server_was_killed() {
    let Some(mut server) = RedisServer::start() else {
        return;
    };
    let connection = connection(&server);
    eventually(async || connection.ping().await.is_ok()).await;
    server.kill();
    eventually(async || !connection.state().is_connected || connection.ping().await.is_err()).await;
    // Known to be away, it costs no wait.
    eventually(async || {
        let error = connection.ping().await.unwrap_err();
        error.kind() == RedisErrorKind::Unavailable
    })
    .await;
    server.restart();
    eventually(async || connection.ping().await.is_ok()).await;
    assert!(connection.state().connects >= 2);
    assert!(connection.state().failures >= 1);
}

#[tokio::test]
async fn a_paused_server_costs_the_bound_and_no_more() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let connection = connection(&server);
    eventually(async || connection.ping().await.is_ok()).await;
    server.pause();
    let start = Instant::now();
    let error = connection.ping().await.unwrap_err();
    assert_eq!(error.kind(), RedisErrorKind::TimedOut);
    assert!(start.elapsed() >= MAX_WAIT);
    // Connections are taken, but not answered: it is away.
    eventually(async || connection.ping().await.unwrap_err().kind() == RedisErrorKind::Unavailable)
        .await;
    assert!(connection.state().timeouts >= 1);
    server.go_on();
    eventually(async || connection.ping().await.is_ok()).await;
}

#[test]
fn outlives_the_runtime_that_it_was_made_on() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let connection = connection(&server);
    for _ in 0..3 {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(eventually(async || connection.ping().await.is_ok()));
    }
}

#[tokio::test]
async fn a_password_is_never_shown() {
    let address = "redis://:sesame@127.0.0.1:1";
    let connection = RedisConnection::new(address).unwrap();
    assert!(!format!("{connection:?}").contains("sesame"));
    let error = RedisConnection::new("nonsense://sesame").unwrap_err();
    assert!(!error.to_string().contains("sesame"));
}

#[cfg(not(feature = "tls"))]
#[test]
fn an_address_over_tls_without_the_feature_names_it() {
    for scheme in ["rediss", "REDISS", "valkeys"] {
        let address = format!("{scheme}://:sesame@127.0.0.1:1");
        let error = RedisConnection::new(&address).unwrap_err().to_string();
        assert!(error.contains("feature `tls`"), "{error}");
        assert!(!error.contains("sesame"), "{error}");
    }
}
