//! Every text of a response that its caller gets to read.

use mcp_layers_core::{
    adapter::{json_result, visit_json_texts, visit_map_texts},
    response::TextSite,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use tower_mcp::{
    CallToolResult, JsonRpcError,
    protocol::{Content, ContentAnnotations, McpResponse, ResourceContent, TaskObject, ToolIcon},
    tasks::{DetailedTask, TaskMetadata},
};

type Visit<'a> = &'a mut dyn FnMut(TextSite, &mut String);

pub(super) fn visit(result: &mut McpResponse, visit: Visit<'_>) {
    match result {
        McpResponse::CallTool(result) => tool_result(result, visit),
        McpResponse::ReadResource(result) => {
            for content in &mut result.contents {
                resource(content, TextSite::Resource, visit);
            }
            json(&mut result.meta, TextSite::Other, visit);
        }
        McpResponse::GetPrompt(result) => {
            text(&mut result.description, TextSite::Other, visit);
            for message in &mut result.messages {
                content(&mut message.content, TextSite::Content, visit);
                json(&mut message.meta, TextSite::Content, visit);
            }
            json(&mut result.meta, TextSite::Other, visit);
        }
        McpResponse::CreateTask(created) => {
            legacy_task(&mut created.task, visit);
            json(&mut created.meta, TextSite::Other, visit);
        }
        McpResponse::GetTaskInfo(task) => legacy_task(task, visit),
        McpResponse::FinalCreateTask(created) => {
            task_metadata(&mut created.task.metadata, visit);
            map(&mut created.meta, visit);
        }
        McpResponse::FinalGetTask(task) => match &mut task.task {
            DetailedTask::Working { metadata } | DetailedTask::Cancelled { metadata } => {
                task_metadata(metadata, visit);
                map(&mut task.meta, visit);
            }
            DetailedTask::Completed { metadata, result } => {
                task_metadata(metadata, visit);
                json_result::visit_object_texts_mut(result, visit);
                map(&mut task.meta, visit);
            }
            DetailedTask::Failed { metadata, error } => {
                task_metadata(metadata, visit);
                visit_error(error, TextSite::Task, TextSite::Task, visit);
                map(&mut task.meta, visit);
            }
            _ => through_json(result, visit),
        },
        McpResponse::FinalTaskAck(result) => map(&mut result.meta, visit),
        McpResponse::Raw(value) => json_result::visit_texts_mut(value, visit),
        McpResponse::SubscribeResource(_)
        | McpResponse::UnsubscribeResource(_)
        | McpResponse::UpdateTask(_)
        | McpResponse::CancelTask(_)
        | McpResponse::SetLoggingLevel(_)
        | McpResponse::Pong(_)
        | McpResponse::Empty(_) => {}
        // Lists and other types with many small texts, rarely visited, and types that tower-mcp may add.
        _ => through_json(result, visit),
    }
}

/// Visits structured content and `_meta`.
pub(super) fn visit_json(result: &mut McpResponse, visit: &mut dyn FnMut(&mut Value)) {
    let meta = match result {
        McpResponse::CallTool(result) => {
            if let Some(content) = &mut result.structured_content {
                visit(content);
            }
            &mut result.meta
        }
        McpResponse::ReadResource(result) => &mut result.meta,
        McpResponse::GetPrompt(result) => &mut result.meta,
        McpResponse::FinalGetTask(task) => {
            if let DetailedTask::Completed { result, .. } = &mut task.task {
                through_value(result, |result| json_result::visit_json_mut(result, visit));
            }
            if let Some(meta) = &mut task.meta {
                through_value(meta, visit);
            }
            return;
        }
        McpResponse::Raw(value) => return json_result::visit_json_mut(value, visit),
        _ => return,
    };
    if let Some(meta) = meta {
        visit(meta);
    }
}

fn through_value(map: &mut Map<String, Value>, visit: impl FnOnce(&mut Value)) {
    let mut value = Value::Object(std::mem::take(map));
    visit(&mut value);
    if let Value::Object(visited) = value {
        *map = visited;
    }
}

pub(super) fn visit_error(
    error: &mut JsonRpcError,
    message: TextSite,
    data: TextSite,
    visit: Visit<'_>,
) {
    visit(message, &mut error.message);
    json(&mut error.data, data, visit);
}

/// Visits the texts of the result's JSON. The result keeps its type where the visited JSON still
/// has it, and becomes plain JSON where not; both are sent alike.
fn through_json(result: &mut McpResponse, visit: Visit<'_>) {
    fn reread<T: Serialize + DeserializeOwned>(typed: &mut T, visit: Visit<'_>) -> Option<Value> {
        let before = serde_json::to_value(&*typed).ok()?;
        let mut value = before.clone();
        json_result::visit_texts_mut(&mut value, visit);
        if value == before {
            return None;
        }
        match T::deserialize(&value) {
            Ok(same) if serde_json::to_value(&same).is_ok_and(|again| again == value) => {
                *typed = same;
                None
            }
            _ => Some(value),
        }
    }
    let untyped = match &mut *result {
        McpResponse::ListTools(typed) => reread(typed, visit),
        McpResponse::ListResources(typed) => reread(typed, visit),
        McpResponse::ListResourceTemplates(typed) => reread(typed, visit),
        McpResponse::ListPrompts(typed) => reread(typed, visit),
        McpResponse::Complete(typed) => reread(typed, visit),
        McpResponse::Initialize(typed) => reread(typed, visit),
        McpResponse::Discover(typed) => reread(typed, visit),
        McpResponse::InputRequired(typed) => reread(typed, visit),
        McpResponse::FinalGetTask(typed) => reread(typed, visit),
        McpResponse::SubscriptionsAccepted(typed) => reread(typed, visit),
        McpResponse::SubscriptionsListen(typed) => reread(typed, visit),
        other => serde_json::to_value(other).ok().map(|mut value| {
            json_result::visit_texts_mut(&mut value, visit);
            value
        }),
    };
    if let Some(value) = untyped {
        *result = McpResponse::Raw(value);
    }
}

fn tool_result(result: &mut CallToolResult, visit: Visit<'_>) {
    for block in &mut result.content {
        content(block, TextSite::Content, visit);
    }
    json(&mut result.structured_content, TextSite::Structured, visit);
    json(&mut result.meta, TextSite::Other, visit);
}

fn content(block: &mut Content, site: TextSite, visit: Visit<'_>) {
    match block {
        Content::Text {
            text,
            annotations,
            meta,
        } => {
            visit(site, text);
            annotation(annotations, site, visit);
            json(meta, site, visit);
        }
        Content::Image {
            mime_type,
            annotations,
            meta,
            ..
        }
        | Content::Audio {
            mime_type,
            annotations,
            meta,
            ..
        } => {
            visit(site, mime_type);
            annotation(annotations, site, visit);
            json(meta, site, visit);
        }
        Content::Resource {
            resource: inner,
            annotations,
            meta,
        } => {
            resource(inner, site, visit);
            annotation(annotations, site, visit);
            json(meta, site, visit);
        }
        Content::ResourceLink {
            uri,
            name,
            title,
            description,
            mime_type,
            size: _,
            icons,
            annotations,
            meta,
        } => {
            visit(site, uri);
            visit(site, name);
            for part in [title, description, mime_type] {
                text(part, site, visit);
            }
            icon(icons, site, visit);
            annotation(annotations, site, visit);
            json(meta, site, visit);
        }
        // A kind of block that is not known: its JSON goes on as text.
        other => {
            let mut value = serde_json::to_value(&*other).unwrap_or_default();
            visit_json_texts(&mut value, &mut |text| visit(site, text));
            *other = Content::text(value.to_string());
        }
    }
}

fn resource(content: &mut ResourceContent, site: TextSite, visit: Visit<'_>) {
    visit(site, &mut content.uri);
    text(&mut content.mime_type, site, visit);
    text(&mut content.text, site, visit);
    json(&mut content.meta, site, visit);
}

fn legacy_task(task: &mut TaskObject, visit: Visit<'_>) {
    for part in [
        &mut task.task_id,
        &mut task.created_at,
        &mut task.last_updated_at,
    ] {
        visit(TextSite::Other, part);
    }
    text(&mut task.status_message, TextSite::Task, visit);
    if let Some(result) = &mut task.result {
        tool_result(result, visit);
    }
    if let Some(error) = &mut task.error {
        visit_error(error, TextSite::Task, TextSite::Task, visit);
    }
    json(&mut task.meta, TextSite::Other, visit);
}

fn task_metadata(task: &mut TaskMetadata, visit: Visit<'_>) {
    for part in [
        &mut task.task_id,
        &mut task.created_at,
        &mut task.last_updated_at,
    ] {
        visit(TextSite::Other, part);
    }
    text(&mut task.status_message, TextSite::Task, visit);
}

fn icon(icons: &mut Option<Vec<ToolIcon>>, site: TextSite, visit: Visit<'_>) {
    for icon in icons.iter_mut().flatten() {
        visit(site, &mut icon.src);
        text(&mut icon.mime_type, site, visit);
        let sizes = icon.sizes.iter_mut().flatten();
        sizes.for_each(|size| visit(site, size));
    }
}

fn annotation(annotations: &mut Option<ContentAnnotations>, site: TextSite, visit: Visit<'_>) {
    if let Some(annotations) = annotations {
        text(&mut annotations.last_modified, site, visit);
    }
}

fn text(text: &mut Option<String>, site: TextSite, visit: Visit<'_>) {
    if let Some(text) = text {
        visit(site, text);
    }
}

fn json(value: &mut Option<Value>, site: TextSite, visit: Visit<'_>) {
    if let Some(value) = value {
        visit_json_texts(value, &mut |text| visit(site, text));
    }
}

fn map(map: &mut Option<Map<String, Value>>, visit: Visit<'_>) {
    if let Some(map) = map {
        visit_map_texts(map, &mut |text| visit(TextSite::Other, text));
    }
}
