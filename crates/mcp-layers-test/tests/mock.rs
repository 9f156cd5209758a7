//! The mock service.

use mcp_layers_core::{Event, JsonRpcResponse, McpError, McpRequest, McpResponse, Method, Outcome};
use mcp_layers_test::{Answer, Gate, MockError, MockService, Task, requests, results};
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use tower::{Service, ServiceExt};

#[tokio::test]
async fn answers_what_its_closure_says() {
    let mock = MockService::answering(|request| json!({ "method": request.method().as_str() }));
    let response = mock.oneshot(requests::list_tools(1)).await.unwrap();
    assert_eq!(
        response.result().unwrap(),
        &json!({ "method": "tools/list" })
    );
}

#[tokio::test]
async fn gives_pushed_answers_first_and_in_order() {
    let mock = MockService::new();
    mock.push(McpError::unavailable());
    mock.push(MockError::new("gone"));
    let call = || mock.clone().oneshot(requests::list_tools(1));
    assert_eq!(call().await.unwrap().outcome().code(), Some(503));
    assert_eq!(call().await.unwrap_err(), MockError::new("gone"));
    assert_eq!(call().await.unwrap().outcome(), Outcome::Success);
}

#[tokio::test]
#[should_panic(expected = "no answer is left in the script for `tools/call`")]
async fn panics_when_its_script_is_over() {
    let mock = MockService::scripted([json!({})]);
    let call = || mock.clone().oneshot(requests::of(1, Method::CallTool));
    call().await.unwrap();
    let _ = call().await;
}

#[tokio::test]
async fn clones_share_script_and_record() {
    let mock = MockService::new();
    mock.clone().oneshot(requests::list_tools(1)).await.unwrap();
    mock.clone()
        .oneshot(requests::read_resource("two", "file:///a"))
        .await
        .unwrap();
    assert_eq!(mock.calls(), 2);
    let seen = mock.requests();
    assert_eq!(McpRequest::method(&seen[0]), Method::ListTools);
    assert_eq!(seen[1].target(), Some("file:///a"));
    assert_eq!(mock.last_request().unwrap().id(), seen[1].id());
}

#[tokio::test]
async fn addresses_a_prepared_response_and_keeps_its_trail() {
    let mut prepared = JsonRpcResponse::success(&requests::list_tools(99), results::tools(["a"]));
    prepared.trail_mut().push(Event::Cancelled);
    let mock = MockService::scripted([prepared]);
    let response = mock.oneshot(requests::list_tools(1)).await.unwrap();
    assert_eq!(Value::from(&response)["id"], json!(1));
    assert_eq!(response.trail().events().len(), 1);
}

#[test]
fn is_pending_as_often_as_told_and_wakes_its_task() {
    let mut mock = MockService::scripted([Answer::tool_error("no").after_polls(2)]);
    let mut call = Task::new(mock.call(requests::list_tools(1)));
    for _ in 0..2 {
        assert!(call.poll().is_pending());
        assert!(call.is_woken());
    }
    assert!(call.poll().is_ready());
}

#[test]
fn waits_behind_a_gate() {
    let gate = Gate::closed();
    let mut mock = MockService::scripted([Answer::plausible().behind(&gate)]);
    let mut call = Task::new(mock.call(requests::list_tools(1)));
    assert!(call.poll().is_pending() && !call.is_woken());
    gate.open();
    assert!(call.is_woken() && call.poll().is_ready());
}

#[test]
fn counts_futures_that_exist_and_those_that_were_dropped() {
    let mut mock = MockService::new();
    mock.push(Answer::never());
    let never = Task::new(mock.call(requests::list_tools(1)));
    let mut soon = Task::new(mock.call(requests::list_tools(2)));
    assert_eq!(mock.in_flight(), 2);
    assert!(soon.poll().is_ready());
    drop((never, soon));
    assert_eq!((mock.in_flight(), mock.dropped()), (0, 1));
}

#[test]
fn panics_where_it_is_told_to() {
    let mut mock = MockService::new();
    mock.push(Answer::panic_in_call("here"));
    mock.push(Answer::panic("there"));
    let request = requests::list_tools(1);
    let panicked = catch_unwind(AssertUnwindSafe(|| mock.call(request.clone()))).unwrap_err();
    assert_eq!(panicked.downcast_ref::<String>().unwrap(), "here");
    let mut call = Task::new(mock.call(request));
    let panicked = catch_unwind(AssertUnwindSafe(|| call.poll())).unwrap_err();
    assert_eq!(panicked.downcast_ref::<String>().unwrap(), "there");
    drop(call);
    assert_eq!((mock.calls(), mock.in_flight()), (2, 0));
}

#[tokio::test]
async fn gives_every_method_a_result_of_its_era() {
    for request in requests::every_method() {
        let legacy = MockService::new().oneshot(request.clone()).await.unwrap();
        assert!(legacy.result().unwrap().get("resultType").is_none());
        let modern = MockService::new()
            .oneshot(requests::modern(request))
            .await
            .unwrap();
        assert_eq!(modern.result().unwrap()["resultType"], json!("complete"));
        assert_eq!(modern.outcome(), Outcome::Success);
    }
}

#[test]
fn results_are_read_as_what_they_are() {
    let request = requests::of(1, Method::CallTool);
    let response = |result| JsonRpcResponse::success(&request, result);
    assert_eq!(
        response(results::input_required()).outcome(),
        Outcome::InputRequired
    );
    assert_eq!(
        response(results::task_created()).outcome(),
        Outcome::TaskCreated
    );
    assert_eq!(
        response(results::tool_error("no")).outcome(),
        Outcome::ToolError
    );
    let failed = response(results::failed_task(-32603, "secret"))
        .task_error()
        .unwrap();
    assert_eq!((failed.code, &*failed.message), (-32603, "secret"));
    let page = results::followed_by(results::tools(["a"]), "2");
    assert_eq!(response(page).next_cursor(), Some("2"));
    let hint = results::fresh_for(json!({}), 5, mcp_layers_core::response::CacheScope::Private);
    assert_eq!(response(hint).cache_hint().ttl_ms, Some(5));
}
