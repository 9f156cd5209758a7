//! `everything` with authentication counts the requests that its HTTP edge refuses.
#![allow(clippy::unwrap_used)]

mod support;

use support::Server;

#[tokio::test]
async fn refusals_at_the_http_edge_are_in_the_metrics() {
    let server = Server::start(&["--with", "auth,timing"]).await;
    let client = reqwest::Client::new();
    for _ in 0..3 {
        let request = client
            .post(server.url())
            .header("content-type", "application/json");
        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        let response = request.body(ping).send().await.unwrap();
        assert_eq!(response.status(), 401);
    }
    let page = server.page("/metrics").await;
    let counts: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with("mcp_layers_http_refused_total{"))
        .collect();
    assert_eq!(counts.len(), 1, "{page}");
    assert!(
        counts[0].contains(r#"http_response_status_code="401""#),
        "{}",
        counts[0]
    );
    assert!(counts[0].ends_with(" 3"), "{}", counts[0]);
}
