//! The methods of [`McpResponse`] for a result that is plain JSON: for [`JsonRpcResponse`], and for
//! adapters whose implementation keeps the results of unknown methods as values.
//!
//! [`JsonRpcResponse`]: crate::JsonRpcResponse
//! [`McpResponse`]: crate::McpResponse

use serde_json::{Map, Value};

use crate::{
    Hints, Listed, ListedKind, McpError, Outcome, code,
    json::visit_json_texts,
    response::{CacheHint, CacheScope, TextSite},
};

/// The lists of the protocol: where they stand, what is in them, and by which field it is named.
const LISTS: [(&str, ListedKind, &str); 6] = [
    ("tools", ListedKind::Tool, "name"),
    ("resources", ListedKind::Resource, "uri"),
    (
        "resourceTemplates",
        ListedKind::ResourceTemplate,
        "uriTemplate",
    ),
    ("prompts", ListedKind::Prompt, "name"),
    ("skills", ListedKind::Skill, "uri"),
    ("tasks", ListedKind::Task, "taskId"),
];

fn get<'a>(result: &'a Value, name: &str) -> Option<&'a Value> {
    result.as_object()?.get(name)
}

/// The outcome of a request with this result. Never a protocol error.
#[must_use]
pub fn outcome(result: &Value) -> Outcome<'static> {
    let Some(result) = result.as_object() else {
        return Outcome::Success;
    };
    match result_type(result) {
        Some("input_required") => Outcome::InputRequired,
        Some("task") => Outcome::TaskCreated,
        None if legacy_task(result).is_some() => Outcome::TaskCreated,
        _ if result.get("isError") == Some(&Value::Bool(true)) => Outcome::ToolError,
        _ => Outcome::Success,
    }
}

fn result_type(result: &Map<String, Value>) -> Option<&str> {
    result.get("resultType")?.as_str()
}

/// The handle with which 2025-11-25 says that the work goes on as a task.
fn legacy_task(result: &Map<String, Value>) -> Option<&Value> {
    let task = result.get("task")?;
    let is_handle = get(task, "taskId").is_some()
        && result.get("content").is_none()
        && result_type(result).is_none();
    is_handle.then_some(task)
}

/// Visits the entries of a list result.
pub fn visit_listed(result: &Value, visit: &mut dyn FnMut(Listed<'_>)) {
    for (list, kind, name) in LISTS {
        let entries = result.get(list).and_then(Value::as_array);
        let entries = entries.into_iter().flatten();
        entries.for_each(|entry| visit(listed(kind, name, entry)));
    }
}

/// Keeps the entries of a list result for which `keep` returns true, and returns the number of
/// removed entries.
pub fn retain_listed(result: &mut Value, keep: &mut dyn FnMut(Listed<'_>) -> bool) -> usize {
    let mut gone = 0;
    for (list, kind, name) in LISTS {
        if let Some(entries) = result.get_mut(list).and_then(Value::as_array_mut) {
            let before = entries.len();
            entries.retain(|entry| keep(listed(kind, name, entry)));
            gone += before - entries.len();
        }
    }
    gone
}

fn listed<'a>(kind: ListedKind, name: &str, entry: &'a Value) -> Listed<'a> {
    let name = entry.get(name).and_then(Value::as_str).unwrap_or_default();
    let hint = |name: &str| entry.get("annotations")?.get(name)?.as_bool();
    let hints = Hints::default()
        .with_read_only(hint("readOnlyHint"))
        .with_destructive(hint("destructiveHint"))
        .with_idempotent(hint("idempotentHint"))
        .with_open_world(hint("openWorldHint"));
    Listed::new(kind, name).with_hints(hints)
}

/// Visits every text of a result.
pub fn visit_texts_mut(result: &mut Value, visit: &mut dyn FnMut(TextSite, &mut String)) {
    match result {
        Value::Object(result) => visit_object_texts_mut(result, visit),
        other => visit_json_texts(other, &mut |text| visit(TextSite::Other, text)),
    }
}

/// Visits every text of a result that is an object.
pub fn visit_object_texts_mut(
    result: &mut Map<String, Value>,
    visit: &mut dyn FnMut(TextSite, &mut String),
) {
    let is_task = result.contains_key("taskId");
    for (key, value) in result {
        let site = match key.as_str() {
            "content" | "messages" => TextSite::Content,
            "structuredContent" => TextSite::Structured,
            "contents" => TextSite::Resource,
            "error" | "statusMessage" if is_task => TextSite::Task,
            name if name == "task" || (name == "result" && is_task) => {
                visit_texts_mut(value, visit);
                continue;
            }
            "tasks" if value.is_array() => {
                let tasks = value.as_array_mut().into_iter().flatten();
                tasks.for_each(|task| visit_texts_mut(task, visit));
                continue;
            }
            _ => TextSite::Other,
        };
        visit_json_texts(value, &mut |text| visit(site, text));
    }
}

/// The structured content of a tool's result.
pub fn structured_content_mut(result: &mut Value) -> Option<&mut Value> {
    result.get_mut("structuredContent")
}

