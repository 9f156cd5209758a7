//! tower-mcp's enums are non-exhaustive, so that a new variant compiles: these tests read their
//! definitions and fail instead. To make them pass, give the new variant its views.
#![allow(clippy::unwrap_used)]

use std::{fs, path::PathBuf, process::Command};

fn cargo(arguments: &[&str]) -> Vec<u8> {
    let mut cargo = Command::new(env!("CARGO"));
    let cargo = cargo
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

/// Only the packages of this platform are asked for: those of others were never downloaded.
fn sources(package: &str) -> PathBuf {
    let version = String::from_utf8(cargo(&["-vV"])).unwrap();
    let mut lines = version.lines();
    let host = lines.find_map(|line| line.strip_prefix("host: ")).unwrap();
    let arguments = ["metadata", "--format-version=1", "--filter-platform", host];
    let metadata = cargo(&arguments);
    let metadata: serde_json::Value = serde_json::from_slice(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages
        .iter()
        .find(|found| found["name"] == package)
        .unwrap();
    let manifest = PathBuf::from(package["manifest_path"].as_str().unwrap());
    manifest.parent().unwrap().join("src")
}

fn variants(package: &str, file: &str, name: &str) -> Vec<String> {
    let source = fs::read_to_string(sources(package).join(file)).unwrap();
    let (_, rest) = source.split_once(&format!("pub enum {name} {{\n")).unwrap();
    let (body, _) = rest.split_once("\n}\n").unwrap();
    // A variant stands four blanks deep and begins with a capital.
    body.lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()))
        .map(|line| line.split(['(', ' ', ',']).next().unwrap().to_owned())
        .collect()
}

#[test]
fn every_request_has_views() {
    let found = variants("tower-mcp-types", "protocol.rs", "McpRequest");
    let known = [
        "Initialize",
        "ListTools",
        "CallTool",
        "ListResources",
        "ListResourceTemplates",
        "ReadResource",
        "SubscribeResource",
        "UnsubscribeResource",
        "ListPrompts",
        "GetPrompt",
        "GetTaskInfo",
        "UpdateTask",
        "CancelTask",
        "Ping",
        "SetLoggingLevel",
        "Complete",
        "Discover",
        "SubscriptionsListen",
        "Unknown",
    ];
    assert_eq!(found, known);
}

#[test]
fn every_response_has_views() {
    let found = variants("tower-mcp-types", "protocol.rs", "McpResponse");
    let known = [
        "Initialize",
        "ListTools",
        "CallTool",
        "InputRequired",
        "ListResources",
        "ListResourceTemplates",
        "ReadResource",
        "SubscribeResource",
        "UnsubscribeResource",
        "ListPrompts",
        "GetPrompt",
        "FinalCreateTask",
        "FinalGetTask",
        "FinalTaskAck",
        "CreateTask",
        "GetTaskInfo",
        "UpdateTask",
        "CancelTask",
        "SetLoggingLevel",
        "Complete",
        "Pong",
        "Discover",
        "SubscriptionsAccepted",
        "SubscriptionsListen",
        "Empty",
        "Raw",
    ];
    assert_eq!(found, known);
}

#[test]
fn every_block_of_content_and_every_state_of_a_task_has_views() {
    let content = variants("tower-mcp-types", "protocol.rs", "Content");
    assert_eq!(
        content,
        ["Text", "Image", "Audio", "Resource", "ResourceLink"]
    );
    let task = variants("tower-mcp-types", "tasks.rs", "DetailedTask");
    let known = [
        "Working",
        "InputRequired",
        "Completed",
        "Failed",
        "Cancelled",
    ];
    assert_eq!(task, known);
}

#[test]
fn every_notification_has_a_method() {
    let server = variants("tower-mcp", "context.rs", "ServerNotification");
    let known = [
        "Progress",
        "LogMessage",
        "ResourceUpdated",
        "ResourcesListChanged",
        "ToolsListChanged",
        "PromptsListChanged",
        "TaskStatusChanged",
        "FinalTaskStatusChanged",
    ];
    assert_eq!(server, known);
    let client = variants("tower-mcp-types", "protocol.rs", "McpNotification");
    let known = [
        "Initialized",
        "Cancelled",
        "Progress",
        "RootsListChanged",
        "Unknown",
    ];
    assert_eq!(client, known);
}
