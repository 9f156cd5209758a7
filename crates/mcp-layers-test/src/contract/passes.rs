//! Requests and responses pass unchanged.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use mcp_layers_core::{
    Event, JsonRpcRequest, JsonRpcResponse, McpError, McpRequest, McpResponse, Outcome, code,
    request::Transport,
};
use serde_json::{Map, Value, json};
use tower_layer::Layer;

use super::{
    Contract, LayeredService, Rule, Violation,
    bench::{Bench, Checked, End, ask},
};
use crate::{
    Answer, MockService, ReadinessProbe, requests,
    results::{self, input_required, task_created},
};

/// The extension that the contract sets.
#[derive(Debug, Clone, PartialEq)]
struct Mark(u64);

/// Another type of extension, so that one cannot stand for all.
#[derive(Debug, Clone, PartialEq)]
struct Note(Arc<str>);

/// Every method, legacy and modern, unknown ones and continuations.
pub(super) async fn everything<F, L>(contract: &Contract<F>) -> Checked
where
    F: Fn() -> L,
    L: Layer<ReadinessProbe<MockService>, Service: LayeredService>,
{
    let legacy = requests::every_method().into_iter();
    let unknown = requests::unknown_methods().into_iter();
    let modern = legacy.clone().chain(unknown.clone()).map(requests::modern);
    let resumed = requests::modern(requests::call_tool("resumed", requests::TOOL, json!({})));
    for request in legacy
        .chain(unknown.clone())
        .chain(modern)
        .chain([requests::continuation(resumed)])
    {
        let request = contract.prepared(marked(request));
        let era = if request.is_modern() {
            "modern"
        } else {
            "legacy"
        };
        let name = format!("{era} `{}`", McpRequest::method(&request));
        passes(contract, request, &name).await?;
    }
    Ok(())
}

fn marked(request: JsonRpcRequest) -> JsonRpcRequest {
    let mut request = request.with_transport(Transport::Pipe);
    if !request.is_modern() {
        request = request.with_protocol_version("2025-11-25");
    }
    // Clones share the token only if it is there when they are made.
    let _ = request.cancellation();
    request.insert_extension(Mark(7));
    request.insert_extension(Note("note".into()));
    let context = request.context_mut();
    context.limit_deadline(Instant::now() + Duration::from_secs(3600));
    request
}

async fn passes<F, L>(contract: &Contract<F>, request: JsonRpcRequest, name: &str) -> Checked
where
    F: Fn() -> L,
    L: Layer<ReadinessProbe<MockService>, Service: LayeredService>,
{
    let event = Event::Custom {
        layer: "contract",
        name: "answered",
        detail: Box::new(json!(name)),
    };
    let mut expected = JsonRpcResponse::success(&request, results::of(&request));
    expected.trail_mut().push(event.clone());
    let mut bench = contract.bench(&MockService::new());
    bench.mock.push(Answer::response(expected.clone()));

    let end = ask(&mut bench.service, request.clone()).await;
    let End::Answered(response) = end else {
        return Err(bench.blame(Rule::ResponsesPass, format!("{name}: {end}")));
    };
    bench.no_misuse()?;
    if bench.mock.calls() != 1 {
        let calls = bench.mock.calls();
        return Err(Rule::CalledOnce.broken(format!("{name}: called {calls} times")));
    }
    if let Some(seen) = bench.mock.last_request()
        && let Err(difference) = same_request(contract, &request, &seen)
    {
        return Err(Rule::RequestsPass.broken(format!("{name}: {difference}")));
    }
    let changes = contract.options.changes_responses.as_ref();
    if let Err(difference) = same_response(
        &expected,
        &response,
        changes.is_some_and(|when| when(&request)),
        contract.options.adds_meta,
    ) {
        return Err(Rule::ResponsesPass.broken(format!("{name}: {difference}")));
    }
    if !response.trail().events().any(|have| *have == event) {
        let lost = "the trail of the inner response was lost";
        return Err(Rule::ResponsesPass.broken(format!("{name}: {lost}")));
    }
    bench.all_let_go(name).await
}

