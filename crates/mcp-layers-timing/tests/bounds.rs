//! Callers name methods, tools and prompts, servers choose codes: series stay bounded.

mod common;

use std::convert::Infallible;

use common::{call, client, exchange, respond, server, with_catalog};
use futures::executor::block_on;
use mcp_layers_core::{Catalog, CatalogLayer, JsonRpcRequest, Method, request::Transport};
use serde_json::{Value, json};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};

#[test]
fn a_million_tool_names_make_one_series() {
    let (layer, memory) = server();
    let mut service = layer.layer(service_fn(|request: JsonRpcRequest| {
        std::future::ready(Ok::<_, Infallible>(respond(&request, Err(-32602))))
    }));
    for number in 0..1_000_000 {
        block_on(service.call(call(&format!("tool-{number}")))).unwrap();
    }
    assert_eq!(memory.count(|_| true), 1_000_000);
    assert_eq!(memory.series(), 1);
    assert_eq!(memory.values("gen_ai.tool.name"), ["_OTHER"]);
}

#[test]
fn a_server_that_answers_every_name_is_bounded_too() {
    let (layer, memory) = server();
    let layer = layer.max_names(10).unwrap();
    for number in 0..1_000 {
        exchange(&layer, call(&format!("tool-{number}")), Ok(json!({})));
    }
    assert_eq!(memory.count(|_| true), 1_000);
    assert_eq!(memory.series(), 11);
    assert_eq!(memory.values("gen_ai.tool.name").len(), 11);
    assert!(
        memory
            .values("gen_ai.tool.name")
            .contains(&"_OTHER".to_owned())
    );
}

#[test]
fn unknown_methods_and_versions_are_other() {
    let (layer, memory) = server();
    for number in 0..1_000 {
        let request = JsonRpcRequest::new(1, format!("vendor/{number}"))
            .with_protocol_version(format!("v{number}"));
        exchange(&layer, request, Err(-32601));
    }
    assert_eq!(memory.series(), 1);
    let only = memory.measurements().remove(0).1;
    assert_eq!(only["mcp.method.name"], "_OTHER");
    assert_eq!(only["mcp.protocol.version"], "_OTHER");
    assert_eq!(memory.in_flight("_OTHER"), 0);
}

#[test]
fn codes_beyond_the_known_ones_are_bounded() {
    let (layer, memory) = client();
    for code in 1_000..2_000 {
        exchange(&layer, JsonRpcRequest::new(1, "ping"), Err(code));
    }
    assert_eq!(memory.series(), 33);
    // The known ones are told even then.
    exchange(&layer, JsonRpcRequest::new(1, "ping"), Err(-32603));
    let types = memory.values("error.type");
    assert!(types.contains(&"-32603".to_owned()));
    assert!(types.contains(&"_OTHER".to_owned()));
    assert_eq!(memory.values("rpc.response.status_code").len(), 34);
}

#[test]
fn all_series_together_are_bounded() {
    let (layer, memory) = server();
    let layer = layer.max_series(100).unwrap();
    let versions = ["2024-11-05", "2025-03-26", "2025-11-25", "2026-07-28", "x"];
    let ends: [Result<Value, i32>; 9] = [
        Ok(json!({})),
        Ok(json!({ "isError": true })),
        Ok(json!({ "resultType": "task" })),
        Ok(json!({ "resultType": "input_required" })),
        Err(-32601),
        Err(-32603),
        Err(499),
        Err(504),
        Err(77),
    ];
    let mut requests = 0;
    for method in Method::KNOWN {
        for version in versions {
            for transport in [Transport::Pipe, Transport::Tcp, Transport::Quic] {
                for end in &ends {
                    let request = JsonRpcRequest::new(1, method.as_str())
                        .with_params(json!({ "name": "echo" }))
                        .with_protocol_version(version)
                        .with_transport(transport);
                    exchange(&layer, request, end.clone());
                    requests += 1;
                }
            }
        }
    }
    assert_eq!(memory.count(|_| true), requests);
    assert!(memory.series() > 100);
    assert!(memory.series() <= 100 + 304, "{}", memory.series());
    // A coarse series still tells the method and whether it was an error.
    let coarse = memory.measurements().into_iter().filter(|(_, map, _)| {
        map["mcp.method.name"] == "tasks/get" && !map.contains_key("network.transport")
    });
    let types: Vec<_> = coarse
        .map(|(_, map, _)| map.get("error.type").cloned())
        .collect();
    assert!(types.contains(&None));
    assert!(types.contains(&Some("_OTHER".to_owned())));
}

#[test]
fn a_name_is_a_label_once_the_server_recognised_it() {
    for (proof, proves) in [
        (Ok(json!({})), true),
        (Ok(json!({ "resultType": "task" })), true),
        (Ok(json!({ "resultType": "input_required" })), true),
        (Ok(json!({ "isError": true })), false),
        (Err(-32602), false),
        (Err(-32603), false),
        (Err(499), false),
    ] {
        let (layer, memory) = server();
        exchange(&layer, call("echo"), proof.clone());
        exchange(&layer, call("echo"), Err(-32000));
        let expected = if proves { "echo" } else { "_OTHER" };
        assert_eq!(memory.values("gen_ai.tool.name"), [expected], "{proof:?}");
    }
}

