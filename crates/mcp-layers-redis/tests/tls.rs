//! Servers that speak TLS, and whom they and we trust.
#![cfg(all(feature = "rate-limit", feature = "tls"))]
#![allow(clippy::unwrap_used)]

#[path = "support/budgets.rs"]
mod budgets;
#[path = "support/certificates.rs"]
mod certificates;
mod support;

use std::time::Duration;

use budgets::{Handle, Limiter, code};
use certificates::{Authority, Certificate};
use mcp_layers_redis::{OnUnavailable, RedisConnection};
use support::{RedisServer, eventually, free_port};

const HERE: &str = "IP:127.0.0.1";
const BURST: u32 = 5;

struct TlsServer {
    server: RedisServer,
    port: u16,
}

impl TlsServer {
    /// Shows a certificate, and asks for one of its clients, `yes` or `no`.
    fn start(authority: &Authority, shown: &Certificate, ask: &str) -> Option<Self> {
        let port = free_port();
        let port_of_tls = port.to_string();
        let shows = authority.arguments(shown);
        let mut all = vec!["--tls-port", &*port_of_tls, "--tls-auth-clients", ask];
        all.extend(shows.iter().map(String::as_str));
        let server = RedisServer::start_with(&all)?;
        Some(Self { server, port })
    }

    fn connection(&self) -> RedisConnection {
        RedisConnection::new(&format!("rediss://127.0.0.1:{}", self.port))
            .unwrap()
            .max_wait(Duration::from_secs(2))
    }
}

fn limiter(connection: RedisConnection, away: OnUnavailable) -> (Limiter, Handle) {
    budgets::limiter(connection, away, BURST, &["all"])
}

/// Returns true if the server is refused, each of three times.
async fn is_refused(connection: RedisConnection) -> bool {
    let (layer, handle) = limiter(connection, OnUnavailable::FailClosed);
    for _ in 0..3 {
        if code(&layer).await != Some(503) {
            return false;
        }
    }
    let state = handle.stats().store;
    state.is_unavailable && state.fallback_decisions == 3
}

#[tokio::test]
async fn decides_over_tls_and_heals() {
    let Some(authority) = Authority::new() else {
        return;
    };
    let shown = authority.issue("server", HERE);
    let Some(mut server) = TlsServer::start(&authority, &shown, "no") else {
        return;
    };
    let connection = server
        .connection()
        .root_certificates(authority.pem())
        .unwrap();
    let (layer, handle) = limiter(connection, OnUnavailable::FailClosed);
    for _ in 0..BURST {
        assert_eq!(code(&layer).await, None);
    }
    assert_eq!(code(&layer).await, Some(429));
    assert_eq!(handle.stats().store.fallback_decisions, 0);
    server.server.kill();
    eventually(async || code(&layer).await == Some(503)).await;
    server.server.restart();
    eventually(async || code(&layer).await.is_none()).await;
}

#[tokio::test]
async fn a_server_that_nobody_trusted_vouches_for_is_as_good_as_away() {
    let (Some(authority), Some(other)) = (Authority::new(), Authority::new()) else {
        return;
    };
    let shown = authority.issue("server", HERE);
    let Some(server) = TlsServer::start(&authority, &shown, "no") else {
        return;
    };
    // By the system's.
    assert!(is_refused(server.connection()).await);
    let connection = || server.connection().root_certificates(other.pem()).unwrap();
    assert!(is_refused(connection()).await);
    let (layer, handle) = limiter(connection(), OnUnavailable::FailOpen);
    for _ in 0..BURST * 2 {
        assert_eq!(code(&layer).await, None);
    }
    assert_eq!(
        handle.stats().store.fallback_decisions,
        u64::from(BURST * 2)
    );
    // Both are trusted: one of them vouches.
    let both = format!("{}{}", other.pem(), authority.pem());
    let connection = server.connection().root_certificates(both).unwrap();
    assert!(connection.ping().await.is_ok());
}

#[tokio::test]
async fn a_certificate_of_another_host_is_refused() {
    let Some(authority) = Authority::new() else {
        return;
    };
    let shown = authority.issue("server", "DNS:elsewhere.example");
    let Some(server) = TlsServer::start(&authority, &shown, "no") else {
        return;
    };
    let connection = server
        .connection()
        .root_certificates(authority.pem())
        .unwrap();
    assert!(is_refused(connection).await);
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_gets_it() {
    let (Some(authority), Some(other)) = (Authority::new(), Authority::new()) else {
        return;
    };
    let shown = authority.issue("server", HERE);
    let Some(server) = TlsServer::start(&authority, &shown, "yes") else {
        return;
    };
    let bare = || {
        server
            .connection()
            .root_certificates(authority.pem())
            .unwrap()
    };
    assert!(is_refused(bare()).await);
    let showing = |own: &Certificate| bare().client_certificate(own.pem(), own.key_pem());
    let stranger = showing(&other.issue("client", HERE)).unwrap();
    assert!(is_refused(stranger).await);
    let (layer, handle) = limiter(
        showing(&authority.issue("client", HERE)).unwrap(),
        OnUnavailable::FailClosed,
    );
    assert_eq!(code(&layer).await, None);
    assert_eq!(handle.stats().store.fallback_decisions, 0);
    // In the other order too.
    let own = authority.issue("client", HERE);
    let connection = server
        .connection()
        .client_certificate(own.pem(), own.key_pem())
        .and_then(|connection| connection.root_certificates(authority.pem()));
    assert!(connection.unwrap().ping().await.is_ok());
}

#[test]
fn what_cannot_be_trusted_or_shown_is_an_error_that_repeats_none_of_it() {
    let Some(authority) = Authority::new() else {
        return;
    };
    let tls = || RedisConnection::new("rediss://:sesame@127.0.0.1:1").unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\nsesame\n-----END CERTIFICATE-----\n";
    for pem in ["", "sesame", broken] {
        let error = tls().root_certificates(pem).unwrap_err().to_string();
        assert!(error.contains("not root certificates"), "{error}");
        assert!(!error.contains("sesame"), "{error}");
    }
    let (one, two) = (authority.issue("one", HERE), authority.issue("two", HERE));
    for (certificate, key) in [
        (String::new(), one.key_pem()),
        (one.pem(), "sesame".to_owned()),
        (one.pem(), one.pem()),
        (one.pem(), two.key_pem()),
    ] {
        let error = tls().client_certificate(certificate, key).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("not a client certificate"), "{error}");
        assert!(
            !error.contains("sesame") && !error.contains("BEGIN"),
            "{error}"
        );
    }
    let plain = RedisConnection::new("redis://:sesame@127.0.0.1:1").unwrap();
    let error = plain.root_certificates(authority.pem()).unwrap_err();
    assert!(error.to_string().contains("rediss://"), "{error}");
    assert!(!error.to_string().contains("sesame"), "{error}");
    let shown = tls().client_certificate(one.pem(), one.key_pem()).unwrap();
    assert!(!format!("{shown:?}").contains("BEGIN"));
    let error = RedisConnection::new("rediss://:sesame@127.0.0.1:1/#insecure").unwrap_err();
    assert!(!error.to_string().contains("sesame"), "{error}");
}
