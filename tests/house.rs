//! The rules that hold the crates apart: who may depend on whom, and what every crate has.

#![allow(clippy::unwrap_used)]

use std::{path::Path, process::Command};

use serde_json::Value;

const CORE: &str = "mcp-layers-core";
/// The layers that every stack needs. Adapters use them, and so do the tests of other layers. Layers that
/// share its conventions of OpenTelemetry name it among their subjects.
const UTIL: &str = "mcp-layers-util";
/// The layer that the examples of adapters show.
const TIMEOUT: &str = "mcp-layers-timeout";
const FACADE: &str = "mcp-layers";
/// The settings of all layers. Like the facade, it names every layer and is not a layer itself.
const CONFIG: &str = "mcp-layers-config";
const TEST_KIT: &str = "mcp-layers-test";

/// The adapters, with the MCP implementation that each alone may name.
const ADAPTERS: [(&str, &str); 2] = [
    ("mcp-layers-rmcp", "rmcp"),
    ("mcp-layers-tower-mcp", "tower-mcp"),
];

/// Adapters for the wire: they name no MCP implementation.
const WIRE: [&str; 1] = ["mcp-layers-wire"];

/// Crates that keep the state of layers elsewhere: each names the layers whose stores it implements.
const STORES: [&str; 1] = ["mcp-layers-redis"];

/// Libraries without a layer that several layers share. They depend on no other crate of ours.
const SHARED: [&str; 2] = ["mcp-layers-audit-log", "mcp-layers-redact"];

/// Layers of HTTP, which have no MCP request to run the contract test with.
const HTTP_LAYERS: [&str; 1] = ["mcp-layers-authenticate"];

/// Dependencies that any layer may have.
const COMMON: [&str; 4] = [CORE, "pin-project-lite", "tower-layer", "tower-service"];

/// Further dependencies of each layer: its public API can name nothing else.
const SUBJECTS: &[(&str, &[&str])] = &[
    (
        "mcp-layers-error-mask",
        &[
            "getrandom",
            "mcp-layers-redact",
            "regex",
            "serde_json",
            "tracing",
        ],
    ),
    (
        "mcp-layers-authenticate",
        &[
            "base64",
            "bytes",
            "http",
            "http-body",
            "http-body-util",
            "jsonwebtoken",
            "moka",
            "percent-encoding",
            "reqwest",
            "serde",
            "serde_json",
            "sha2",
            "subtle",
            "tokio",
            "tracing",
        ],
    ),
    ("mcp-layers-cache", &["moka", "serde_json", "tokio"]),
    (
        "mcp-layers-authorize",
        &[
            "base64",
            "bytes",
            "hmac",
            "http",
            "http-body",
            "http-body-util",
            "serde",
            "serde_json",
            "sha2",
            "tokio",
            "tracing",
        ],
    ),
    (
        "mcp-layers-rate-limit",
        &[
            "axum",
            "governor",
            "http",
            "serde_json",
            "smallvec",
            "tokio",
            "tracing",
        ],
    ),
    ("mcp-layers-util", &["tower"]),
    ("mcp-layers-circuit-breaker", &["tracing"]),
    ("mcp-layers-retry", &["fastrand", "serde_json", "tokio"]),
    ("mcp-layers-timeout", &["tokio"]),
    (
        "mcp-layers-audit",
        &[
            "http",
            "jiff",
            "mcp-layers-audit-log",
            "mcp-layers-redact",
            "serde",
            "serde_json",
            "smallvec",
            "smol_str",
            "tokio",
            "tracing",
        ],
    ),
    (
        "mcp-layers-audit-log",
        &[
            "base16ct",
            "getrandom",
            "hmac",
            "jiff",
            "rustix",
            "serde",
            "serde_json",
            "sha2",
            "tokio",
            "tracing",
        ],
    ),
    ("mcp-layers-redact", &["regex", "serde", "serde_json"]),
    ("mcp-layers-drain", &["serde_json", "tokio", "tokio-util"]),
    (
        "mcp-layers-events",
        &["metrics", "opentelemetry", "tracing"],
    ),
    (
        "mcp-layers-timing",
        &["http", "mcp-layers-util", "metrics", "opentelemetry"],
    ),
    (
        "mcp-layers-trace",
        &[
            "base16ct",
            "hmac",
            "http",
            "mcp-layers-redact",
            "mcp-layers-util",
            "opentelemetry",
            "percent-encoding",
            "serde_json",
            "sha2",
            "tracing",
            "tracing-opentelemetry",
        ],
    ),
];

