//! The look-ups at the server do not tell a hidden name from an unknown one, and what is in none of its lists does not
//! reach it.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use mcp_layers_authorize::{Access, AuthorizeLayer};
use mcp_layers_core::{Catalog, CatalogLayer, Clock, JsonRpcRequest, McpError, McpRequest, Method};
use mcp_layers_test::{Answer, MockService, Task, requests};
use serde_json::json;
use support::{
    PROMPTS, RESOURCES, TOOLS, ada, bob, by, bytes_about, call, denied_by, layer, read, root,
    rules, server,
};
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
            match McpRequest::method(request) {
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

/// A server with these lists, behind the layer.
struct Listing {
    clock: Clock,
    catalog: Catalog,
    layer: AuthorizeLayer,
    lists: MockService,
    inner: MockService,
}

impl Listing {
    fn new<A: Into<Answer>>(
        layer: AuthorizeLayer,
        lists: impl Fn(&JsonRpcRequest) -> A + Send + Sync + 'static,
    ) -> Self {
        Self {
            clock: Clock::manual(),
            catalog: Catalog::new(),
            layer,
            lists: MockService::answering(lists),
            inner: server(),
        }
    }

    /// Returns true if the request reaches the server. One that does not is answered as a hidden one.
    async fn reaches(&self, request: JsonRpcRequest) -> bool {
        let before = self.inner.calls();
        let catalog = CatalogLayer::new(self.catalog.clone()).with_clock(self.clock.clone());
        let catalog = catalog.look_up_at(self.lists.clone());
        let service = catalog.layer(self.layer.layer(self.inner.clone()));
        let response = service.oneshot(request).await.unwrap();
        let reaches = self.inner.calls() > before;
        let rule = denied_by(&response);
        assert_eq!(rule.as_deref(), (!reaches).then_some("unknown name"));
        reaches
    }
}

fn tools(names: &[&str]) -> serde_json::Value {
    let names: Vec<_> = names.iter().map(|name| json!({ "name": name })).collect();
    json!({ "tools": names, "prompts": names, "resources": [], "resourceTemplates": [] })
}

#[tokio::test]
async fn a_tool_or_prompt_that_is_in_no_list_does_not_reach_the_server() {
    let server = Listing::new(layer(), |_| tools(&["echo"]));
    let prompt = |name: &str| by(&ada(), requests::get_prompt(1, name, json!({})));
    assert!(!server.reaches(by(&ada(), call("nope"))).await);
    assert!(!server.reaches(by(&ada(), call("nope"))).await);
    assert!(server.reaches(by(&ada(), call("echo"))).await);
    assert!(!server.reaches(prompt("nope")).await);
    assert!(server.reaches(prompt("echo")).await);
    assert_eq!(server.layer.handle().stats().hidden, 3);
    // Resources need not be listed.
    assert!(server.reaches(by(&ada(), read("file:///nope"))).await);
}

#[tokio::test]
async fn an_unknown_name_reaches_a_server_whose_list_cannot_be_read_to_its_end() {
    let fails = |_: &JsonRpcRequest| Answer::error(McpError::internal());
    let server = Listing::new(layer(), fails);
    assert!(server.reaches(by(&ada(), call("nope"))).await);
    let mut endless = tools(&["echo"]);
    endless["nextCursor"] = json!("again");
    let server = Listing::new(layer(), move |_| endless.clone());
    assert!(server.reaches(by(&ada(), call("nope"))).await);
    assert!(server.reaches(by(&ada(), call("nope"))).await);
}

#[tokio::test]
async fn a_name_without_a_list_reaches_the_server_where_a_rule_names_it_or_nothing_is_hidden() {
    let rules = rules().tool("unlisted", Access::any_principal());
    let named = AuthorizeLayer::new(rules.build().unwrap());
    let server = Listing::new(named, |_| tools(&["echo"]));
    assert!(server.reaches(by(&ada(), call("unlisted"))).await);
    let open = mcp_layers_authorize::Rules::builder().tool("*", Access::any_principal());
    let open = AuthorizeLayer::new(open.build().unwrap());
    let server = Listing::new(open, |_| tools(&["echo"]));
    assert!(server.reaches(by(&ada(), call("nope"))).await);
}

#[tokio::test]
async fn a_tool_that_is_added_is_found_a_second_after_the_last_look_up_or_when_the_list_has_changed()
 {
    let is_added = Arc::new(AtomicBool::new(false));
    let added = is_added.clone();
    let server = Listing::new(layer(), move |_| match added.load(Relaxed) {
        true => tools(&["echo", "new"]),
        false => tools(&["echo"]),
    });
    for has_changed in [false, true] {
        is_added.store(false, Relaxed);
        server.catalog.clear();
        assert!(!server.reaches(by(&ada(), call("new"))).await);
        is_added.store(true, Relaxed);
        assert!(!server.reaches(by(&ada(), call("new"))).await);
        match has_changed {
            true => server.catalog.clear(),
            false => server.clock.advance(Duration::from_secs(1)),
        }
        assert!(server.reaches(by(&ada(), call("new"))).await);
    }
}

#[tokio::test]
async fn the_list_of_one_caller_does_not_hide_the_names_of_another() {
    let server = Listing::new(layer(), |request: &JsonRpcRequest| {
        let principal = request.context().principal().unwrap();
        tools(&[principal.subject()])
    });
    assert!(!server.reaches(by(&ada(), call("bob"))).await);
    assert!(server.reaches(by(&bob(), call("bob"))).await);
    assert!(!server.reaches(by(&bob(), call("nope"))).await);
}
