//! Every listed name can be called, and every other one is unknown: over many tables of rules.
#![allow(clippy::unwrap_used)]

mod support;

use mcp_layers_authorize::{Access, AuthorizeLayer, Decision, Rules, async_policy_fn, policy_fn};
use mcp_layers_core::{
    Authentication, BoxError, JsonRpcRequest, JsonRpcResponse, McpError, McpRequest, McpResponse,
    Method, Principal,
};
use mcp_layers_test::{Answer, MockService, requests};
use proptest::prelude::*;
use serde_json::json;
use support::{ask, by, bytes_about, call, listed};

const NAMES: [&str; 8] = ["a", "ab", "abc", "b", "ba", "A", "c", "aa"];
const SCOPES: [&str; 3] = ["x", "y", "z"];

/// Everything that exists answers with success; all else is unknown, in the server's own words.
fn server() -> MockService {
    MockService::answering(|request| {
        let target = McpRequest::target(request).unwrap_or_default();
        let exists = NAMES
            .iter()
            .any(|name| target == *name || target == uri(name));
        let list = |key: &str, name: &str, of: fn(&str) -> String| {
            let entries: Vec<_> = NAMES
                .iter()
                .map(|entry| json!({ name: of(entry) }))
                .collect();
            Answer::result(json!({ key: entries }))
        };
        match McpRequest::method(request) {
            Method::ListTools => list("tools", "name", str::to_owned),
            Method::ListResources => list("resources", "uri", uri),
            Method::ListPrompts => list("prompts", "name", str::to_owned),
            _ if exists => Answer::result(json!({ "content": [] })),
            _ => Answer::error(McpError::new(-32602, format!("no {target} here"))),
        }
    })
}

fn uri(name: &str) -> String {
    format!("test://{name}")
}

fn access() -> impl Strategy<Value = Access> {
    let scopes = prop::sample::subsequence(SCOPES.to_vec(), 0..=2);
    (scopes, any::<bool>(), any::<bool>()).prop_map(|(scopes, role, tenant)| {
        let access = Access::scopes(scopes).hidden();
        let access = if role {
            access.with_any_role(["r"])
        } else {
            access
        };
        if tenant {
            access.with_any_tenant(["t"])
        } else {
            access
        }
    })
}

fn rules() -> impl Strategy<Value = Rules> {
    // A name with a rule of its own is one that the operator knows to exist.
    let name = prop::sample::select(NAMES.to_vec()).prop_map(ToOwned::to_owned);
    let pattern = prop_oneof!["[abAc]{0,2}\\*", name];
    let patterns = prop::collection::btree_map(pattern, access(), 0..6);
    (patterns, access(), any::<bool>()).prop_map(|(patterns, otherwise, implies)| {
        let mut rules = Rules::builder().otherwise(otherwise);
        for (pattern, access) in patterns {
            rules = rules
                .tool(pattern.clone(), access.clone())
                .prompt(pattern.clone(), access.clone())
                .resource(uri(&pattern), access);
        }
        // Something asks for `x`, so that it may be implied.
        rules = rules.other_method("vendor/x", Access::scopes(["x"]));
        if implies {
            rules = rules.implies("z", "x");
        }
        rules.build().unwrap()
    })
}

fn principal() -> impl Strategy<Value = Principal> {
    let scopes = prop::sample::subsequence(SCOPES.to_vec(), 0..=3);
    (scopes, any::<bool>(), any::<bool>()).prop_map(|(scopes, role, tenant)| {
        let mut principal = Principal::new("p", Authentication::Bearer).with_scopes(scopes);
        if role {
            principal = principal.with_roles(["r"]);
        }
        if tenant {
            principal = principal.with_tenant("t");
        }
        principal
    })
}

type Use = fn(&str) -> JsonRpcRequest;

/// A list method, the request that uses an entry, and the name of an entry.
type Sort = (Method<'static>, Use, fn(&str) -> String);

async fn check(layer: AuthorizeLayer, principal: Principal, asked: String, early: bool) {
    let server = server();
    let prompt: Use = |name| requests::get_prompt(1, name, json!({}));
    let resource: Use = |name| requests::read_resource(1, name);
    let sorts: [Sort; 3] = [
        (Method::ListTools, call, str::to_owned),
        (Method::ListPrompts, prompt, str::to_owned),
        (Method::ListResources, resource, uri),
    ];
    for (method, using, name_of) in sorts {
        let missing = name_of("does-not-exist");
        let unknown = || using(&missing);
        let unknown_bytes = |answer: &JsonRpcResponse| bytes_about(answer, &missing);
        // Before anything was listed, an unknown name gets the same answer as after it.
        let before = match early {
            true => Some(unknown_bytes(
                &ask(&layer, &server, by(&principal, unknown())).await,
            )),
            false => None,
        };
        let list = ask(&layer, &server, by(&principal, requests::of(1, method))).await;
        let listed = listed(&list);
        let unknown = unknown_bytes(&ask(&layer, &server, by(&principal, unknown())).await);
        if let Some(before) = before {
            assert_eq!(before, unknown, "{method}");
        }
        for name in NAMES
            .map(ToOwned::to_owned)
            .into_iter()
            .chain([asked.clone()])
        {
            let name = name_of(&name);
            let request = by(&principal, using(&name));
            let answer = ask(&layer, &server, request).await;
            if listed.contains(&name) {
                assert_eq!(answer.outcome().code(), None, "{name} is listed");
            } else if listed.len() == NAMES.len() {
                // Whoever sees everything may read the server's own words.
                let code = answer.outcome().code();
                assert!(matches!(code, Some(-32602 | -32002)), "{name} is unknown");
            } else {
                assert_eq!(bytes_about(&answer, &name), unknown, "{name} is not listed");
            }
        }
    }
}

fn run(check: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(check);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_listed_can_be_called_and_what_is_not_is_unknown(
        rules in rules(),
        principal in principal(),
        asked in "[abAc*]{1,3}",
        early in any::<bool>(),
    ) {
        run(check(AuthorizeLayer::new(rules), principal, asked, early));
    }

    #[test]
    fn the_same_holds_for_closures_that_decide_at_once_or_later(
        hidden in prop::sample::subsequence(NAMES.to_vec(), 0..=8),
        principal in principal(),
        asked in "[abAc*]{1,3}",
        early in any::<bool>(),
    ) {
        let hide = move |target: Option<&str>| {
            let target = target.unwrap_or_default();
            let hide = hidden.iter().any(|name| target == *name || target == uri(name));
            if hide { Decision::hide("hidden") } else { Decision::Allow }
        };
        let later = hide.clone();
        let at_once = policy_fn(move |operation, _| hide(operation.target));
        run(check(AuthorizeLayer::new(at_once), principal.clone(), asked.clone(), early));
        let waits = async_policy_fn(move |operation, _| {
            let decision = later(operation.target);
            async move {
                tokio::task::yield_now().await;
                Ok::<_, BoxError>(decision)
            }
        });
        run(check(AuthorizeLayer::new(waits), principal, asked, early));
    }
}
