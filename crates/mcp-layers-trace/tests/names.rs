//! Names that callers choose are bounded by the catalog.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Sdk, attributes, call, error, exchange, knowing};
use mcp_layers_core::Catalog;
use mcp_layers_test::{Answer, requests};
use serde_json::json;

#[test]
fn an_unknown_tool_is_not_in_the_name() {
    let sdk = Sdk::new();
    exchange(&sdk.server(), call("invented"), error(-32602));
    let span = sdk.only();
    assert_eq!(span.name, "tools/call");
    assert_eq!(attributes(&span)["gen_ai.tool.name"], "_OTHER");
}

#[test]
fn a_call_that_teaches_the_catalog_its_tool_renames_its_span() {
    let sdk = Sdk::new();
    let layer = sdk.server();
    for _ in 0..2 {
        exchange(&layer, call("echo"), Answer::plausible());
        let span = sdk.only();
        assert_eq!(span.name, "tools/call echo");
        assert_eq!(attributes(&span)["gen_ai.tool.name"], "echo");
    }
}

#[test]
fn the_catalog_of_the_stack_counts() {
    let sdk = Sdk::new();
    let catalog = Catalog::new().with_tools(["echo"]);
    let layer = sdk.server();
    exchange(&layer, knowing(call("echo"), &catalog), error(-32603));
    assert_eq!(sdk.only().name, "tools/call echo");
    exchange(&layer, call("echo"), error(-32603));
    assert_eq!(sdk.only().name, "tools/call");
}

#[test]
fn a_list_teaches_names_of_tools_and_prompts() {
    let sdk = Sdk::new();
    let layer = sdk.client();
    for method in ["tools/list", "prompts/list"] {
        let list = requests::of(1, mcp_layers_core::Method::new(method));
        exchange(&layer, list, Answer::plausible());
        assert_eq!(sdk.only().name, method);
    }
    exchange(&layer, call("echo"), error(-32603));
    assert_eq!(sdk.only().name, "tools/call echo");
    exchange(
        &layer,
        requests::get_prompt(1, "greet", json!({})),
        error(-32603),
    );
    assert_eq!(sdk.only().name, "prompts/get greet");
}

#[test]
fn a_name_that_does_not_fit_is_other() {
    let sdk = Sdk::new();
    for name in ["x".repeat(129), "a\nb".to_owned(), String::new()] {
        let catalog = Catalog::new().with_tools([name.clone()]);
        exchange(
            &sdk.server(),
            knowing(call(&name), &catalog),
            Answer::plausible(),
        );
        let span = sdk.only();
        assert_eq!(span.name, "tools/call");
        assert_eq!(attributes(&span)["gen_ai.tool.name"], "_OTHER");
    }
}

#[test]
fn a_call_without_a_name_has_none() {
    let sdk = Sdk::new();
    let request = mcp_layers_core::JsonRpcRequest::new(1, "tools/call");
    exchange(&sdk.server(), request, error(-32602));
    let span = sdk.only();
    assert_eq!(span.name, "tools/call");
    assert!(!attributes(&span).contains_key("gen_ai.tool.name"));
}
