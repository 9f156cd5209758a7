//! A Redis Cluster that speaks TLS, among its nodes too.
#![cfg(all(feature = "cluster", feature = "tls"))]
#![allow(clippy::unwrap_used)]

#[cfg(feature = "rate-limit")]
#[path = "support/budgets.rs"]
mod budgets;
#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/cluster.rs"]
mod cluster;
mod support;

use std::time::Duration;

use certificates::Authority;
use cluster::Cluster;
use mcp_layers_redis::RedisConnection;

async fn start(authority: &Authority) -> Option<Cluster> {
    let shown = authority.issue("server", "IP:127.0.0.1");
    let shows = authority.arguments(&shown);
    let mut arguments = vec!["--tls-cluster", "yes"];
    arguments.extend(shows.iter().map(String::as_str));
    Cluster::start_with(&arguments).await
}

/// By a client certificate too, which these nodes ask for.
fn connection(cluster: &Cluster, authority: &Authority) -> RedisConnection {
    let own = authority.issue("client", "IP:127.0.0.1");
    let address = format!("rediss://127.0.0.1:{}", cluster.ports()[0]);
    let connection = RedisConnection::cluster([address]).unwrap();
    let connection = connection.root_certificates(authority.pem()).unwrap();
    let connection = connection.client_certificate(own.pem(), own.key_pem());
    connection.unwrap().max_wait(Duration::from_secs(2))
}

#[cfg(feature = "rate-limit")]
#[tokio::test]
async fn keys_are_followed_over_tls() {
    use mcp_layers_redis::OnUnavailable;

    let Some(authority) = Authority::new() else {
        return;
    };
    let Some(cluster) = start(&authority).await else {
        return;
    };
    for home in 0..3 {
        let prefix = cluster.prefix_on(home, "rate-limit", "shop");
        let connection = connection(&cluster, &authority).key_prefix(&*prefix);
        let (layer, _) = budgets::limiter(connection, OnUnavailable::FailClosed, 1, &["all"]);
        for expected in [None, Some(429)] {
            assert_eq!(budgets::code(&layer).await, expected, "to {home}");
        }
    }
    assert_eq!(cluster.sizes(), [1, 1, 1]);
}

#[tokio::test]
async fn nodes_that_nobody_trusted_vouches_for_are_away() {
    let (Some(authority), Some(other)) = (Authority::new(), Authority::new()) else {
        return;
    };
    let Some(cluster) = start(&authority).await else {
        return;
    };
    assert!(connection(&cluster, &authority).ping().await.is_ok());
    assert!(connection(&cluster, &other).ping().await.is_err());
}