#[test]
fn dependencies_point_inward() {
    let faults = dependency_faults(&metadata());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_crate_has_what_the_house_asks_for() {
    let metadata = metadata();
    let changelog = read(Path::new("CHANGELOG.md"));
    let mut faults = Vec::new();
    for package in crates(&metadata) {
        let name = name(package);
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        let folder = manifest.parent().unwrap();
        let mut ask = |holds: bool, what: &str| {
            if !holds {
                faults.push(format!("{name}: {what}"));
            }
        };
        let text = read(manifest);
        ask(
            folder.ends_with(Path::new("crates").join(name)),
            "folder and package differ in name",
        );
        ask(
            text.contains("[lints]\nworkspace = true"),
            "does not inherit the workspace's lints",
        );
        ask(
            !text.contains("version.workspace = true\n") || text.contains("\nversion = \""),
            "has no version of its own",
        );
        ask(
            package["license"] == "MIT OR Apache-2.0",
            "is not under the house's licences",
        );
        ask(
            package["description"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "has no description",
        );
        ask(
            read(&folder.join("README.md")).lines().count() > 5,
            "has no README",
        );
        ask(
            read(&folder.join("src/lib.rs")).starts_with("//! "),
            "has no docs at the top of lib.rs",
        );
        ask(
            folder.join("tests").is_dir(),
            "has no tests of its public API",
        );
        ask(
            changelog.contains(&format!("## {name}\n")),
            "has no section in the changelog",
        );
        if is_layer(name) && !HTTP_LAYERS.contains(&name) {
            let tests = std::fs::read_dir(folder.join("tests"))
                .into_iter()
                .flatten()
                .flatten();
            let contract = |path: &Path| {
                let text = read(path);
                text.contains("mcp_layers_test::") && text.contains("Contract::new(")
            };
            ask(
                tests.into_iter().any(|test| contract(&test.path())),
                "does not run the contract test",
            );
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_serves_mcp_over_http_sets_nodelay_and_serves_no_path_below() {
    let mut served = 0;
    for folder in ["examples", "tests/servers", "tests/servers/shared"] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let Some(text) = path.is_file().then(|| read(&path)) else {
                continue;
            };
            assert!(!text.contains("nest_service("), "{}", path.display());
            if text.contains("axum::serve(") {
                let has = text.contains("set_nodelay(true)");
                assert!(has, "{}: no TCP_NODELAY", path.display());
                served += 1;
            }
        }
    }
    assert!(served >= 4, "{served}");
}

#[test]
fn a_dependency_that_points_outward_is_found() {
    let package = |name: &str, dependencies: Value| {
        serde_json::json!({
            "name": name,
            "manifest_path": format!("/house/crates/{name}/Cargo.toml"),
            "dependencies": dependencies,
        })
    };
    let on = |name: &str, kind: Value| serde_json::json!({ "name": name, "kind": kind });
    let faults = |name, dependency| {
        let packages = [package(name, serde_json::json!([dependency]))];
        dependency_faults(&serde_json::json!({ "packages": packages })).len()
    };
    assert_eq!(
        faults("mcp-layers-timing", on("mcp-layers-cache", Value::Null)),
        1
    );
    assert_eq!(
        faults("mcp-layers-timing", on("mcp-layers-cache", "dev".into())),
        1
    );
    assert_eq!(
        faults("mcp-layers-timing", on("mcp-layers-test", Value::Null)),
        1
    );
    assert_eq!(
        faults("mcp-layers-timing", on("mcp-layers-test", "dev".into())),
        0
    );
    assert_eq!(faults("mcp-layers-timing", on("axum", Value::Null)), 1);
    assert_eq!(faults("mcp-layers-timing", on("metrics", Value::Null)), 0);
    assert_eq!(faults("mcp-layers-timing", on("rmcp", "dev".into())), 1);
    assert_eq!(
        faults("mcp-layers-core", on("mcp-layers-timing", Value::Null)),
        1
    );
    assert_eq!(faults("mcp-layers-rmcp", on("tower-mcp", Value::Null)), 1);
    assert_eq!(faults("mcp-layers-rmcp", on("rmcp", Value::Null)), 0);
    assert_eq!(
        faults("mcp-layers", on("mcp-layers-timing", Value::Null)),
        0
    );
    assert_eq!(
        faults("mcp-layers-config", on("mcp-layers-timing", Value::Null)),
        0
    );
    assert_eq!(
        faults("mcp-layers-config", on("mcp-layers-rmcp", Value::Null)),
        1
    );
    assert_eq!(
        faults("mcp-layers-timing", on("mcp-layers-config", Value::Null)),
        1
    );
    assert_eq!(
        faults("mcp-layers-redis", on("mcp-layers-cache", Value::Null)),
        0
    );
    assert_eq!(
        faults("mcp-layers-cache", on("mcp-layers-redis", Value::Null)),
        1
    );
    assert_eq!(
        faults("mcp-layers-audit", on("mcp-layers-audit-log", Value::Null)),
        0
    );
    assert_eq!(
        faults("mcp-layers-audit-log", on("mcp-layers-core", Value::Null)),
        1
    );
    assert_eq!(faults("mcp-layers-redis", on("rmcp", Value::Null)), 1);
    assert_eq!(faults("mcp-layers", on("rmcp", "dev".into())), 0);
    assert_eq!(faults("mcp-layers", on("rmcp", Value::Null)), 1);
    assert_eq!(
        faults("mcp-layers-audit", on("mcp-layers-redact", Value::Null)),
        0
    );
    assert_eq!(
        faults("mcp-layers-timing", on("mcp-layers-redact", Value::Null)),
        1
    );
    assert_eq!(
        faults("mcp-layers-redact", on("mcp-layers-core", Value::Null)),
        1
    );
    assert_eq!(faults("mcp-layers-redact", on("tokio", Value::Null)), 1);
    assert_eq!(faults("mcp-layers-wire", on("tokio", Value::Null)), 0);
    assert_eq!(faults("mcp-layers-wire", on("rmcp", "dev".into())), 1);
    assert_eq!(
        faults("mcp-layers-wire", on("mcp-layers-cache", "dev".into())),
        1
    );
    assert_eq!(faults("mcp-layers-unheard-of", on("serde", Value::Null)), 1);
}

fn dependency_faults(metadata: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    for package in crates(metadata) {
        let name = name(package);
        for dependency in package["dependencies"].as_array().unwrap() {
            let on = dependency["name"].as_str().unwrap();
            let for_tests = dependency["kind"] == "dev";
            if !may_depend(name, on, for_tests) {
                let kind = if for_tests {
                    "its tests depend"
                } else {
                    "it depends"
                };
                faults.push(format!("{name}: {kind} on {on}"));
            }
        }
    }
    faults
}

fn may_depend(name: &str, on: &str, for_tests: bool) -> bool {
    if let Some((adapter, _)) = ADAPTERS
        .iter()
        .find(|(_, implementation)| *implementation == on)
    {
        // The facade's own examples show a whole server.
        return name == *adapter || (name == FACADE && for_tests);
    }
    if on == TEST_KIT {
        return for_tests;
    }
    if SHARED.contains(&on) {
        return [FACADE, CONFIG].contains(&name) || subjects(name).contains(&on);
    }
    if on.starts_with("mcp-layers") {
        if SHARED.contains(&name) {
            return false;
        }
        let is_adapter =
            WIRE.contains(&name) || ADAPTERS.iter().any(|(adapter, _)| *adapter == name);
        if on == TIMEOUT && is_adapter && for_tests {
            return true;
        }
        if on == UTIL && (for_tests || is_adapter || subjects(name).contains(&UTIL)) {
            return true;
        }
        return on == CORE
            || name == FACADE
            || (name == CONFIG && is_layer(on))
            || (STORES.contains(&name) && is_layer(on));
    }
    for_tests
        || !(is_layer(name) || SHARED.contains(&name))
        || COMMON.contains(&on)
        || subjects(name).contains(&on)
}

fn is_layer(name: &str) -> bool {
    let others = [CORE, FACADE, CONFIG, TEST_KIT];
    !others.contains(&name)
        && !STORES.contains(&name)
        && !SHARED.contains(&name)
        && !WIRE.contains(&name)
        && ADAPTERS.iter().all(|(adapter, _)| *adapter != name)
}

fn subjects(layer: &str) -> &'static [&'static str] {
    SUBJECTS
        .iter()
        .find(|(name, _)| *name == layer)
        .map_or(&[], |(_, subjects)| subjects)
}

/// The published crates; the root package is not one.
fn crates(metadata: &Value) -> impl Iterator<Item = &Value> {
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages.filter(|package| {
        package["manifest_path"]
            .as_str()
            .unwrap()
            .contains("/crates/")
    })
}

fn name(package: &Value) -> &str {
    package["name"].as_str().unwrap()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
