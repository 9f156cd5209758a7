//! Announcements, metrics, flags and shutdown of `everything`.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::process::Output;

use rmcp::{ClientLifecycleMode, model::*, transport::StreamableHttpClientTransport};
use serde_json::{Value, json};
use support::{
    PATIENCE, Server,
    client::{Client, call, connect, lifecycles, stdio, try_call},
    example,
};
use tokio::{process::Command, time::timeout};

#[tokio::test]
async fn answers_a_panic_without_its_words_when_it_is_layered() {
    let (client, _) = connect(stdio(&[]), ClientLifecycleMode::Initialize).await;
    let arguments = json!({ "message": "password=hunter2" })
        .as_object()
        .cloned();
    let call = CallToolRequestParams::new("panic").with_arguments(arguments.unwrap());
    let error = timeout(PATIENCE, client.call_tool(call))
        .await
        .expect("an answer");
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("-32603") && !error.contains("hunter2"),
        "{error}"
    );
    assert_eq!(call_count(&client).await, "1");
}

async fn call_count(client: &Client) -> String {
    call(client, "count", Value::Null).await
}

#[tokio::test]
async fn counts_are_the_same_in_every_session() {
    let server = Server::start(&[]).await;
    for (lifecycle, count) in lifecycles().into_iter().zip(["1", "2"]) {
        let transport = StreamableHttpClientTransport::from_uri(server.url());
        let (client, _) = connect(transport, lifecycle).await;
        assert_eq!(call_count(&client).await, count);
    }
}

#[tokio::test]
async fn shows_the_names_of_headers_and_no_principal_without_authentication() {
    let server = Server::start(&[]).await;
    let transport = StreamableHttpClientTransport::from_uri(server.url());
    let (client, _) = connect(transport, ClientLifecycleMode::Initialize).await;
    let caller = try_call(&client, "whoami", Value::Null).await.unwrap();
    let caller = caller.structured_content.unwrap();
    assert_eq!(caller["principal"], Value::Null);
    let headers = caller["headers"].as_array().unwrap();
    assert!(headers.contains(&json!("content-type")), "{headers:?}");
}

#[tokio::test]
async fn announces_changes_to_a_legacy_caller() {
    let (client, mut heard) = connect(stdio(&[]), ClientLifecycleMode::Initialize).await;
    call(&client, "touch", Value::Null).await;
    for expected in ["test://public", "tools"] {
        let heard = timeout(PATIENCE, heard.recv())
            .await
            .expect("an announcement");
        assert_eq!(heard.as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn announces_changes_to_subscriptions() {
    let server = Server::start(&[]).await;
    let [_, modern] = lifecycles();
    let transport = StreamableHttpClientTransport::from_uri(server.url());
    let (client, mut heard) = connect(transport, modern).await;
    let filter = SubscriptionFilter::builder().tools_list_changed().build();
    let mut subscription = client.listen(filter).await.unwrap();
    call(&client, "touch", Value::Null).await;
    let change = timeout(PATIENCE, subscription.next())
        .await
        .expect("in time");
    let change = change.unwrap().unwrap();
    assert!(
        matches!(change, ServerNotification::ToolListChangedNotification(_)),
        "{change:?}"
    );
    assert!(
        heard.try_recv().is_err(),
        "nothing outside the subscription"
    );
}

#[tokio::test]
async fn shows_histograms_with_the_buckets_of_the_conventions() {
    let server = Server::start(&[]).await;
    let transport = StreamableHttpClientTransport::from_uri(server.url());
    let (client, _) = connect(transport, ClientLifecycleMode::Initialize).await;
    call(&client, "echo", json!({ "text": "a" })).await;

    let page = server.page("/metrics").await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(page.contains("content-type: text/plain"), "{page}");
    let of_echo = |line: &&str| line.contains("gen_ai_tool_name=\"echo\"");
    for bound in ["0.01", "0.5", "300", "+Inf"] {
        let le = format!("le=\"{bound}\"");
        let mut buckets = page
            .lines()
            .filter(of_echo)
            .filter(|line| line.contains(&le));
        let bucket = buckets.next().unwrap_or_else(|| panic!("{le} in {page}"));
        assert!(
            bucket.starts_with("mcp_server_operation_duration_seconds_bucket{"),
            "{bucket}"
        );
    }
}

#[tokio::test]
async fn shows_no_metrics_when_it_is_bare() {
    let server = Server::start(&["--bare"]).await;
    let page = server.page("/metrics").await;
    assert!(page.starts_with("HTTP/1.1 404"), "{page}");
}

#[tokio::test]
async fn refuses_flags_and_layers_that_do_not_exist() {
    for flags in [
        &["--stdio", "--with", "timing,nonsense"][..],
        &["--stdio", "--nonsense"],
        &["--http", "nonsense"],
        &["--stdio", "--bare", "--with", "timing"],
        &[],
    ] {
        let output = run(flags).await;
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {errors}");
        assert!(
            errors.contains("--with LAYER") && errors.contains("timing"),
            "{errors}"
        );
        assert_eq!(
            errors.contains("nonsense"),
            flags.concat().contains("nonsense"),
            "{errors}"
        );
    }
    let help = run(&["--help"]).await;
    assert_eq!(help.status.code(), Some(0));
    assert!(
        String::from_utf8(help.stdout)
            .unwrap()
            .starts_with("usage: everything")
    );
}

async fn run(flags: &[&str]) -> Output {
    let run = Command::new(example("everything")).args(flags).output();
    timeout(PATIENCE, run).await.expect("an end").unwrap()
}

#[cfg(unix)]
#[tokio::test]
async fn ends_on_an_interrupt_with_a_client_connected() {
    let mut server = Server::start(&[]).await;
    let [_, modern] = lifecycles();
    let transport = StreamableHttpClientTransport::from_uri(server.url());
    let (client, _) = connect(transport, modern).await;
    let filter = SubscriptionFilter::builder().tools_list_changed().build();
    let _open = client.listen(filter).await.unwrap();

    let id = server.process.id().unwrap().to_string();
    let kill = Command::new("kill")
        .args(["-INT", &id])
        .status()
        .await
        .unwrap();
    assert!(kill.success());
    let ended = timeout(PATIENCE, server.process.wait())
        .await
        .expect("an end");
    assert_eq!(ended.unwrap().code(), Some(0));
}

#[tokio::test]
async fn gives_resources_the_caching_hints_that_their_names_promise() {
    let [_, modern] = lifecycles();
    let (client, _) = connect(stdio(&[]), modern).await;
    for (uri, ttl_ms, scope) in [
        ("test://public", Some(60_000), Some(CacheScope::Public)),
        ("test://private", Some(60_000), Some(CacheScope::Private)),
    ] {
        let read = client.read_resource(ReadResourceRequestParams::new(uri));
        let read = read.await.unwrap();
        assert_eq!((read.ttl_ms, read.cache_scope), (ttl_ms, scope), "{uri}");
    }
    let plain = client.read_resource(ReadResourceRequestParams::new("test://plain"));
    let plain = plain.await.unwrap();
    assert!(plain.ttl_ms.is_none_or(|ttl_ms| ttl_ms == 0), "{plain:?}");
}
