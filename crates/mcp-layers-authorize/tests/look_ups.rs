//! The look-ups at the server do not tell a hidden name from an unknown one.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use mcp_layers_core::{Catalog, CatalogLayer, Clock, JsonRpcRequest, Method};
use mcp_layers_test::{Answer, MockService, Task, requests};
use serde_json::json;
use support::{PROMPTS, RESOURCES, TOOLS, ada, by, bytes_about, call, layer, read, root, server};
use tower::{Layer, Service, ServiceExt, util::BoxCloneService};

/// The path of one request: the lists that it read at the server, the polls that found it waiting, and
/// the bytes of its answer.
type Path = (usize, usize, String);

/// A stack whose lists arrive at the fourth poll.
struct Stack {
    catalog: Catalog,
    clock: Clock,
    lists: MockService,
    service: BoxCloneService<
        JsonRpcRequest,
        mcp_layers_core::JsonRpcResponse,
        mcp_layers_test::MockError,
    >,
}

impl Stack {
    async fn new(catalog: Catalog) -> Self {
        let (clock, inner) = (Clock::manual(), server());
        let lists = MockService::answering(|request: &JsonRpcRequest| {
            let names = |list: &str, key: &str, names: &[&str]| {
                let entries: Vec<_> = names.iter().map(|name| json!({ key: name })).collect();
                Answer::result(json!({ list: entries })).after_polls(3)
            };
            match mcp_layers_core::McpRequest::method(request) {
                Method::ListTools => names("tools", "name", TOOLS),
                Method::ListPrompts => names("prompts", "name", PROMPTS),
                Method::ListResources => names("resources", "uri", RESOURCES),
                _ => names("resourceTemplates", "uriTemplate", &[]),
            }
        });
        let outer = CatalogLayer::new(catalog.clone()).with_clock(clock.clone());
        let service = outer.look_up_at(lists.clone()).layer(layer().layer(inner));
        let service = BoxCloneService::new(service);
        let stack = Self {
            catalog,
            clock,
            lists,
            service,
        };
        stack
            .send(by(&ada(), requests::of(1, Method::Initialize)))
            .await;
        stack
    }

    async fn send(&self, request: JsonRpcRequest) {
        self.service.clone().oneshot(request).await.unwrap();
    }

    fn path(&self, (name, request): (&str, JsonRpcRequest)) -> Path {
        let before = self.lists.calls();
        let mut answer = Task::new(self.service.clone().call(by(&ada(), request)));
        let mut waits = 0;
        loop {
            if let std::task::Poll::Ready(response) = answer.poll() {
                let bytes = bytes_about(&response.unwrap(), name);
                return (self.lists.calls() - before, waits, bytes);
            }
            waits += 1;
            assert!(waits < 100, "{name} waits for ever");
        }
    }
}

/// Pairs of a hidden and an unknown name, one for each kind.
fn pairs() -> [[(&'static str, JsonRpcRequest); 2]; 3] {
    let get = |name: &str| requests::get_prompt(1, name, json!({}));
    [
        ["admin_reset", "nope"].map(|name| (name, call(name))),
        ["file:///secret/key", "file:///nope"].map(|uri| (uri, read(uri))),
        ["admin_greet", "nope"].map(|name| (name, get(name))),
    ]
}

fn declared() -> Catalog {
    Catalog::new()
        .with_tools(["echo", "admin_reset"])
        .with_resources(["file:///secret/key"])
        .with_prompts(["admin_greet"])
}

#[tokio::test(start_paused = true)]
async fn a_hidden_name_takes_the_path_of_an_unknown_one() {
    for pair in pairs() {
        for make in [Catalog::new, declared] {
            // Each name has a stack of its own with the same history.
            let mut paths = Vec::new();
            for target in pair.clone() {
                let stack = Stack::new(make()).await;
                let mut path = vec![stack.path(target.clone())];
                // Within the same second, and after it.
                path.push(stack.path(target.clone()));
                stack.clock.advance(Duration::from_secs(1));
                path.push(stack.path(target.clone()));
                stack.clock.advance(Duration::from_secs(1));
                // Others list and use what is hidden from this caller, and it lists what it may see.
                for list in [
                    Method::ListTools,
                    Method::ListResources,
                    Method::ListPrompts,
                ] {
                    stack.send(by(&root(), requests::of(1, list))).await;
                    stack.send(by(&ada(), requests::of(1, list))).await;
                }
                for [(_, hidden), _] in pairs() {
                    stack.send(by(&root(), hidden)).await;
                }
                path.push(stack.path(target.clone()));
                stack.catalog.clear();
                path.push(stack.path(target));
                paths.push(path);
            }
            assert_eq!(paths[0], paths[1]);
            let waits: Vec<_> = paths[0]
                .iter()
                .map(|(lists, waits, _)| (*lists > 0, *waits))
                .collect();
            assert!(waits[0].0 && waits[0].1 >= 3, "{waits:?}");
            assert_eq!(waits[1], (false, 0));
            assert_eq!(waits[2], waits[0]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_in_the_callers_own_list_does_not_wait() {
    let stack = Stack::new(Catalog::new()).await;
    stack.send(by(&ada(), requests::list_tools(1))).await;
    assert_eq!(stack.path(("echo", call("echo"))).0, 0);
    // What root lists is not ada's.
    stack
        .send(by(&root(), requests::of(1, Method::ListPrompts)))
        .await;
    let greet = || ("greet", requests::get_prompt(1, "greet", json!({})));
    assert_eq!(stack.path(greet()).0, 1);
    // A result shows the name too.
    stack.clock.advance(Duration::from_secs(1));
    assert_eq!(stack.path(greet()).0, 0);
}
