//! Results and the callers that may be served with them.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use mcp_layers_cache::{AuthorizationContext, CacheLayer, NotStored};
use mcp_layers_core::{
    Authentication, Event, JsonRpcRequest, McpResponse, Principal,
    response::CacheScope,
    trail::{BypassReason, CacheEvent},
};
use mcp_layers_test::{Answer, MockService, results};
use serde_json::json;
use tower::{Layer, Service, ServiceExt};

#[tokio::test]
async fn a_private_or_unmarked_answer_is_for_its_caller_alone() {
    let unmarked = json!({ "contents": [], "ttlMs": 60_000, "count": "1" });
    let private = json!({ "contents": [], "ttlMs": 60_000, "cacheScope": "private", "count": "1" });
    for secret in [unmarked, private] {
        let (layer, _) = layer();
        let mock = counting(CacheScope::Private);
        let service = layer.layer(mock.clone());
        mock.push(secret);
        let ada = ask(&service, by("ada", read("file:///a"))).await;
        let bob = ask(&service, by("bob", read("file:///a"))).await;
        assert_eq!(event(&bob), Some(CacheEvent::Miss));
        assert_ne!(bob.result().unwrap(), ada.result().unwrap());
        let again = ask(&service, by("ada", read("file:///a"))).await;
        assert_eq!(again.result().unwrap(), ada.result().unwrap());
        assert_eq!(mock.calls(), 2);
    }
}

#[tokio::test]
async fn a_private_tool_result_is_for_its_caller_alone() {
    let (service, mock, _) = service(CacheScope::Public);
    for (caller, expected) in [("ada", "1"), ("bob", "2"), ("ada", "1"), ("bob", "2")] {
        assert_eq!(
            run_of(&service, by(caller, call(json!({ "a": 1 })))).await,
            expected
        );
    }
    assert_eq!(mock.calls(), 2);
}

#[tokio::test]
async fn a_public_answer_is_for_everyone() {
    let (service, mock, _) = service(CacheScope::Public);
    for caller in ["ada", "bob"] {
        assert_eq!(run_of(&service, by(caller, list())).await, "1");
    }
    assert_eq!(run_of(&service, list()).await, "1");
    assert_eq!(mock.calls(), 1);
}

#[tokio::test]
async fn a_private_result_without_a_context_is_not_stored() {
    let (layer, _) = layer();
    let mock = counting(CacheScope::Private);
    let service = layer.layer(mock.clone());
    let claimed = Principal::new("ada", Authentication::Unverified).with_credential_digest(*b"a");
    let no_credential = Principal::new("ada", Authentication::Bearer);
    let mut expected = 0;
    for _ in 0..2 {
        for request in [
            list(),
            of(claimed.clone(), list()),
            of(no_credential.clone(), list()),
        ] {
            expected += 1;
            assert_eq!(run_of(&service, request).await, expected.to_string());
        }
    }
    let stats = layer.handle().stats();
    assert_eq!(stats.not_stored(NotStored::NoContext), expected);
    assert_eq!(stats.entries, 0);
    let tool = ask(&service, call(json!({}))).await;
    assert_eq!(
        event(&tool),
        Some(CacheEvent::Bypass {
            reason: BypassReason::NoContext
        })
    );
    assert_eq!(layer.handle().stats().bypassed(BypassReason::NoContext), 1);
}

/// Filters a list for its caller, as an authorization layer does.
#[derive(Clone)]
struct Filter<S>(S);

impl<S> Service<JsonRpcRequest> for Filter<S>
where
    S: Service<JsonRpcRequest, Response = mcp_layers_core::JsonRpcResponse, Error: std::fmt::Debug>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: JsonRpcRequest) -> Self::Future {
        use mcp_layers_core::McpRequest;
        let caller = request
            .context()
            .principal()
            .map(|who| who.subject().to_owned());
        let answer = self.0.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            let caller = caller.unwrap_or_default();
            let entries = response.retain_listed(&mut |tool| tool.name.starts_with(&caller));
            response.trail_mut().push(Event::Filtered { entries });
            Ok(response)
        })
    }
}

