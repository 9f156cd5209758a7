//! A uri that looks like a hidden one after any of the usual normalisations is hidden.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mcp_layers_authorize::{Access, Operation, Rules};
use mcp_layers_core::{Authentication, ListedKind, Method, Principal};

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    Rules::builder()
        .resource("*", Access::any_principal())
        .resource("file:///a", Access::nobody())
        .build()
        .expect("rules")
});

/// The path as a careless handler reads it.
fn path(uri: &str) -> Option<String> {
    let uri = uri.trim();
    let rest = uri
        .get(..5)
        .filter(|scheme| scheme.eq_ignore_ascii_case("file:"))
        .map(|_| &uri[5..])?;
    let rest = rest.split(['?', '#']).next()?;
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let mut parts = Vec::new();
    for part in rest.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part.replace("%61", "a")),
        }
    }
    Some(parts.join("/"))
}

fuzz_target!(|uri: &str| {
    let ada = Principal::new("ada", Authentication::Bearer);
    let operation = Operation::new(Method::ReadResource).on(ListedKind::Resource, uri);
    let allowed = RULES.decision(operation, &ada).is_allowed();
    if path(uri).as_deref() == Some("a") {
        assert!(!allowed, "{uri:?}");
    }
});
