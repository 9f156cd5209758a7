//! A catalog learns the names that the server offers, and nothing that a caller invents.

#![allow(clippy::unwrap_used)]

use mcp_layers_core::{
    Authentication, Catalog, CatalogLayer, Clock, Hints, JsonRpcRequest, JsonRpcResponse,
    ListedKind::Tool, McpError, McpRequest, Principal,
};
use mcp_layers_test::{Answer, Contract, MockService, Task, requests};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tower::{Layer, Service, ServiceExt};

fn call(tool: &str) -> JsonRpcRequest {
    requests::call_tool(1, tool, json!({}))
}

fn by(principal: &str, mut request: JsonRpcRequest) -> JsonRpcRequest {
    let principal = Principal::new(principal, Authentication::Bearer);
    request.context_mut().set_principal(Arc::new(principal));
    request
}

fn list_of(tools: &[&str]) -> Value {
    let tools: Vec<_> = tools.iter().map(|name| json!({"name": name})).collect();
    json!({"tools": tools})
}

/// A server with two pages of tools, which fails every call.
fn server() -> MockService {
    MockService::answering(|request: &JsonRpcRequest| {
        if !request.method().is_list() {
            return Answer::error(McpError::internal());
        }
        let result = match request.cursor() {
            None => {
                let mut first = list_of(&["search"]);
                first["nextCursor"] = json!("2");
                first
            }
            Some(_) => list_of(&["fetch"]),
        };
        Answer::result(result)
    })
}

#[tokio::test]
async fn every_layer_keeps_the_contract() {
    Contract::new(|| CatalogLayer::new(Catalog::new()))
        .check()
        .await;
}

#[tokio::test]
async fn an_unknown_name_is_looked_up_before_the_call_and_on_every_page() {
    let (catalog, server, mock) = (Catalog::new(), server(), MockService::new());
    let service = CatalogLayer::new(catalog.clone())
        .look_up_at(server.clone())
        .layer(mock.clone());
    service.oneshot(call("fetch")).await.unwrap();
    assert!(catalog.knows(Tool, "search") && catalog.knows(Tool, "fetch"));
    assert_eq!((server.calls(), mock.calls()), (2, 1));
}

#[tokio::test]
async fn invented_names_read_the_list_once_a_second() {
    let (catalog, server, clock) = (Catalog::new(), server(), Clock::manual());
    let mock = MockService::answering(|_: &JsonRpcRequest| Answer::error(McpError::internal()));
    let service = CatalogLayer::new(catalog.clone()).with_clock(clock.clone());
    let service = service.look_up_at(server.clone()).layer(mock);
    for number in 0..100 {
        let request = call(&format!("invented {number}"));
        service.clone().oneshot(request).await.unwrap();
    }
    assert_eq!(server.calls(), 2);
    clock.advance(Duration::from_secs(1));
    service.clone().oneshot(call("more")).await.unwrap();
    assert_eq!(server.calls(), 4);
    assert_eq!(catalog.len(Tool), 2);
}

#[tokio::test]
async fn each_caller_has_look_ups_of_its_own() {
    let (catalog, clock) = (Catalog::new(), Clock::manual());
    let lists = MockService::new();
    lists.push(Answer::never());
    let mock = MockService::new();
    let service = CatalogLayer::new(catalog.clone()).with_clock(clock);
    let mut service = service.look_up_at(lists.clone()).layer(mock.clone());
    let mut stuck = Task::new(service.call(by("ada", call("search"))));
    assert!(stuck.poll().is_pending());
    service.call(by("bob", call("search"))).await.unwrap();
    assert_eq!((lists.calls(), mock.calls()), (2, 1));
}

#[tokio::test]
async fn a_tool_that_is_in_no_list_is_known_to_be_missing() {
    let (catalog, mock) = (Catalog::new(), MockService::new());
    let layer = CatalogLayer::new(catalog.clone());
    let lacks = async |server: Option<MockService>, tool| {
        let call = call(tool);
        match server {
            Some(server) => {
                layer
                    .clone()
                    .look_up_at(server)
                    .layer(mock.clone())
                    .oneshot(call)
                    .await
            }
            None => layer.layer(mock.clone()).oneshot(call).await,
        }
        .unwrap();
        catalog.lacks_target(&mock.last_request().unwrap())
    };
    assert!(!lacks(None, "other").await);
    assert!(lacks(Some(server()), "nothing").await);
    assert!(!lacks(Some(server()), "fetch").await);
    // That is the finding of one catalog.
    assert!(!Catalog::new().lacks_target(&mock.last_request().unwrap()));
}

