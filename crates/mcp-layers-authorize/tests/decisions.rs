//! Denials, hidden names, filtered lists and allowed requests.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use mcp_layers_authorize::{
    Access, Authorize, AuthorizeLayer, Decision, Denial, Rules, async_policy_fn, policy_fn,
};
use mcp_layers_core::{
    Authentication, BoxError, Catalog, CatalogLayer, Event, JsonRpcRequest, ListedKind, McpError,
    McpRequest, McpResponse, Method, Outcome, Principal, response::CacheScope,
};
use mcp_layers_test::{Answer, MockService, requests};
use serde_json::{Value, json};
use support::{
    TOOLS, ada, ask, bob, by, bytes, bytes_about, call, denied_by, error, events, layer, listed,
    read, root, rules, server,
};
use tower::{Layer, Service, ServiceExt};

#[tokio::test]
async fn a_denial_has_every_missing_scope() {
    let rules = Rules::builder()
        .tool("pay", Access::scopes(["tools", "money", "audit"]))
        .method("tools/call", Access::scopes(["calls", "money"]))
        .build();
    let layer = AuthorizeLayer::new(rules.unwrap());
    let mock = server();
    let response = ask(&layer, &mock, by(&ada(), call("pay"))).await;
    let error = error(&response);
    assert_eq!(error["code"], 403);
    assert_eq!(error["data"]["reason"], "forbidden");
    let missing = json!(["calls", "money", "audit"]);
    assert_eq!(error["data"]["missingScopes"], missing);
    let required = json!(["calls", "money", "tools", "audit"]);
    assert_eq!(error["data"]["requiredScopes"], required);
    assert_eq!(denied_by(&response).as_deref(), Some("tools/call"));
    assert_eq!(mock.calls(), 0);

    let rich = ada().with_scopes(["tools", "money", "audit", "calls"]);
    let response = ask(&layer, &mock, by(&rich, call("pay"))).await;
    assert_ne!(response.outcome().code(), Some(403));
    assert_eq!(mock.calls(), 1);
}

#[tokio::test]
async fn a_hidden_name_is_answered_as_an_unknown_one() {
    let layer = layer();
    let mock = server();
    let get = |name: &str| requests::get_prompt(1, name, json!({}));
    let sorts: [(&str, [JsonRpcRequest; 5]); 3] = [
        (
            "tool",
            [
                "admin_reset",
                "nope",
                "Admin_Reset",
                "admin_reset2",
                "x_admin_reset",
            ]
            .map(call),
        ),
        (
            "resource",
            [
                "file:///secret/key",
                "file:///nope",
                "file:///SECRET/key",
                "file:///secret/key2",
                "FILE:///secret/key",
            ]
            .map(read),
        ),
        (
            "prompt",
            [
                "admin_greet",
                "nope",
                "ADMIN_GREET",
                "admin_greet2",
                "greet2",
            ]
            .map(get),
        ),
    ];
    for modern in [false, true] {
        // Whatever was listed to whom: before the first list, and after one of either.
        for lister in [None, Some(ada()), Some(root())] {
            if let Some(lister) = lister {
                for method in [
                    Method::ListTools,
                    Method::ListResources,
                    Method::ListPrompts,
                ] {
                    ask(&layer, &mock, by(&lister, requests::of(1, method))).await;
                }
            }
            for (sort, same) in &sorts {
                let mut answers = Vec::new();
                for request in same {
                    let request = by(&ada(), request.clone());
                    let request = if modern {
                        requests::modern(request)
                    } else {
                        request
                    };
                    let own = McpRequest::target(&request).unwrap_or_default().to_owned();
                    answers.push(bytes_about(&ask(&layer, &mock, request).await, &own));
                }
                let hidden = &answers[0];
                assert!(
                    answers.iter().all(|answer| answer == hidden),
                    "{sort}: {answers:#?}"
                );
                assert!(
                    hidden.contains("-32602") || hidden.contains("-32002"),
                    "{hidden}"
                );
            }
        }
    }
    let ran = mock.requests();
    let ran = |name: &str| {
        let ran = ran.iter().map(McpRequest::target);
        ran.filter(|target| *target == Some(name)).count()
    };
    assert_eq!(
        (
            ran("admin_reset"),
            ran("file:///secret/key"),
            ran("admin_greet")
        ),
        (0, 0, 0)
    );

    let allowed = ask(&layer, &mock, by(&root(), call("admin_reset"))).await;
    assert_eq!(allowed.outcome(), Outcome::Success);
}

