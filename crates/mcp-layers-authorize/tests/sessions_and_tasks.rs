//! Owners of sessions and tasks.
#![allow(clippy::unwrap_used)]

mod support;

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers_authorize::{Access, AuthorizeLayer};
use mcp_layers_core::{
    JsonRpcRequest, JsonRpcResponse, McpError, McpRequest, McpResponse, Method, Principal, code,
    json_rpc::JsonRpcReplyTo, request::Connection,
};
use mcp_layers_test::{Answer, MockService, requests};
use serde_json::{Value, json};
use support::{ada, ask, bob, by, bytes, call, denied_by, error, layer, listed, rules, server};
use tower::{Layer, Service, ServiceExt};

fn task(method: Method<'static>, id: &str) -> JsonRpcRequest {
    JsonRpcRequest::new(1, method.as_str()).with_params(json!({ "taskId": id }))
}

const ABOUT_A_TASK: [Method<'static>; 4] = [
    Method::GetTask,
    Method::TaskResult,
    Method::UpdateTask,
    Method::CancelTask,
];

#[tokio::test]
async fn a_task_is_its_creators_alone() {
    let layer = layer();
    let mock = server();
    for (id, created) in [
        (
            "modern",
            json!({ "resultType": "task", "taskId": "modern", "status": "working" }),
        ),
        (
            "legacy",
            json!({ "task": { "taskId": "legacy", "status": "working" } }),
        ),
    ] {
        mock.push(Answer::result(created));
        ask(&layer, &mock, by(&ada(), call("echo"))).await;
        for method in ABOUT_A_TASK {
            let before = mock.calls();
            let foreign = ask(&layer, &mock, by(&bob(), task(method, id))).await;
            let unknown = ask(&layer, &mock, by(&bob(), task(method, "nope"))).await;
            assert_eq!(bytes(&foreign), bytes(&unknown), "{method}");
            assert_eq!(foreign.outcome().code(), Some(-32602), "{method}");
            let rule = denied_by(&foreign);
            assert_eq!(rule.as_deref(), Some("task of another principal"));
            assert_eq!(mock.calls(), before, "{method}");

            let own = ask(&layer, &mock, by(&ada(), task(method, id))).await;
            assert_eq!(own.outcome().code(), None, "{method}");
            let renewed = ada().with_credential_digest(*b"another token");
            let own = ask(&layer, &mock, by(&renewed, task(method, id))).await;
            assert_eq!(own.outcome().code(), None, "{method}");
        }
    }
}

#[tokio::test]
async fn a_task_whose_owner_is_not_known_is_refused_unless_that_is_allowed() {
    let mock = server();
    let strict = layer();
    let request = || by(&ada(), task(Method::GetTask, "elsewhere"));
    assert_eq!(
        ask(&strict, &mock, request()).await.outcome().code(),
        Some(-32602)
    );
    assert!(strict.handle().tasks().bind("elsewhere", &ada()));
    assert_eq!(ask(&strict, &mock, request()).await.outcome().code(), None);
    let nameless = by(&ada(), JsonRpcRequest::new(1, "tasks/get"));
    assert_eq!(
        ask(&strict, &mock, nameless).await.outcome().code(),
        Some(-32602)
    );

    let lax = layer().allow_unbound_tasks();
    assert_eq!(ask(&lax, &mock, request()).await.outcome().code(), None);
    assert!(lax.handle().tasks().bind("elsewhere", &bob()));
    assert_eq!(
        ask(&lax, &mock, request()).await.outcome().code(),
        Some(-32602)
    );
}

#[tokio::test]
async fn a_foreign_task_is_answered_as_an_unknown_one() {
    let rules = || rules().method("tasks/get", Access::scopes(["tools"]));
    let mock = MockService::answering(|request| {
        let id = McpRequest::target(request).unwrap_or_default();
        Answer::error(McpError::new(code::INVALID_PARAMS, format!("no task {id}")))
    });
    let without_scopes = ada().with_scopes::<&str>([]);
    for (principal, expected) in [(&ada(), -32602), (&without_scopes, 403)] {
        for layer in [
            AuthorizeLayer::new(rules().build().unwrap()),
            AuthorizeLayer::new(rules().build().unwrap()).allow_unbound_tasks(),
        ] {
            assert!(layer.handle().tasks().bind("of bob", &bob()));
            assert!(layer.handle().tasks().bind("own", &ada()));
            let get = async |id| ask(&layer, &mock, by(principal, task(Method::GetTask, id))).await;
            let foreign = get("of bob").await;
            assert_eq!(foreign.outcome().code(), Some(expected));
            assert_eq!(bytes(&foreign), bytes(&get("of none").await));
            if expected == -32602 {
                assert_eq!(error(&get("own").await)["message"], "no task own");
            }
        }
    }
}

