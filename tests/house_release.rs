//! The rules of a release: what every crate states in its manifest and brings in its package.

#![allow(clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use serde_json::{Value, json};

#[test]
fn every_crate_is_ready_for_the_registry() {
    let metadata = metadata();
    let mut faults = Vec::new();
    for package in crates(&metadata) {
        let name = package["name"].as_str().unwrap();
        let manifest = Path::new(package["manifest_path"].as_str().unwrap());
        let folder = manifest.parent().unwrap();
        let mut ask = |holds: bool, what: &str| {
            if !holds {
                faults.push(format!("{name}: {what}"));
            }
        };
        ask(
            package["rust_version"] == minimum_rust(name),
            "states another minimum Rust version than the house",
        );
        ask(
            package["metadata"]["docs"]["rs"]
                == json!({ "all-features": true, "rustdoc-args": ["--cfg", "docsrs"] }),
            "has other docs.rs metadata than its siblings",
        );
        ask(
            read(&folder.join("src/lib.rs")).contains("#![cfg_attr(docsrs, feature(doc_cfg))]"),
            "shows no features on docs.rs",
        );
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            let own = read(&folder.join(licence));
            ask(
                !own.is_empty() && own == read(Path::new(licence)),
                "has no copy of both licences",
            );
        }
        ask(package["readme"] == "README.md", "packages no README");
        ask(
            (1..=5).contains(&package["keywords"].as_array().unwrap().len()),
            "has no keywords, or more than the registry takes",
        );
        for of in ["description", "keywords"] {
            ask(
                crates(&metadata)
                    .filter(|other| other[of] == package[of])
                    .count()
                    == 1,
                "shares its description or keywords with a sibling",
            );
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Tests of a crate may need the test kit, which needs the crate: with a version, neither could be
/// published first.
#[test]
fn crates_can_be_published_one_after_the_other() {
    let metadata = metadata();
    let mut needs = BTreeMap::<&str, BTreeSet<&str>>::new();
    for package in crates(&metadata) {
        let own = needs.entry(package["name"].as_str().unwrap()).or_default();
        for dependency in package["dependencies"].as_array().unwrap() {
            let name = dependency["name"].as_str().unwrap();
            if name.starts_with("mcp-layers") && dependency["req"] != "*" {
                own.insert(name);
            }
        }
    }
    while let Some(next) = needs
        .iter()
        .find(|(_, needed)| needed.iter().all(|name| !needs.contains_key(name)))
        .map(|(name, _)| *name)
    {
        needs.remove(next);
    }
    assert!(needs.is_empty(), "need each other: {needs:?}");
}

#[test]
fn no_dependency_of_ours_is_locked_in_two_versions() {
    let faults = twice(&resolved());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn opentelemetry_may_be_of_any_version_that_the_code_compiles_with() {
    let metadata = metadata();
    let dependencies = crates(&metadata).flat_map(|package| {
        let dependencies = package["dependencies"].as_array().unwrap();
        dependencies.iter().filter(|dependency| {
            let name = dependency["name"].as_str().unwrap();
            name.starts_with("opentelemetry") && dependency["kind"] != "dev"
        })
    });
    let ranges: BTreeSet<_> = dependencies
        .map(|dependency| dependency["req"].as_str().unwrap())
        .collect();
    assert_eq!(ranges, BTreeSet::from([">=0.32, <0.34"]));
}

#[test]
fn a_dependency_in_two_versions_is_found() {
    let node = |id: &str, package: &str| json!({ "id": id, "deps": [{ "name": "base64", "pkg": package }] });
    let nodes = [node("a", "base64 0.22"), node("b", "base64 0.23")];
    let members =
        |members: Value| json!({ "workspace_members": members, "resolve": { "nodes": nodes } });
    assert_eq!(twice(&members(json!(["a", "b"]))).len(), 1);
    assert_eq!(twice(&members(json!(["a"]))).len(), 0);
}

/// The minimum Rust version of a crate: that of the house, except where tower-mcp needs another.
fn minimum_rust(name: &str) -> &'static str {
    match name {
        "mcp-layers-tower-mcp" => "1.90",
        _ => "1.88",
    }
}

/// Direct dependencies that two crates of ours have in different versions.
fn twice(metadata: &Value) -> Vec<String> {
    let members = metadata["workspace_members"].as_array().unwrap();
    let mut versions = BTreeMap::<&str, BTreeSet<&str>>::new();
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    for node in nodes.iter().filter(|node| members.contains(&node["id"])) {
        for dependency in node["deps"].as_array().unwrap() {
            let name = dependency["name"].as_str().unwrap();
            let package = dependency["pkg"].as_str().unwrap();
            versions.entry(name).or_default().insert(package);
        }
    }
    versions.retain(|_, packages| packages.len() > 1);
    versions
        .iter()
        .map(|(name, packages)| format!("{name}: {packages:?}"))
        .collect()
}

/// The published crates; the root package is not one.
fn crates(metadata: &Value) -> impl Iterator<Item = &Value> {
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages.filter(|package| package["publish"].is_null())
}

fn metadata() -> Value {
    cargo_metadata(&["--no-deps"])
}

/// The metadata with all locked dependencies.
fn resolved() -> Value {
    cargo_metadata(&["--locked", "--all-features"])
}

fn cargo_metadata(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1"])
        .args(arguments)
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