fn same_request<F>(
    contract: &Contract<F>,
    sent: &JsonRpcRequest,
    seen: &JsonRpcRequest,
) -> Result<(), String> {
    let options = &contract.options;
    differ("id", sent.id(), seen.id())?;
    differ(
        "method",
        &McpRequest::method(sent),
        &McpRequest::method(seen),
    )?;
    same_json("params", sent.params(), seen.params(), options.adds_meta)?;
    differ(
        "version",
        &sent.protocol_version(),
        &seen.protocol_version(),
    )?;
    differ("connection", &sent.connection(), &seen.connection())?;
    differ(
        "extension",
        &sent.extension::<Mark>(),
        &seen.extension::<Mark>(),
    )?;
    differ(
        "extension",
        &sent.extension::<Note>(),
        &seen.extension::<Note>(),
    )?;
    let (before, after) = (sent.context(), seen.context());
    if !options.sets_principal {
        differ("principal", &before.principal(), &after.principal())?;
    }
    if before.deadline() < after.deadline() || after.deadline().is_none() {
        return Err("the deadline was lost or put off".to_owned());
    }
    sent.cancellation().cancel();
    if !seen.cancellation().is_cancelled() {
        return Err("cancelling the request does not reach the inner service".to_owned());
    }
    Ok(())
}

fn same_response(
    expected: &JsonRpcResponse,
    response: &JsonRpcResponse,
    may_change: bool,
    adds_meta: bool,
) -> Result<(), String> {
    let (expected, response) = (Value::from(expected), Value::from(response));
    differ("id", &expected["id"], &response["id"])?;
    match (response.get("result"), response.get("error")) {
        (Some(_), None) if may_change => Ok(()),
        (Some(result), None) => same_json("result", &expected["result"], result, adds_meta),
        _ => Err(format!("a result became {response}")),
    }
}

fn same_json(what: &str, before: &Value, after: &Value, adds_meta: bool) -> Result<(), String> {
    if !adds_meta {
        return differ(what, before, after);
    }
    let (before, before_meta) = without_meta(before);
    let (after, after_meta) = without_meta(after);
    differ(what, &before, &after)?;
    for (key, value) in &before_meta {
        differ(
            &format!("`_meta.{key}`"),
            &Some(value),
            &after_meta.get(key),
        )?;
    }
    Ok(())
}

/// Absent params equal empty ones: `_meta` cannot be added to absent ones.
fn without_meta(value: &Value) -> (Value, Map<String, Value>) {
    let mut value = match value {
        Value::Null => json!({}),
        value => value.clone(),
    };
    let meta = match value.as_object_mut().and_then(|map| map.remove("_meta")) {
        Some(Value::Object(meta)) => meta,
        _ => Map::new(),
    };
    (value, meta)
}

fn differ<T: PartialEq + std::fmt::Debug>(what: &str, before: &T, after: &T) -> Result<(), String> {
    if before == after {
        Ok(())
    } else {
        Err(format!("{what}: {before:?} became {after:?}"))
    }
}

/// Outcomes other than a plain result keep their kind: caller errors keep code and data, a tool error
/// stays a result, input required and a task are not failures.
pub(super) async fn outcomes<F, L>(contract: &Contract<F>) -> Checked
where
    F: Fn() -> L,
    L: Layer<ReadinessProbe<MockService>, Service: LayeredService>,
{
    let invalid = McpError::new(code::INVALID_PARAMS, "Unknown tool").with("tool", "nope");
    let answers = [
        ("a caller's error", Answer::error(invalid)),
        ("a tool's error", Answer::tool_error("no such file")),
        ("a request for input", Answer::result(input_required())),
        ("a task", Answer::result(task_created())),
    ];
    for (name, answer) in answers {
        let request = requests::call_tool(1, requests::TOOL, json!({}));
        let request = contract.prepared(requests::modern(request));
        let mut bench = contract.bench(&MockService::new());
        bench.mock.push(answer.clone());
        let end = ask(&mut bench.service, request.clone()).await;
        let expected = ask(&mut MockService::scripted([answer]), request).await;
        same_outcome(&bench, name, &expected, &end)?;
    }
    Ok(())
}

fn same_outcome<S: LayeredService>(
    bench: &Bench<S>,
    name: &str,
    expected: &End,
    end: &End,
) -> Result<(), Violation> {
    let kind = |end: &End| match end {
        End::Answered(response) => match response.outcome() {
            Outcome::Protocol { code, data, .. } => Some(format!("{code} {data:?}")),
            outcome => Some(format!("{outcome:?}")),
        },
        _ => None,
    };
    if kind(end).is_some() && kind(end) == kind(expected) {
        return bench.no_misuse();
    }
    Err(bench.blame(
        Rule::ResponsesPass,
        format!("{name} in answer to `tools/call`: {expected}, but through the layer {end}"),
    ))
}