/// Unknown and hidden are one answer; forbidden without being hidden is one answer too, whether
/// there is such a tool or not.
#[tokio::test]
async fn a_hidden_name_gets_the_denial_of_unknown_ones() {
    let rules = Rules::builder()
        .otherwise(Access::scopes(["tools"]))
        .tool("fail", Access::scopes(["admin"]).hidden())
        .tool("db_*", Access::scopes(["db"]))
        .tool("db_drop", Access::scopes(["admin"]).hidden())
        .other_method("vendor/fail", Access::scopes(["admin"]).hidden())
        .unknown_methods(Access::scopes(["vendor"]))
        .build();
    let layer = AuthorizeLayer::new(rules.unwrap()).list_denied();
    let caller = ada().with_scopes::<&str>([]);
    let send = async |request| ask(&layer, &server(), by(&caller, request)).await;
    for (hidden, unknown) in [
        (call("fail"), call("fai1")),
        (call("db_drop"), call("db_dro")),
        (
            JsonRpcRequest::new(1, "vendor/fail"),
            JsonRpcRequest::new(1, "vendor/fai1"),
        ),
    ] {
        let answer = send(hidden.clone()).await;
        assert_eq!(answer.outcome().code(), Some(403));
        assert_eq!(bytes(&answer), bytes(&send(unknown).await), "{hidden:?}");
    }
    let denied = send(call("fail")).await;
    assert_eq!(denied_by(&denied).as_deref(), Some("tool fail"));
    assert_eq!(layer.handle().stats().denied, 7);
}

#[tokio::test]
async fn an_answer_does_not_tell_whether_the_name_exists() {
    let rules = Rules::builder()
        .tool("*", Access::scopes(["tools"]))
        .build();
    let layer = AuthorizeLayer::new(rules.unwrap());
    let guest = Principal::new("guest", Authentication::Bearer);
    let mock = server();
    let forbidden = ask(&layer, &mock, by(&guest, call("echo"))).await;
    let unknown = ask(&layer, &mock, by(&guest, call("nope"))).await;
    assert_eq!(bytes(&forbidden), bytes(&unknown));

    // Without a rule for it, a name is hidden, and the server is not asked.
    let rules = Rules::builder()
        .tool("echo", Access::any_principal())
        .build();
    let layer = AuthorizeLayer::new(rules.unwrap());
    let mock = server();
    let hidden = ask(&layer, &mock, by(&ada(), call("admin_reset"))).await;
    let unknown = ask(&layer, &mock, by(&ada(), call("nope"))).await;
    assert_eq!(bytes(&hidden), bytes(&unknown));
    assert_eq!(mock.calls(), 0);
}

#[tokio::test]
async fn an_error_about_arguments_is_kept_once_the_tool_is_known() {
    let layer = layer();
    let mock = server();
    ask(&layer, &mock, by(&ada(), requests::list_tools(1))).await;
    let response = ask(&layer, &mock, by(&ada(), call("validate"))).await;
    assert_eq!(error(&response)["message"], "n is no number");

    // A rule for the very name says as much as a list.
    let named = rules().tool("validate", Access::any_principal()).build();
    let layer = AuthorizeLayer::new(named.unwrap());
    let response = ask(&layer, &mock, by(&ada(), call("validate"))).await;
    assert_eq!(error(&response)["message"], "n is no number");
}