fn tools(response: &mcp_layers_core::JsonRpcResponse) -> Vec<String> {
    let mut names = Vec::new();
    response.visit_listed(&mut |tool| names.push(tool.name.to_owned()));
    names
}

fn everyones() -> MockService {
    MockService::answering(|_: &JsonRpcRequest| {
        let all = results::tools(["ada_tool", "bob_tool"]);
        Answer::result(results::fresh_for(all, 60_000, CacheScope::Public))
    })
}

#[tokio::test]
async fn a_public_list_that_is_filtered_outside_is_filtered_for_each() {
    let mock = everyones();
    let service = Filter(CacheLayer::new().layer(mock.clone()));
    for (caller, expected) in [
        ("ada", "ada_tool"),
        ("bob", "bob_tool"),
        ("ada", "ada_tool"),
    ] {
        let answer = service.clone().oneshot(by(caller, list())).await.unwrap();
        assert_eq!(tools(&answer), [expected]);
    }
    assert_eq!(mock.calls(), 1);
}

#[tokio::test]
async fn a_list_that_is_filtered_inside_is_private_whatever_it_says() {
    let mock = everyones();
    let service = CacheLayer::new().layer(Filter(mock.clone()));
    for (caller, expected) in [
        ("ada", "ada_tool"),
        ("bob", "bob_tool"),
        ("ada", "ada_tool"),
    ] {
        let answer = service.clone().oneshot(by(caller, list())).await.unwrap();
        assert_eq!(tools(&answer), [expected]);
    }
    assert_eq!(mock.calls(), 2);
}

#[tokio::test]
async fn a_refreshed_token_is_as_configured_and_a_revoked_role_never_sees_the_old_answer() {
    let token = |digest: &str| principal("ada").with_credential_digest(digest.as_bytes());
    for (context, refreshed) in [
        (AuthorizationContext::Credential, "2"),
        (AuthorizationContext::Subject, "1"),
    ] {
        let (layer, _) = layer();
        let layer = layer.context(context);
        let service = layer.layer(counting(CacheScope::Private));
        let ask = |who: Principal| run_of(&service, of(who, list()));
        assert_eq!(ask(token("1")).await, "1");
        assert_eq!(ask(token("2")).await, refreshed, "{context:?}");
        let admin = ask(token("1").with_roles(["admin"])).await;
        assert_ne!(admin, "1");
        // Without the role again: what was there for who had none, and never the admin's.
        assert_eq!(ask(token("1")).await, "1");
        layer.handle().invalidate_principal(&token("3"));
        let runs = [
            ask(token("1")).await,
            ask(token("1").with_roles(["admin"])).await,
        ];
        assert!(
            !runs.contains(&"1".to_owned()) && !runs.contains(&admin),
            "{runs:?}"
        );
    }
}

#[tokio::test]
async fn a_tenant_shares_what_is_private_to_it() {
    let (layer, _) = layer();
    let layer = layer.context(AuthorizationContext::Tenant);
    let service = layer.layer(counting(CacheScope::Private));
    let of_tenant = |who: &str, tenant: &str| of(principal(who).with_tenant(tenant), list());
    assert_eq!(run_of(&service, of_tenant("ada", "t")).await, "1");
    assert_eq!(run_of(&service, of_tenant("bob", "t")).await, "1");
    assert_eq!(run_of(&service, of_tenant("eve", "u")).await, "2");
    assert_eq!(run_of(&service, by("ada", list())).await, "3");
    layer
        .handle()
        .invalidate_principal(&principal("bob").with_tenant("t"));
    assert_eq!(run_of(&service, of_tenant("ada", "t")).await, "4");
    assert_eq!(run_of(&service, of_tenant("eve", "u")).await, "2");
}