#[tokio::test]
async fn requests_that_arrive_during_a_look_up_wait_for_it() {
    let catalog = Catalog::new();
    let server = MockService::new();
    server.push(Answer::never());
    let mock = MockService::new();
    let mut service = CatalogLayer::new(catalog.clone())
        .look_up_at(server.clone())
        .layer(mock.clone());
    let mut first = Task::new(service.call(call("search")));
    let mut second = Task::new(service.call(call("search")));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    assert_eq!((server.calls(), mock.calls()), (1, 0));
    // The one that looks up is cancelled: the next goes on without a list for this second.
    drop(first);
    assert!(second.poll().is_ready());
    assert_eq!((server.calls(), mock.calls()), (1, 1));
}

#[tokio::test]
async fn a_success_teaches_a_name_and_a_failure_does_not() {
    let catalog = Catalog::new();
    let mock = MockService::new();
    let service = CatalogLayer::new(catalog.clone()).layer(mock.clone());
    mock.push(Answer::error(McpError::forbidden()));
    service.clone().oneshot(call("failing")).await.unwrap();
    assert!(!catalog.knows(Tool, "failing"));
    mock.push(Answer::result(json!({ "content": [], "isError": true })));
    service.clone().oneshot(call("wrong")).await.unwrap();
    assert!(!catalog.knows(Tool, "wrong"));
    service.clone().oneshot(call("working")).await.unwrap();
    assert!(catalog.knows(Tool, "working"));
}

#[tokio::test]
async fn one_principals_names_do_not_push_out_anothers() {
    let catalog = Catalog::new();
    let service = CatalogLayer::new(catalog.clone()).layer(MockService::new());
    let request = by("ada", call("adas"));
    service.clone().oneshot(request).await.unwrap();
    for number in 0..2 * Catalog::DEFAULT_MAX_PER_PRINCIPAL {
        let request = by("bob", call(&number.to_string()));
        service.clone().oneshot(request).await.unwrap();
    }
    assert!(catalog.knows(Tool, "adas"));
    assert_eq!(catalog.len(Tool), Catalog::DEFAULT_MAX_PER_PRINCIPAL + 1);
}

#[tokio::test]
async fn answers_to_requests_before_a_clear_teach_nothing() {
    let catalog = Catalog::new().with_tools(["declared"]);
    let mock = MockService::new();
    let mut service = CatalogLayer::new(catalog.clone()).layer(mock.clone());
    let answer = service.call(call("search"));
    catalog.clear();
    answer.await.unwrap();
    assert!(!catalog.knows(Tool, "search"));
    assert!(catalog.knows(Tool, "declared"));
}

#[tokio::test]
async fn layers_find_the_catalog_in_the_context() {
    let (catalog, own) = (Catalog::new().with_tools(["search"]), Catalog::new());
    let mock = MockService::new();
    let service = CatalogLayer::new(catalog).layer(mock.clone());
    service.oneshot(call("search")).await.unwrap();
    let seen = mock.last_request().unwrap();
    assert!(Catalog::of(&seen, &own).knows_target(&seen));
    assert!(!Catalog::of(&call("search"), &own).knows_target(&call("search")));
}

#[test]
fn a_uri_that_matches_a_template_is_known() {
    use mcp_layers_core::ListedKind::Resource;
    let catalog = Catalog::new().with_resource_templates(["notes://{user}/today"]);
    assert!(catalog.knows(Resource, "notes://ada/today"));
    assert!(!catalog.knows(Resource, "notes://ada/b/today"));
}

/// A list of one tool that reports itself as read-only, or not.
fn teach(catalog: &Catalog, read_only: bool) {
    let request = requests::list_tools(1);
    let list = json!({"tools": [{"name": "echo", "annotations": {"readOnlyHint": read_only}}]});
    let response = JsonRpcResponse::success(&request, list);
    catalog.lesson(&request).learn(&response);
}

