//! What the layer refuses, hides, filters and lets through.
#![allow(clippy::unwrap_used)]

mod authz;

use std::time::Duration;

use authz::{
    TOOLS, ada, ask, by, bytes, call, denied_by, error, events, layer, listed, read, root, rules,
    server,
};
use mcp_layers_auth::{
    Access, AuthorizeLayer, Decision, Denial, Rules, async_policy_fn, policy_fn,
};
use mcp_layers_core::{
    Authentication, BoxError, CacheScope, Event, JsonRpcRequest, McpResponse, Method, Outcome,
    Principal, ToolHints,
};
use mcp_layers_test::{MockService, requests};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt};

#[tokio::test]
async fn a18_a_denial_has_every_missing_scope() {
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
async fn a19_a_hidden_name_is_answered_as_an_unknown_one() {
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
                    answers.push(bytes(&ask(&layer, &mock, request).await));
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
        let ran = ran.iter().map(mcp_layers_core::McpRequest::target);
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
async fn e6_an_answer_does_not_tell_whether_the_name_exists() {
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
async fn a20_a_policy_that_panics_has_denied() {
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
async fn a20_a_policy_that_fails_or_takes_too_long_has_denied() {
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
async fn a27_without_a_verified_principal_nothing_but_the_lifecycle_passes() {
    let layer = AuthorizeLayer::new(policy_fn(|_, _| Decision::Allow));
    let mock = server();
    let unverified = Principal::new("root", Authentication::Unverified).with_scopes(["tools"]);
    for request in requests::every_method()
        .into_iter()
        .chain(requests::unknown_methods())
    {
        let method = mcp_layers_core::McpRequest::method(&request).to_string();
        let lifecycle = mcp_layers_core::McpRequest::method(&request).is_lifecycle();
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
    let layer = AuthorizeLayer::new(rules.unwrap()).tool_errors();
    let mock = server();
    let denied = ask(&layer, &mock, by(&ada(), call("pay"))).await;
    assert_eq!(denied.outcome(), Outcome::ToolError);
    assert!(bytes(&denied).contains("Forbidden: missing scope money, audit"));
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
            Some(-32602),
        ),
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
async fn unknown_methods_are_denied_unless_they_are_allowed() {
    let mock = server();
    let vendor = || by(&root(), JsonRpcRequest::new(1, "vendor/thing"));
    assert_eq!(
        ask(&layer(), &mock, vendor()).await.outcome().code(),
        Some(403)
    );
    let allowed = rules().other_method("vendor/thing", Access::scopes(["admin"]));
    let layer = AuthorizeLayer::new(allowed.build().unwrap());
    assert_eq!(ask(&layer, &mock, vendor()).await.outcome().code(), None);
    let other = by(&root(), JsonRpcRequest::new(1, "vendor/other"));
    assert_eq!(ask(&layer, &mock, other).await.outcome().code(), Some(403));
    let hidden = rules().unknown_methods(Access::nobody().hidden());
    let layer = AuthorizeLayer::new(hidden.build().unwrap());
    assert_eq!(
        ask(&layer, &mock, vendor()).await.outcome().code(),
        Some(-32601)
    );
    // What the server asks the client is nothing that a client asks the server.
    let reversed = by(&root(), requests::of(1, Method::CreateMessage));
    assert_eq!(
        ask(&layer, &mock, reversed).await.outcome().code(),
        Some(-32601)
    );
}

#[tokio::test]
async fn read_only_mode_lets_through_what_is_trusted_to_change_nothing() {
    let hints = ToolHints::new();
    let rules = rules().read_only(hints.clone()).build();
    let layer = AuthorizeLayer::new(rules.unwrap());
    let mock = MockService::answering(|request| {
        let tool = |name: &str, read_only: Value| json!({ "name": name, "annotations": { "readOnlyHint": read_only } });
        match mcp_layers_core::McpRequest::method(request) {
            Method::ListTools => json!({ "tools": [
                tool("look", json!(true)),
                tool("write", json!(false)),
                tool("say", json!(null)),
                tool("admin_look", json!(true)),
            ] }),
            _ => json!({ "content": [] }),
        }
    });
    let service = layer.layer(hints.layer().layer(mock.clone()));
    let send = |request: JsonRpcRequest| service.clone().oneshot(by(&ada(), request));
    let code = async |tool| send(call(tool)).await.unwrap().outcome().code();
    assert_eq!(code("look").await, Some(403), "not listed yet");
    let list = send(requests::list_tools(1)).await.unwrap();
    assert_eq!(listed(&list), ["look"]);
    assert_eq!(code("look").await, None);
    for tool in ["write", "say", "unheard_of"] {
        assert_eq!(code(tool).await, Some(403), "{tool}");
    }
    assert_eq!(code("admin_look").await, Some(-32602));
    hints.clear();
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
