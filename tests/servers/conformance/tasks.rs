//! Tools that answer with a task when the client knows tasks.

use std::time::Duration;

use rmcp::{
    ErrorData, RoleServer,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock,
        CreateTaskResult, JsonObject,
    },
    service::RequestContext,
    task_manager::{TaskContext, TaskExit, TaskOptions},
};
use serde_json::Value;

use crate::{rounds, server::ConformanceServer, tools};

/// The tools of this module. All but the first two exist as tasks only.
pub(crate) const NAMES: &[&str] = &[
    "greet",
    "slow_compute",
    "failing_job",
    "protocol_error_job",
    "confirm_delete",
    "multi_input",
    "test_tool_with_task",
];

/// Runs one of the tools of this module.
pub(crate) async fn call(
    server: &ConformanceServer,
    request: &CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let empty = JsonObject::new();
    let arguments = request.arguments.as_ref().unwrap_or(&empty);
    let knows_tasks = tools::capabilities(context).supports_tasks();
    match request.name.as_ref() {
        "greet" => {
            let name = tools::string(arguments, "name")?;
            return Ok(tools::text(format!("Hello, {name}!")));
        }
        "slow_compute" if !knows_tasks => {
            let (seconds, label) = computation(arguments)?;
            tokio::time::sleep(seconds).await;
            return Ok(computed(&label).into());
        }
        _ if !knows_tasks => {
            let required = ClientCapabilities::builder().enable_tasks().build();
            return Err(ErrorData::missing_required_client_capability(required));
        }
        _ => {}
    }

    let options = TaskOptions::new().with_poll_interval_ms(200);
    let task = match request.name.as_ref() {
        "slow_compute" => {
            let (seconds, label) = computation(arguments)?;
            server.tasks.spawn(options, move |task| {
                Box::pin(async move {
                    tokio::select! {
                        () = task.cancelled() => Err(TaskExit::Cancelled),
                        () = tokio::time::sleep(seconds) => Ok(computed(&label)),
                    }
                })
            })
        }
        "failing_job" => server.tasks.spawn(options, |_| {
            Box::pin(async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let message = ContentBlock::text("This job always fails");
                Ok(CallToolResult::error(vec![message]))
            })
        }),
        "protocol_error_job" => server.tasks.spawn(options, |_| {
            Box::pin(async {
                let error = ErrorData::internal_error("This job always breaks", None);
                Err(TaskExit::Error(error))
            })
        }),
        "confirm_delete" => {
            let file = tools::string(arguments, "filename")?.to_owned();
            server
                .tasks
                .spawn(options, move |task| Box::pin(confirm_delete(task, file)))
        }
        "multi_input" => server
            .tasks
            .spawn(options, |task| Box::pin(multi_input(task))),
        "test_tool_with_task" => {
            let answers = request.input_responses.as_ref();
            let Some(name) = rounds::field(answers, "user_name", "name") else {
                return rounds::ask_name();
            };
            let greeting = done(format!("Hello, {name}!"));
            server
                .tasks
                .spawn(options, |_| Box::pin(async { Ok(greeting) }))
        }
        unknown => return Err(tools::unknown(unknown)),
    };
    Ok(CreateTaskResult::new(task).into())
}

/// Asks once, then says what the answer was.
async fn confirm_delete(task: TaskContext, file: String) -> Result<CallToolResult, TaskExit> {
    let question = rounds::elicit(&format!("Delete {file}?"), "confirm", "boolean")?;
    let answer = task.request_input("confirm", question).await?;
    let confirmed = answer.pointer("/content/confirm").and_then(Value::as_bool);
    Ok(done(match confirmed {
        Some(true) => format!("Deleted {file}"),
        _ => format!("Kept {file}"),
    }))
}

/// Asks two questions at once and waits for both answers.
async fn multi_input(task: TaskContext) -> Result<CallToolResult, TaskExit> {
    let first = rounds::elicit("The first name?", "name", "string")?;
    let second = rounds::elicit("The second name?", "name", "string")?;
    let (first, second) = tokio::try_join!(
        task.request_input("first", first),
        task.request_input("second", second),
    )?;
    Ok(done(format!("Got {first} and {second}")))
}

fn computation(arguments: &JsonObject) -> Result<(Duration, String), ErrorData> {
    let seconds = match arguments.get("seconds") {
        None => 1.0,
        Some(seconds) => seconds.as_f64().unwrap_or(f64::NAN),
    };
    let seconds = Duration::try_from_secs_f64(seconds)
        .map_err(|error| ErrorData::invalid_params(format!("seconds: {error}"), None))?;
    let label = arguments.get("label").and_then(Value::as_str);
    Ok((seconds, label.unwrap_or("unnamed").to_owned()))
}

fn computed(label: &str) -> CallToolResult {
    done(format!("Computed {label}"))
}

fn done(text: String) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}
