//! The lists of methods and variants in this crate, against rmcp's own source.
//!
//! Every method of `ServerHandler` has a default, and rmcp's enums are open: what is missing here
//! would compile and fail silently. A newer rmcp that has more makes these tests fail with the names.
#![cfg(feature = "rmcp-3-9")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by a panic"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

type Names = BTreeSet<String>;

fn cargo(arguments: &[&str]) -> Vec<u8> {
    let mut cargo = Command::new(env!("CARGO"));
    let cargo = cargo
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

/// The folder of the rmcp that this build uses. Only the packages of this platform are
/// asked for: those of others were never downloaded.
fn rmcp() -> PathBuf {
    let version = String::from_utf8(cargo(&["-vV"])).unwrap();
    let mut lines = version.lines();
    let host = lines.find_map(|line| line.strip_prefix("host: ")).unwrap();
    let arguments = ["metadata", "--format-version=1", "--filter-platform", host];
    let metadata = cargo(&arguments);
    let metadata: serde_json::Value = serde_json::from_slice(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let mut found = packages.iter().filter(|package| package["name"] == "rmcp");
    let manifest = found.next().unwrap()["manifest_path"].as_str().unwrap();
    assert!(found.next().is_none(), "more than one rmcp is locked");
    Path::new(manifest).parent().unwrap().to_owned()
}

fn of_rmcp(file: &str) -> String {
    fs::read_to_string(rmcp().join(file)).unwrap()
}

fn of_this_crate(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// The text between `from` and the next `to`.
fn between<'a>(source: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = source
        .split_once(from)
        .unwrap_or_else(|| panic!("no `{from}`"));
    rest.split_once(to)
        .unwrap_or_else(|| panic!("no `{to}` after `{from}`"))
        .0
}

/// The names of the functions that a piece of source defines; code in comments does not count.
fn functions(source: &str) -> Names {
    let lines = source.lines().map(str::trim_start);
    let lines = lines.filter(|line| !line.starts_with("//"));
    lines
        .filter_map(|line| {
            let line = line.strip_prefix("async ").unwrap_or(line);
            let name = line.strip_prefix("fn ")?;
            Some(name.split(['(', '<']).next()?.to_owned())
        })
        .collect()
}

/// The variants of an enum that rmcp declares with `ts_union!`.
fn union(source: &str, name: &str) -> Names {
    let body = between(source, &format!("export type {name} ="), ");");
    let lines = body.lines().map(str::trim_start);
    let lines = lines.filter(|line| !line.starts_with("//"));
    lines
        .flat_map(|line| line.split(['|', ';', ' ']))
        .filter(|word| !word.is_empty() && *word != "box")
        .map(ToOwned::to_owned)
        .collect()
}

/// The variants of an enum that a piece of source names.
fn named(source: &str, name: &str) -> Names {
    let path = format!("{name}::");
    let rests = source.split(&path).skip(1);
    rests
        .map(|rest| {
            rest.chars()
                .take_while(|c| c.is_alphanumeric())
                .collect::<String>()
        })
        .filter(|variant| variant.starts_with(char::is_uppercase))
        .collect()
}

/// Says which names are missing and which are too many, `known` aside: a name with its reason.
fn compare(theirs: &Names, ours: &Names, known: &[(&str, &str)]) -> Result<(), String> {
    let known: BTreeMap<_, _> = known.iter().copied().collect();
    let missing: Vec<_> = theirs
        .difference(ours)
        .filter(|name| !known.contains_key(name.as_str()))
        .collect();
    let gone: Vec<_> = ours.difference(theirs).collect();
    let stale: Vec<_> = known
        .keys()
        .filter(|name| ours.contains(**name) || !theirs.contains(**name))
        .collect();
    if missing.is_empty() && gone.is_empty() && stale.is_empty() {
        return Ok(());
    }
    Err(format!(
        "new in rmcp: {missing:?}; no longer there: {gone:?}; exceptions that are none: {stale:?}"
    ))
}

fn server_handler_methods() -> Names {
    let source = of_rmcp("src/handler/server.rs");
    functions(between(
        &source,
        "macro_rules! server_handler_methods",
        "pub trait ServerHandler",
    ))
}

#[test]
fn the_layered_handler_has_every_method_of_a_handler() {
    let theirs = server_handler_methods();
    assert!(theirs.len() >= 32, "{theirs:?}");
    let source = of_this_crate("src/server/handler.rs");
    let ours = functions(between(
        &source,
        "ServerHandler for LayeredHandler",
        "opaque_debug!(LayeredHandler",
    ));
    compare(&theirs, &ours, &[]).unwrap();
}

#[test]
fn the_handler_of_the_tests_has_every_method_of_a_handler() {
    let source = of_this_crate("tests/fixture/mod.rs");
    let ours = functions(between(
        &source,
        "impl ServerHandler for Fixture",
        "fn negotiated(",
    ));
    compare(&server_handler_methods(), &ours, &[]).unwrap();
}

#[test]
fn every_request_is_given_to_its_method() {
    let theirs = union(&of_rmcp("src/model.rs"), "ClientRequest");
    let source = of_this_crate("src/server/dispatch.rs");
    let mut ours = named(&source, "ClientRequest");
    // The rows of the table: `CallToolRequest(Request) => call_tool as …`.
    let rows = source
        .lines()
        .filter_map(|line| line.split_once("(Request"));
    let rows = rows.map(|(kind, _)| kind.trim().to_owned());
    ours.extend(rows.filter(|kind| kind.ends_with("Request")));
    let listen = [(
        "SubscriptionsListenRequest",
        "comes as an established subscription",
    )];
    compare(&theirs, &ours, &listen).unwrap();
}

#[test]
fn every_request_that_can_be_sent_gives_up_its_meta() {
    let theirs = union(&of_rmcp("src/model.rs"), "ClientRequest");
    let source = of_this_crate("src/view/params.rs");
    let ours = named(
        between(&source, "fn take_typed_meta", "fn request_id"),
        "ClientRequest",
    );
    let without = [
        ("PingRequest", "has no params"),
        ("DiscoverRequest", "has no `_meta` in its params"),
    ];
    compare(&theirs, &ours, &without).unwrap();
}

#[test]
fn the_texts_of_every_result_are_visited() {
    let theirs = union(&of_rmcp("src/model.rs"), "ServerResult");
    let ours = named(&of_this_crate("src/view/texts.rs"), "ServerResult");
    compare(&theirs, &ours, &[]).unwrap();
}

#[test]
fn the_meta_of_every_result_is_known() {
    let theirs = union(&of_rmcp("src/model.rs"), "ServerResult");
    let source = of_this_crate("src/view/result.rs");
    let (_, source) = source.split_once("fn insert_meta").unwrap();
    let ours = named(source, "ServerResult");
    let without = [
        ("EmptyResult", "has no fields"),
        ("ElicitResult", "what a client answers, never a server"),
        (
            "SubscriptionsListenResult",
            "its `_meta` is for keys of rmcp",
        ),
    ];
    compare(&theirs, &ours, &without).unwrap();
}

#[test]
fn every_result_with_a_caching_hint_shows_it() {
    let source = of_rmcp("src/model.rs");
    let theirs = named(
        between(
            &source,
            "pub fn fill_missing_cache_hints",
            "ttl_ms.get_or_insert",
        ),
        "ServerResult",
    );
    let ours = of_this_crate("src/view/result.rs");
    let ours = named(
        between(&ours, "macro_rules! hint_fields", "};\n}"),
        "ServerResult",
    );
    compare(&theirs, &ours, &[]).unwrap();
}

#[test]
fn every_notification_of_a_server_is_named() {
    let theirs = union(&of_rmcp("src/model.rs"), "ServerNotification");
    let ours = of_this_crate("src/server/notifications.rs");
    let ours = named(&ours, "ServerNotification");
    compare(&theirs, &ours, &[]).unwrap();
}

const MADE_UP: &str = "
ts_union!(
    export type Animal =
    | Cat
    | box Dog
    // Fish swims
    | Bird;
);
macro_rules! methods {
    () => {
        /// async fn in_a_comment() {}
        fn feed(&self) {}
        async fn walk<T>(&self, with: T) {}
    };
}
";

fn names<const N: usize>(names: [&str; N]) -> Names {
    names.into_iter().map(ToOwned::to_owned).collect()
}

#[test]
fn source_is_read_without_its_comments() {
    assert_eq!(union(MADE_UP, "Animal"), names(["Bird", "Cat", "Dog"]));
    assert_eq!(functions(MADE_UP), names(["feed", "walk"]));
    let ours = "Animal::Cat(cat) => Animal::new(), Animal::Dog(_) | Animal::Cat(_) => 1";
    assert_eq!(named(ours, "Animal"), names(["Cat", "Dog"]));
}

#[test]
fn a_name_that_is_missing_is_told() {
    let told = compare(&union(MADE_UP, "Animal"), &names(["Cat", "Dog"]), &[]).unwrap_err();
    assert!(told.contains("new in rmcp: [\"Bird\"]"), "{told}");
}

#[test]
fn a_name_that_is_gone_is_told() {
    let ours = names(["feed", "walk", "groom"]);
    let told = compare(&functions(MADE_UP), &ours, &[]).unwrap_err();
    assert!(told.contains("no longer there: [\"groom\"]"), "{told}");
}

#[test]
fn an_exception_holds_until_it_is_none() {
    let (theirs, ours) = (union(MADE_UP, "Animal"), names(["Cat", "Dog"]));
    assert_eq!(compare(&theirs, &ours, &[("Bird", "flies")]), Ok(()));
    let told = compare(&theirs, &ours, &[("Bird", "flies"), ("Cat", "sleeps")]).unwrap_err();
    assert!(
        told.contains("exceptions that are none: [\"Cat\"]"),
        "{told}"
    );
}