#[test]
fn contradicting_hints_only_get_more_careful() {
    let catalog = Catalog::new();
    let repeatable = || catalog.hints("echo").unwrap().is_repeatable();
    teach(&catalog, true);
    assert!(repeatable());
    teach(&catalog, false);
    teach(&catalog, true);
    assert!(!repeatable());
    catalog.clear();
    teach(&catalog, true);
    assert!(repeatable());
}

#[test]
fn the_operators_hints_override_the_servers() {
    let careful = Hints::default().with_read_only(false);
    let catalog = Catalog::new().with_tool_hints("echo", careful);
    teach(&catalog, true);
    assert_eq!(catalog.hints("echo"), Some(careful));
    // A name without hints leaves them to the server.
    let named = Catalog::new().with_tools(["echo"]);
    assert_eq!(named.hints("echo"), None);
    teach(&named, true);
    assert!(named.hints("echo").unwrap().is_repeatable());
}

/// A stack that hides names. Its own server lists what a caller may see; the look-ups go to another one.
struct Hiding {
    catalog: Catalog,
    clock: Clock,
    look_ups: MockService,
    shown: MockService,
}

impl Hiding {
    fn new(catalog: Catalog, shown: &[&str]) -> Self {
        catalog.hide_names();
        let shown = list_of(shown);
        Self {
            catalog,
            clock: Clock::manual(),
            look_ups: server(),
            shown: MockService::answering(move |request: &JsonRpcRequest| {
                match request.method().is_list() {
                    true => Answer::result(shown.clone()),
                    false => Answer::error(McpError::internal()),
                }
            }),
        }
    }

    async fn send(&self, request: JsonRpcRequest) {
        let layer = CatalogLayer::new(self.catalog.clone()).with_clock(self.clock.clone());
        let service = layer.look_up_at(self.look_ups.clone());
        let service = service.layer(self.shown.clone());
        service.oneshot(request).await.unwrap();
    }

    /// Returns true if a call reads the lists first.
    async fn is_looked_up(&self, who: &str, tool: &str) -> bool {
        self.clock.advance(Duration::from_secs(1));
        let before = self.look_ups.calls();
        self.send(by(who, call(tool))).await;
        self.look_ups.calls() > before
    }
}

#[tokio::test]
async fn where_names_are_hidden_a_caller_has_seen_what_its_own_lists_name() {
    let stack = Hiding::new(Catalog::new().with_tools(["search", "other"]), &["search"]);
    assert!(stack.is_looked_up("ada", "search").await);
    stack.send(by("ada", requests::list_tools(1))).await;
    assert!(!stack.is_looked_up("ada", "search").await);
    assert!(stack.is_looked_up("ada", "other").await);
    assert!(stack.is_looked_up("bob", "search").await);
    stack.catalog.clear();
    assert!(stack.is_looked_up("ada", "search").await);
}

#[tokio::test]
async fn the_names_that_a_caller_has_seen_are_bounded() {
    let names: Vec<_> = (0..=Catalog::DEFAULT_MAX_PER_PRINCIPAL)
        .map(|number| format!("tool-{number}"))
        .collect();
    let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
    let stack = Hiding::new(Catalog::new().with_tools(names.clone()), &names);
    stack.send(by("ada", requests::list_tools(1))).await;
    // One more than fits began the set again.
    assert!(!stack.is_looked_up("ada", names[names.len() - 1]).await);
    assert!(stack.is_looked_up("ada", names[0]).await);
}

#[tokio::test]
async fn the_callers_whose_names_are_remembered_are_bounded() {
    let stack = Hiding::new(Catalog::new().with_tools(["search"]), &["search"]);
    stack.send(by("ada", requests::list_tools(1))).await;
    assert!(!stack.is_looked_up("ada", "search").await);
    for number in 0..16_384 {
        let who = format!("caller-{number}");
        stack.send(by(&who, requests::list_tools(1))).await;
    }
    assert!(stack.is_looked_up("ada", "search").await);
    assert!(!stack.is_looked_up("caller-16383", "search").await);
}
