//! The server as a process: its settings, its callers, a reload, a graceful end.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use rmcp::ClientLifecycleMode;
use serde_json::json;
use std::process::Output;
use support::{Server, call, command, passes, settings, write_secret};

#[tokio::test]
async fn serves_callers_of_both_eras_by_their_keys() {
    let server = Server::start(&settings()).await;
    let legacy = ClientLifecycleMode::Initialize;
    let ada = server.try_client("key-of-ada", legacy).await.unwrap();
    let root = server.client("key-of-root").await;
    for client in [&ada, &root] {
        let counted = call(client, "count_words", json!({ "text": "one two" })).await;
        assert_eq!(counted.as_deref(), Ok("2"));
    }
    let names =
        |tools: Vec<rmcp::model::Tool>| tools.iter().any(|tool| tool.name == "admin_uptime");
    assert!(!names(ada.list_all_tools().await.unwrap()));
    assert!(names(root.list_all_tools().await.unwrap()));
    assert_eq!(call(&ada, "admin_uptime", json!({})).await, Err(-32602));
    assert!(call(&root, "admin_uptime", json!({})).await.is_ok());

    let stranger = server
        .try_client("key-of-eve", ClientLifecycleMode::Initialize)
        .await;
    assert!(stranger.is_err());
}

#[tokio::test]
async fn the_pages_have_probes_and_metrics() {
    let server = Server::start(&settings()).await;
    let ada = server.client("key-of-ada").await;
    call(&ada, "count_words", json!({ "text": "one" }))
        .await
        .unwrap();
    assert_eq!(server.page("/livez").await.0, 200);
    assert_eq!(server.page("/readyz").await.0, 200);
    let (_, metrics) = server.page("/metrics").await;
    for metric in [
        "mcp_server_operation_duration_seconds_bucket",
        "mcp_server_active_requests{",
        "mcp_layers_events_total",
        "mcp_layers_config_generation 1",
        "mcp_layers_audit_degraded 0",
    ] {
        assert!(metrics.contains(metric), "{metric} is not in {metrics}");
    }
}

#[tokio::test]
async fn a_reload_changes_a_limit_and_keeps_what_is_spent() {
    let with_limit = |limit: &str| settings().replace("10/s burst 20", limit);
    let mut server = Server::start(&with_limit("3/day")).await;
    let ada = server.client("key-of-ada").await;
    assert_eq!(passes(&ada, 4).await, 3);

    server.reload(&with_limit("5/day")).await;
    let reloaded = server.logged("settings reloaded").await;
    assert_eq!(reloaded["fields"]["generation"], 2);
    assert_eq!(passes(&ada, 4).await, 2);

    // A file with an error changes nothing, and the good one after it is taken.
    server
        .reload(&with_limit("9/day").replace("[timeout]\nmaximum", "[timeout]\nmaximun"))
        .await;
    let refused = server.logged("settings not reloaded").await;
    assert!(refused.to_string().contains("timeout.maximun"), "{refused}");
    assert_eq!(passes(&ada, 1).await, 0);
    let (_, metrics) = server.page("/metrics").await;
    assert!(
        metrics.contains("mcp_layers_config_generation 2"),
        "{metrics}"
    );
    server.reload(&with_limit("9/day")).await;
    server.logged("settings reloaded").await;
    assert_eq!(passes(&ada, 5).await, 4);
}

#[tokio::test]
async fn a_reload_replaces_a_key() {
    let mut server = Server::start(&settings()).await;
    let ada = server.client("key-of-ada").await;
    write_secret(&server.folder.path().join("ada"), "new-key-of-ada");
    server.signal("HUP").await;
    server.logged("settings reloaded").await;
    let legacy = || ClientLifecycleMode::Initialize;
    assert!(server.try_client("key-of-ada", legacy()).await.is_err());
    assert!(server.try_client("new-key-of-ada", legacy()).await.is_ok());
    drop(ada);
}

#[tokio::test]
async fn sigterm_loses_no_answer() {
    let mut server = Server::start(&settings()).await;
    let ada = server.client("key-of-ada").await;
    let in_flight = call(&ada, "wait", json!({ "ms": 2_000 }));
    let stop = async {
        let active =
            |line: &str| line.starts_with("mcp_server_active_requests") && line.ends_with(" 1");
        server
            .until("/metrics", |_, text| text.lines().any(active))
            .await;
        server.signal("TERM").await;
        server.until("/readyz", |status, _| status == 503).await;
        assert_eq!(call(&ada, "wait", json!({ "ms": 0 })).await, Err(503));
    };
    let (answer, ()) = tokio::join!(in_flight, stop);
    assert_eq!(answer.as_deref(), Ok("done"));
    let drained = server.logged("drained").await;
    assert_eq!(drained["fields"]["cut"], 0);
    assert!(server.process.wait().await.unwrap().success());
}

async fn run(settings: &str, variables: &[(String, String)], check: bool) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(settings, folder.path());
    command.envs(variables.iter().cloned());
    if check {
        command.arg("--check-config");
    }
    command.output().await.unwrap()
}

#[tokio::test]
async fn wrong_settings_are_refused_with_their_key() {
    let literal = settings().replace("env:API_KEY_ADA", "hunter2");
    let literal = literal.replace(".ada]", ".eve]");
    for (settings, key) in [
        (literal, "authenticate.api_keys.eve.key: "),
        (settings().replace("\"30s\"", "30"), "timeout.maximum: "),
        (settings().replace("drain = ", "drian = "), "server: "),
        (
            settings().replace("[audit]\ntracing = \"json\"", ""),
            "audit: ",
        ),
        (settings() + "\nkey = \"hunter2", "settings.toml: "),
    ] {
        let output = run(&settings, &[], false).await;
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(key) && !error.contains("hunter2"), "{error}");
    }
}

/// The variables of the files for containers are keys of the settings, and have values that fit.
#[tokio::test]
async fn the_variables_of_the_containers_are_settings() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    let read = |file: &str| std::fs::read_to_string(format!("{folder}{file}")).unwrap();
    let variable = |name: &str, value: &str| {
        let value = value.trim().trim_matches(['\'', '"']);
        (name.trim().to_owned(), value.to_owned())
    };
    let compose = read("compose.yaml");
    let of_compose = compose
        .lines()
        .filter(|line| line.trim().starts_with("MCP_LAYERS_"));
    let of_compose = of_compose.filter_map(|line| line.split_once(": "));
    let of_compose: Vec<_> = of_compose
        .map(|(name, value)| variable(name, value))
        .collect();
    let deployment = read("kubernetes/deployment.yaml");
    let of_deployment = deployment
        .split("- name: ")
        .filter(|entry| entry.starts_with("MCP_LAYERS_"));
    let of_deployment = of_deployment.filter_map(|entry| {
        let (name, rest) = entry.split_once('\n')?;
        Some(variable(
            name,
            rest.trim().strip_prefix("value: ")?.lines().next()?,
        ))
    });
    let of_deployment: Vec<_> = of_deployment.collect();
    assert_eq!((of_compose.len(), of_deployment.len()), (4, 5));
    for variables in [of_compose, of_deployment] {
        let output = run(&settings(), &variables, true).await;
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        let printed = String::from_utf8(output.stdout).unwrap();
        for line in [
            "address = \"0.0.0.0:8000\"",
            "proxies = 1",
            "redis = \"env:REDIS_URL\"",
        ] {
            assert!(printed.contains(line), "{printed}");
        }
        assert!(!printed.contains("key-of-ada"), "{printed}");
    }
}