#[tokio::test]
async fn a_list_of_tasks_has_the_callers_own() {
    let layer = layer();
    let mock = server();
    layer.handle().tasks().bind("a", &ada());
    layer.handle().tasks().bind("b", &bob());
    for (principal, own) in [(ada(), "a"), (bob(), "b")] {
        let tasks = json!({ "tasks": [{ "taskId": "a" }, { "taskId": "b" }, { "taskId": "c" }] });
        mock.push(Answer::result(tasks));
        let list = by(&principal, requests::of(1, Method::ListTasks));
        assert_eq!(listed(&ask(&layer, &mock, list).await), [own]);
    }
}

/// A request that came over a legacy HTTP session.
#[derive(Clone)]
struct InSession(JsonRpcRequest, Arc<str>);

impl McpRequest for InSession {
    type Response = JsonRpcResponse;
    type ReplyTo = JsonRpcReplyTo;
    type Cancelled = <JsonRpcRequest as McpRequest>::Cancelled;

    fn reply_to(&self) -> JsonRpcReplyTo {
        self.0.reply_to()
    }

    fn method(&self) -> Method<'_> {
        McpRequest::method(&self.0)
    }

    fn id(&self) -> Option<mcp_layers_core::request::RequestId<'_>> {
        McpRequest::id(&self.0)
    }

    fn target(&self) -> Option<&str> {
        self.0.target()
    }

    fn arguments(&self) -> mcp_layers_core::Arguments<'_> {
        self.0.arguments()
    }

    fn meta(&self) -> Option<&serde_json::Map<String, Value>> {
        self.0.meta()
    }

    fn connection(&self) -> Connection<'_> {
        let mut connection = Connection::default();
        connection.session_id = Some(&self.1);
        connection
    }

    fn is_continuation(&self) -> bool {
        self.0.is_continuation()
    }

    fn cancelled(&self) -> Self::Cancelled {
        self.0.cancelled()
    }

    fn context(&self) -> &mcp_layers_core::CallContext {
        self.0.context()
    }

    fn context_mut(&mut self) -> &mut mcp_layers_core::CallContext {
        self.0.context_mut()
    }

    fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.0.extension()
    }

    fn insert_extension<T: Clone + Send + Sync + 'static>(&mut self, value: T) -> bool {
        self.0.insert_extension(value)
    }
}

#[derive(Clone)]
struct Leaf;

impl Service<InSession> for Leaf {
    type Response = JsonRpcResponse;
    type Error = Infallible;
    type Future = Ready<Result<JsonRpcResponse, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: InSession) -> Self::Future {
        ready(Ok(JsonRpcResponse::success(&request.0, json!({}))))
    }
}

#[tokio::test]
async fn a_session_is_bound_to_whoever_uses_it_first() {
    let layer = layer();
    let send = async |principal: &Principal, session: &str, request: JsonRpcRequest| {
        let request = InSession(by(principal, request), session.into());
        layer.layer(Leaf).oneshot(request).await.unwrap()
    };
    assert_eq!(
        send(&ada(), "one", call("echo")).await.outcome().code(),
        None
    );
    for request in [call("echo"), requests::of(1, Method::Ping)] {
        let foreign = send(&bob(), "one", request.clone()).await;
        assert_eq!(foreign.outcome().code(), Some(403));
        let rule = denied_by(&foreign);
        assert_eq!(rule.as_deref(), Some("session of another principal"));
        assert_eq!(
            send(&ada(), "one", request.clone()).await.outcome().code(),
            None
        );
        assert_eq!(send(&bob(), "two", request).await.outcome().code(), None);
    }
    assert!(layer.handle().sessions().is_own("two", &bob()));
}