#[test]
fn a_listed_name_is_a_label() {
    for (list, method, get, attribute) in [
        ("tools", "tools/list", "tools/call", "gen_ai.tool.name"),
        (
            "prompts",
            "prompts/list",
            "prompts/get",
            "gen_ai.prompt.name",
        ),
    ] {
        let (layer, memory) = server();
        let listed = json!({ list: [{ "name": "a" }, { "name": "b" }] });
        exchange(&layer, JsonRpcRequest::new(1, method), Ok(listed));
        for name in ["a", "b", "c"] {
            let request = JsonRpcRequest::new(1, get).with_params(json!({ "name": name }));
            exchange(&layer, request, Err(-32603));
        }
        assert_eq!(memory.values(attribute), ["_OTHER", "a", "b"]);
    }
}

#[test]
fn only_an_answer_to_a_list_request_is_believed() {
    let (layer, memory) = server();
    let result = json!({ "tools": [{ "name": "smuggled" }], "isError": true });
    exchange(&layer, call("echo"), Ok(result));
    exchange(&layer, call("smuggled"), Err(-32603));
    assert_eq!(memory.values("gen_ai.tool.name"), ["_OTHER"]);
}

#[test]
fn a_declared_name_is_a_label_even_of_a_tool_that_only_fails() {
    let (layer, memory) = server();
    let catalog = Catalog::new().with_tools(["echo"]).with_prompts(["greet"]);
    exchange(&layer, with_catalog(call("echo"), &catalog), Err(-32603));
    exchange(&layer, with_catalog(call("greet"), &catalog), Err(-32603));
    let request = JsonRpcRequest::new(1, "prompts/get").with_params(json!({ "name": "greet" }));
    exchange(&layer, with_catalog(request, &catalog), Err(-32603));
    assert_eq!(memory.values("gen_ai.tool.name"), ["_OTHER", "echo"]);
    assert_eq!(memory.values("gen_ai.prompt.name"), ["greet"]);
}

#[tokio::test]
async fn a_tool_that_only_fails_is_labelled_when_a_look_up_at_the_server_finds_it() {
    let (layer, memory) = server();
    let server = service_fn(|request: JsonRpcRequest| async move {
        let answer = match mcp_layers_core::McpRequest::method(&request) {
            Method::ListTools => Ok(json!({ "tools": [{ "name": "broken" }] })),
            _ => Err(-32603),
        };
        Ok::<_, Infallible>(respond(&request, answer))
    });
    let service = ServiceBuilder::new()
        .layer(CatalogLayer::new(Catalog::new()).look_up_at(server))
        .layer(layer)
        .service(server);
    for name in ["broken", "invented"] {
        service.clone().oneshot(call(name)).await.unwrap();
    }
    assert_eq!(memory.values("gen_ai.tool.name"), ["_OTHER", "broken"]);
}

#[test]
fn the_handle_reads_the_size_of_the_state() {
    let (layer, _) = server();
    let layer = layer.max_series(1).unwrap();
    let handle = layer.handle();
    exchange(&layer, call("echo"), Ok(json!({})));
    exchange(&layer, call("echo"), Err(-32603));
    let stats = handle.stats();
    assert_eq!((stats.series, stats.overflowed), (2, 1));
    assert_eq!((stats.tools, stats.prompts), (1, 0));
}

#[test]
fn a_bound_of_zero_is_a_config_error() {
    assert!(server().0.max_names(0).is_err());
    assert!(server().0.max_series(0).is_err());
}

#[test]
fn a_name_that_cannot_be_a_label_is_other_even_when_the_server_knows_it() {
    let (layer, memory) = server();
    for name in [&"x".repeat(129), "a\"b", "a\\b", "a\nb", "a\u{7f}b", ""] {
        exchange(&layer, call(name), Ok(json!({})));
    }
    assert_eq!(memory.values("gen_ai.tool.name"), ["_OTHER"]);
    for name in ["a.b/c-d_e", "größe", &"x".repeat(128)] {
        exchange(&layer, call(name), Ok(json!({})));
        assert!(memory.values("gen_ai.tool.name").contains(&name.to_owned()));
    }
}

#[test]
fn tools_and_prompts_of_one_name_stay_apart() {
    let (layer, memory) = server();
    exchange(&layer, call("same"), Ok(json!({})));
    let request = JsonRpcRequest::new(1, "prompts/get").with_params(json!({ "name": "same" }));
    exchange(&layer, request, Err(-32603));
    assert_eq!(memory.values("gen_ai.tool.name"), ["same"]);
    assert_eq!(memory.values("gen_ai.prompt.name"), ["_OTHER"]);
}