#[tokio::test]
async fn a_policy_that_panics_has_denied() {
    let layer = AuthorizeLayer::new(policy_fn(|_, _| -> Decision { panic!("secret") }));
    let mock = server();
    let response = ask(&layer, &mock, by(&root(), call("echo"))).await;
    assert_eq!(response.outcome().code(), Some(403));
    assert!(!bytes(&response).contains("secret"));
    let panicked = Event::Panicked {
        message: "secret".into(),
    };
    let denied = Event::Denied {
        rule: "policy failed".into(),
    };
    assert_eq!(events(&response), [panicked, denied]);
    assert_eq!(mock.calls(), 0);

    let layer = AuthorizeLayer::new(async_policy_fn(|_, _| async {
        tokio::task::yield_now().await;
        panic!("later")
    }));
    let response = ask(&layer, &mock, by(&root(), call("echo"))).await;
    assert_eq!(response.outcome().code(), Some(403));
    assert_eq!(events(&response).len(), 2);
    assert_eq!(mock.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_fails_or_takes_too_long_has_denied() {
    let mock = server();
    let fails = AuthorizeLayer::new(async_policy_fn(|_, _| async {
        Err::<Decision, BoxError>("the database is down".into())
    }));
    let response = ask(&fails, &mock, by(&root(), call("echo"))).await;
    assert_eq!(response.outcome().code(), Some(403));
    let failed = Event::Failed {
        cause: "the database is down".into(),
    };
    assert_eq!(events(&response)[0], failed);

    let after = Duration::from_secs(2);
    let hangs = AuthorizeLayer::new(async_policy_fn(|_, _| std::future::pending()));
    let hangs = hangs.policy_timeout(after);
    let response = ask(&hangs, &mock, by(&root(), call("echo"))).await;
    assert_eq!(response.outcome().code(), Some(403));
    assert_eq!(events(&response)[0], Event::TimedOut { after });
    assert_eq!(mock.calls(), 0);

    // A list of which nothing can be decided is empty, and says why.
    let first = std::sync::atomic::AtomicBool::new(true);
    let list_alone = AuthorizeLayer::new(async_policy_fn(move |_, _| {
        let allow = first.swap(false, std::sync::atomic::Ordering::SeqCst);
        async move {
            if !allow {
                std::future::pending::<()>().await;
            }
            Ok(Decision::Allow)
        }
    }));
    let response = ask(&list_alone, &mock, by(&root(), requests::list_tools(1))).await;
    assert!(listed(&response).is_empty());
    assert_eq!(events(&response).len(), TOOLS.len() + 1);
}

#[tokio::test]
async fn without_a_verified_principal_nothing_but_the_lifecycle_passes() {
    let layer = AuthorizeLayer::new(policy_fn(|_, _| Decision::Allow));
    let mock = server();
    let unverified = Principal::new("root", Authentication::Unverified).with_scopes(["tools"]);
    for request in requests::every_method()
        .into_iter()
        .chain(requests::unknown_methods())
    {
        let method = McpRequest::method(&request).to_string();
        let lifecycle = McpRequest::method(&request).is_lifecycle();
        for request in [request.clone(), by(&unverified, request)] {
            let before = mock.calls();
            let response = ask(&layer, &mock, request).await;
            if lifecycle {
                assert_eq!(mock.calls(), before + 1, "{method}");
                continue;
            }
            assert_eq!(response.outcome().code(), Some(401), "{method}");
            assert_eq!(denied_by(&response).as_deref(), Some("no principal"));
            assert_eq!(mock.calls(), before, "{method}");
        }
    }
}

#[tokio::test]
async fn lists_have_what_may_be_used_and_are_the_callers_own() {
    let layer = layer();
    let mock = server();
    let tools = ask(&layer, &mock, by(&ada(), requests::list_tools(1))).await;
    assert_eq!(listed(&tools), ["echo", "validate"]);
    assert_eq!(tools.cache_hint().scope, Some(CacheScope::Private));
    assert_eq!(tools.cache_hint().ttl_ms, Some(1000));
    assert_eq!(events(&tools), [Event::Filtered { entries: 1 }]);
    let resources = requests::of(1, Method::ListResources);
    let resources = ask(&layer, &mock, by(&ada(), resources)).await;
    assert_eq!(listed(&resources), ["file:///notes"]);
    let prompts = requests::of(1, Method::ListPrompts);
    let prompts = ask(&layer, &mock, by(&ada(), prompts)).await;
    assert_eq!(listed(&prompts), ["greet"]);

    let all = ask(&layer, &mock, by(&root(), requests::list_tools(1))).await;
    assert_eq!(listed(&all), TOOLS);
    assert!(events(&all).is_empty());
    assert_eq!(all.cache_hint().scope, Some(CacheScope::Private));

    // A server without hints gets none for its legacy callers, and one for the others.
    let plain = MockService::answering(|_| json!({ "tools": [{ "name": "echo" }] }));
    let legacy = ask(&layer, &plain, by(&ada(), requests::list_tools(1))).await;
    assert_eq!(legacy.cache_hint().scope, None);
    let modern = requests::modern(requests::list_tools(1));
    let modern = ask(&layer, &plain, by(&ada(), modern)).await;
    assert_eq!(modern.cache_hint().scope, Some(CacheScope::Private));
}

#[tokio::test]
async fn what_is_denied_without_being_hidden_can_be_listed() {
    let rules = || {
        let rules = rules().tool("pay", Access::scopes(["money"])).build();
        AuthorizeLayer::new(rules.unwrap())
    };
    let mock = MockService::answering(
        |_| json!({ "tools": [{ "name": "pay" }, { "name": "echo" }, { "name": "admin_reset" }] }),
    );
    let list = || by(&ada(), requests::list_tools(1));
    assert_eq!(listed(&ask(&rules(), &mock, list()).await), ["echo"]);
    let shown = ask(&rules().list_denied(), &mock, list()).await;
    assert_eq!(listed(&shown), ["pay", "echo"]);
}

#[tokio::test]
async fn a_model_can_read_a_denial() {
    let rules = rules()
        .tool("pay", Access::scopes(["money", "audit"]))
        .build();
    let layer = AuthorizeLayer::new(rules.unwrap()).as_tool_error();
    let mock = server();
    let denied = ask(&layer, &mock, by(&ada(), call("pay"))).await;
    assert_eq!(denied.outcome(), Outcome::ToolError);
    assert!(bytes(&denied).contains("Forbidden: missing scopes money, audit"));
    assert_eq!(denied_by(&denied).as_deref(), Some("tool pay"));
    // What must not be told is not told this way either.
    let hidden = ask(&layer, &mock, by(&ada(), call("admin_reset"))).await;
    assert_eq!(hidden.outcome().code(), Some(-32602));
    let nobody = ask(&layer, &mock, call("echo")).await;
    assert_eq!(nobody.outcome().code(), Some(401));
}

#[tokio::test]
async fn completions_are_decided_by_what_they_complete() {
    let layer = layer();
    let mock = server();
    let complete = |reference: Value| {
        let params = json!({ "ref": reference, "argument": { "name": "n", "value": "v" } });
        by(
            &ada(),
            JsonRpcRequest::new(1, "completion/complete").with_params(params),
        )
    };
    for (reference, allowed) in [
        (json!({ "type": "ref/prompt", "name": "greet" }), true),
        (
            json!({ "type": "ref/prompt", "name": "admin_greet" }),
            false,
        ),
        (
            json!({ "type": "ref/resource", "uri": "file:///{path}" }),
            true,
        ),
        (
            json!({ "type": "ref/resource", "uri": "file:///secret/{path}" }),
            false,
        ),
        // A name that is allowed as the one is not allowed as the other.
        (json!({ "type": "ref/resource", "uri": "greet" }), false),
        (json!({ "type": "ref/other", "name": "greet" }), false),
        (json!({ "name": "greet" }), false),
    ] {
        let before = mock.calls();
        let response = ask(&layer, &mock, complete(reference.clone())).await;
        assert_eq!(response.outcome().code().is_none(), allowed, "{reference}");
        assert_eq!(mock.calls() - before, usize::from(allowed), "{reference}");
    }
}

#[tokio::test]
async fn every_uri_of_a_subscription_is_decided() {
    let rules = rules()
        .resource("file:///paid/*", Access::scopes(["money"]))
        .build();
    let layer = AuthorizeLayer::new(rules.unwrap());
    let mock = server();
    for (uris, code) in [
        (&["file:///notes", "file:///more"][..], None),
        (&[], None),
        (&["file:///notes", "file:///paid/1"], Some(403)),
        (
            &["file:///notes", "file:///secret/key", "file:///paid/1"],
            Some(403),
        ),
        (
            &["file:///notes", "file:///no/such/key", "file:///paid/1"],
            Some(403),
        ),
        (&["file:///notes", "file:///secret/key"], Some(-32602)),
        (&["file:///notes", "file:///a/../secret/key"], Some(-32602)),
    ] {
        let response = ask(&layer, &mock, by(&ada(), requests::listen(1, uris))).await;
        assert_eq!(response.outcome().code(), code, "{uris:?}");
    }
    for method in ["resources/subscribe", "resources/unsubscribe"] {
        let request = JsonRpcRequest::new(1, method);
        let secret = request
            .clone()
            .with_params(json!({ "uri": "file:///secret/key" }));
        let response = ask(&layer, &mock, by(&ada(), secret)).await;
        assert_eq!(response.outcome().code(), Some(-32002), "{method}");
        let open = request.with_params(json!({ "uri": "file:///notes" }));
        let response = ask(&layer, &mock, by(&ada(), open)).await;
        assert_eq!(response.outcome().code(), None, "{method}");
    }
    assert_eq!(mock.calls(), 4);
}

#[tokio::test]
async fn unknown_methods_are_not_found_unless_they_are_allowed() {
    let mock = server();
    let vendor = || by(&root(), JsonRpcRequest::new(1, "vendor/thing"));
    let unknown = ask(&layer(), &mock, vendor()).await;
    assert_eq!(unknown.outcome().code(), Some(-32601));
    assert_eq!(error(&unknown)["message"], "vendor/thing");
    let allowed = rules().other_method("vendor/thing", Access::scopes(["admin"]));
    let layer = AuthorizeLayer::new(allowed.build().unwrap());
    assert_eq!(ask(&layer, &mock, vendor()).await.outcome().code(), None);
    let other = by(&root(), JsonRpcRequest::new(1, "vendor/other"));
    assert_eq!(
        ask(&layer, &mock, other).await.outcome().code(),
        Some(-32601)
    );
    let denied = rules().unknown_methods(Access::nobody());
    let layer = AuthorizeLayer::new(denied.build().unwrap());
    assert_eq!(
        ask(&layer, &mock, vendor()).await.outcome().code(),
        Some(403)
    );
    // What the server asks the client is nothing that a client asks the server.
    let layer = AuthorizeLayer::new(rules().build().unwrap());
    let reversed = by(&root(), requests::of(1, Method::CreateMessage));
    assert_eq!(
        ask(&layer, &mock, reversed).await.outcome().code(),
        Some(-32601)
    );
}

#[tokio::test]
async fn read_only_mode_lets_through_what_is_trusted_to_change_nothing() {
    let catalog = Catalog::new();
    let rules = rules().read_only(catalog.clone()).build();
    let layer = AuthorizeLayer::new(rules.unwrap());
    let mock = MockService::answering(|request| {
        let tool = |name: &str, read_only: Value| json!({ "name": name, "annotations": { "readOnlyHint": read_only } });
        match McpRequest::method(request) {
            Method::ListTools => json!({ "tools": [
                tool("look", json!(true)),
                tool("write", json!(false)),
                tool("say", json!(null)),
                tool("admin_look", json!(true)),
            ] }),
            _ => json!({ "content": [] }),
        }
    });
    let service = CatalogLayer::new(catalog.clone()).layer(layer.layer(mock.clone()));
    let send = |request: JsonRpcRequest| service.clone().oneshot(by(&ada(), request));
    let code = async |tool| send(call(tool)).await.unwrap().outcome().code();
    assert_eq!(code("look").await, Some(403), "not listed yet");
    let list = send(requests::list_tools(1)).await.unwrap();
    assert_eq!(listed(&list), ["look"]);
    assert_eq!(code("look").await, None);
    for tool in ["write", "say", "unheard_of"] {
        assert_eq!(code(tool).await, Some(403), "{tool}");
    }
    assert_eq!(code("admin_look").await, Some(403), "as an unknown one");
    catalog.clear();
    assert_eq!(code("look").await, Some(403), "no longer trusted");
    assert_eq!(
        send(read("file:///notes")).await.unwrap().outcome().code(),
        None
    );
}

#[tokio::test]
async fn a_policy_that_waits_decides_alike() {
    let layer = AuthorizeLayer::new(async_policy_fn(|operation, principal| {
        let name = operation.target.unwrap_or_default().to_owned();
        let is_root = principal.subject() == "root";
        async move {
            tokio::task::yield_now().await;
            Ok::<_, BoxError>(match &*name {
                "admin_reset" if !is_root => Decision::hide("root only"),
                "pay" => Denial::new("nobody pays")
                    .with_missing_scopes(["money"])
                    .into(),
                _ => Decision::Allow,
            })
        }
    }));
    let mock = server();
    let list = ask(&layer, &mock, by(&ada(), requests::list_tools(1))).await;
    assert_eq!(listed(&list), ["echo", "validate"]);
    let list = ask(&layer, &mock, by(&root(), requests::list_tools(1))).await;
    assert_eq!(listed(&list), TOOLS);
    let hidden = ask(&layer, &mock, by(&ada(), call("admin_reset"))).await;
    let unknown = ask(&layer, &mock, by(&ada(), call("nope"))).await;
    assert_eq!(bytes(&hidden), bytes(&unknown));
    let denied = ask(&layer, &mock, by(&root(), call("pay"))).await;
    assert_eq!(error(&denied)["data"]["missingScopes"], json!(["money"]));
    let allowed = ask(&layer, &mock, by(&root(), call("admin_reset"))).await;
    assert_eq!(allowed.outcome(), Outcome::Success);
}

#[tokio::test]
async fn a_hidden_resource_is_not_found_under_the_callers_own_uri() {
    let (layer, mock) = (layer(), server());
    for uri in ["file:///secret/key", "file:///nope", "FILE:///Secret/key#x"] {
        let response = ask(&layer, &mock, by(&ada(), read(uri))).await;
        assert_eq!(error(&response)["data"], json!({ "uri": uri }));
    }
    // Whoever sees everything reads the server's own words.
    let all = Rules::builder().resource("*", Access::any_principal());
    let layer = AuthorizeLayer::new(all.build().unwrap());
    let response = ask(&layer, &mock, by(&root(), read("file:///nope"))).await;
    assert_eq!(
        error(&response)["message"],
        "resource 'file:///nope' not found"
    );
}

#[tokio::test]
async fn an_error_about_arguments_is_kept_where_the_catalog_knows_the_name() {
    let mock = server();
    let catalog = Catalog::new()
        .with_tools(["validate"])
        .with_resource_templates(["file:///items/{id}"]);
    let layer = layer();
    let service = CatalogLayer::new(catalog).layer(layer.layer(mock.clone()));
    let send = async |request| service.clone().oneshot(by(&ada(), request)).await.unwrap();
    let response = send(call("validate")).await;
    assert_eq!(error(&response)["message"], "n is no number");

    // A template vouches for its uris, and not for those that the server does not find.
    let invalid = McpError::new(-32602, "id is no number");
    mock.push(Answer::error(invalid));
    let response = send(read("file:///items/x")).await;
    assert_eq!(error(&response)["message"], "id is no number");
    for code in [-32602, -32002] {
        let uri = "file:///items/7";
        mock.push(Answer::error(McpError::new(code, "gone").with("uri", uri)));
        let response = send(read(uri)).await;
        assert_eq!(error(&response)["message"], "Resource not found");
    }
}

#[tokio::test]
async fn a_list_teaches_names_before_it_is_filtered() {
    let (layer, mock) = (layer(), server());
    let catalog = Catalog::new();
    let service = CatalogLayer::new(catalog.clone()).layer(layer.layer(mock));
    let list = by(&ada(), requests::list_tools(1));
    assert_eq!(
        listed(&service.oneshot(list).await.unwrap()),
        ["echo", "validate"]
    );
    assert!(catalog.knows(ListedKind::Tool, "admin_reset"));
}

#[tokio::test]
async fn a_request_state_belongs_to_the_principal_to_whom_it_was_issued() {
    let (layer, mock) = (layer(), server());
    let asking =
        json!({ "resultType": "input_required", "inputRequests": {}, "requestState": "s" });
    mock.push(Answer::result(asking));
    ask(&layer, &mock, by(&ada(), call("echo"))).await;
    let go_on = |tool: &str, state: &str| {
        let params = json!({ "name": tool, "requestState": state, "inputResponses": {} });
        JsonRpcRequest::new(2, "tools/call").with_params(params)
    };
    let calls = mock.calls();
    for (principal, state) in [(bob(), "s"), (ada(), "invented"), (root(), "s")] {
        // The answer is the same for a hidden and for an unknown tool.
        let refused = ask(&layer, &mock, by(&principal, go_on("echo", state))).await;
        assert_eq!(refused.outcome().code(), Some(-32602));
        let rule = denied_by(&refused);
        assert_eq!(rule.as_deref(), Some("request state of another principal"));
        for tool in ["admin_reset", "nope"] {
            let other = ask(&layer, &mock, by(&principal, go_on(tool, state))).await;
            assert_eq!(bytes(&other), bytes(&refused));
        }
    }
    assert_eq!(mock.calls(), calls);
    let own = ask(&layer, &mock, by(&ada(), go_on("echo", "s"))).await;
    assert_eq!(own.outcome(), Outcome::Success);
    assert_eq!(layer.handle().stats().request_states, 1);

    let lax = AuthorizeLayer::new(rules().build().unwrap()).allow_unbound_states();
    let unbound = ask(&lax, &mock, by(&bob(), go_on("echo", "elsewhere"))).await;
    assert_eq!(unbound.outcome(), Outcome::Success);
}

#[tokio::test]
async fn the_policy_can_be_replaced_while_the_server_runs() {
    let (layer, mock) = (layer(), server());
    let service = layer.layer(mock);
    let code = async || {
        let response = service.clone().oneshot(by(&ada(), call("echo"))).await;
        response.unwrap().outcome().code()
    };
    assert_eq!(code().await, None);
    let handle = layer.handle();
    let closed = Rules::builder().tool("*", Access::scopes(["closed"]));
    handle.set_policy(closed.build().unwrap());
    assert_eq!(code().await, Some(403));
    handle.set_policy(rules().build().unwrap());
    assert_eq!(code().await, None);
    assert_eq!(handle.stats().denied, 1);
}

#[tokio::test]
async fn a_service_can_be_made_without_its_layer() {
    let rules = rules().build().unwrap();
    let mut service = Authorize::new(server(), rules);
    assert_eq!(service.get_ref().calls(), 0);
    let denied = service
        .ready()
        .await
        .unwrap()
        .call(call("echo"))
        .await
        .unwrap();
    assert_eq!(denied.outcome().code(), Some(401));
    assert_eq!(service.get_mut().calls(), 0);
    assert_eq!(service.into_inner().calls(), 0);
    assert!(
        AuthorizeLayer::new(rules_of_none())
            .max_bindings(0)
            .is_err()
    );
}

fn rules_of_none() -> Rules {
    Rules::builder().build().unwrap()
}

#[tokio::test]
async fn a_request_without_a_name_goes_to_the_server_only_if_everything_is_allowed() {
    let mock = server();
    let nameless = || by(&root(), JsonRpcRequest::new(1, "tools/call"));
    let all = Rules::builder().tool("*", Access::any_principal());
    let all = AuthorizeLayer::new(all.build().unwrap());
    ask(&all, &mock, nameless()).await;
    assert_eq!(mock.calls(), 1);
    let denied = rules().tool("pay", Access::nobody()).build().unwrap();
    for rules in [denied, rules_of_none()] {
        let response = ask(&AuthorizeLayer::new(rules), &mock, nameless()).await;
        assert_eq!(error(&response)["message"], "Unknown tool");
    }
    assert_eq!(mock.calls(), 1);
}