/// Visits structured content and `_meta`, wherever they stand in the result.
pub fn visit_json_mut(result: &mut Value, visit: &mut dyn FnMut(&mut Value)) {
    match result {
        Value::Object(map) => {
            for (key, value) in map {
                match key.as_str() {
                    "structuredContent" | "_meta" => visit(value),
                    _ => visit_json_mut(value, visit),
                }
            }
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| visit_json_mut(item, visit)),
        _ => {}
    }
}

/// The error of a failed task, or of the first failed one in a list.
#[must_use]
pub fn task_error(result: &Value) -> Option<McpError> {
    match get(result, "tasks").and_then(Value::as_array) {
        Some(tasks) => tasks.iter().find_map(failure),
        None => failure(result),
    }
}

fn failure(result: &Value) -> Option<McpError> {
    if get(result, "status")?.as_str()? != "failed" {
        return None;
    }
    match get(result, "error") {
        Some(Value::Object(error)) => Some(read_error(error)),
        Some(_) => Some(McpError::new(code::INTERNAL_ERROR, "")),
        None => {
            let status = get(result, "statusMessage")?.as_str()?;
            Some(McpError::new(code::INTERNAL_ERROR, status.to_owned()))
        }
    }
}

/// Replaces the error and the status message of a failed task; in a list of tasks, those of every
/// failed one.
pub fn set_task_error(result: &mut Value, error: &McpError) -> bool {
    match result.get_mut("tasks").and_then(Value::as_array_mut) {
        Some(tasks) => {
            let set = tasks.iter_mut().map(|task| set_failure(task, error));
            set.filter(|set| *set).count() > 0
        }
        None => set_failure(result, error),
    }
}

fn set_failure(result: &mut Value, error: &McpError) -> bool {
    if failure(result).is_none() {
        return false;
    }
    if let Some(status) = result.get_mut("statusMessage") {
        *status = Value::from(error.message.as_ref());
    }
    if let Some(had) = result.get_mut("error") {
        *had = Value::Object(write_error(error));
    }
    true
}

/// Reads the JSON of an error. Without a valid code, the code is -32603.
#[must_use]
pub fn read_error(error: &Map<String, Value>) -> McpError {
    let number = error.get("code").and_then(Value::as_i64);
    let number = number.and_then(|number| number.try_into().ok());
    let message = error.get("message").and_then(Value::as_str);
    McpError::new(
        number.unwrap_or(code::INTERNAL_ERROR),
        message.unwrap_or_default().to_owned(),
    )
    .with_data(error.get("data").cloned())
}

/// An error as JSON: `code`, `message`, and `data` if there is any.
#[must_use]
pub fn write_error(error: &McpError) -> Map<String, Value> {
    let mut object = Map::from_iter([
        ("code".to_owned(), Value::from(error.code)),
        ("message".to_owned(), Value::from(error.message.as_ref())),
    ]);
    object.extend(error.data.clone().map(|data| ("data".to_owned(), data)));
    object
}

/// The id of the task that the result created or reports.
#[must_use]
pub fn task_id(result: &Value) -> Option<&str> {
    let task = legacy_task(result.as_object()?).unwrap_or(result);
    get(task, "taskId")?.as_str()
}

/// The cursor of a list's next page.
#[must_use]
pub fn next_cursor(result: &Value) -> Option<&str> {
    get(result, "nextCursor")?.as_str()
}

/// The caching hint. A task's `ttlMs` is not one: it is the time for which the task is kept.
#[must_use]
pub fn cache_hint(result: &Value) -> CacheHint {
    if task_id(result).is_some() {
        return CacheHint::default();
    }
    let negative = |ttl: &Value| ttl.as_f64().is_some_and(|ttl| ttl < 0.0);
    let ttl_ms =
        get(result, "ttlMs").and_then(|ttl| ttl.as_u64().or_else(|| negative(ttl).then_some(0)));
    let scope = match get(result, "cacheScope").and_then(Value::as_str) {
        Some("public") => Some(CacheScope::Public),
        Some("private") => Some(CacheScope::Private),
        _ => None,
    };
    CacheHint::new(ttl_ms, scope)
}

/// Replaces the caching hint.
pub fn set_cache_hint(result: &mut Value, hint: CacheHint) -> bool {
    if task_id(result).is_some() {
        return false;
    }
    let Some(result) = result.as_object_mut() else {
        return false;
    };
    let scope = hint.scope.map(|scope| match scope {
        CacheScope::Public => "public",
        CacheScope::Private => "private",
    });
    for (key, value) in [
        ("ttlMs", hint.ttl_ms.map(Value::from)),
        ("cacheScope", scope.map(Value::from)),
    ] {
        match value {
            Some(value) => result.insert(key.to_owned(), value),
            None => result.remove(key),
        };
    }
    true
}

/// Sets a key of the result's `_meta`.
pub fn insert_meta(result: &mut Value, key: &str, value: Value) -> bool {
    let Some(result) = result.as_object_mut() else {
        return false;
    };
    let meta = result
        .entry("_meta")
        .or_insert_with(|| Value::Object(Map::new()));
    let Some(meta) = meta.as_object_mut() else {
        return false;
    };
    meta.insert(key.to_owned(), value);
    true
}
