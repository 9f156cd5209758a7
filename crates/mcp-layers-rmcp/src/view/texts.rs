//! Every text of a response that a caller can read.

use mcp_layers_core::{
    adapter::{json_result, visit_json_texts, visit_map_texts},
    response::TextSite,
};
use rmcp::{
    ErrorData,
    model::{
        ContentBlock, CustomResult, DetailedTask, MetaObject, Resource, ResourceContents,
        ServerResult, TaskPayload,
    },
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

type Visit<'a> = &'a mut dyn FnMut(TextSite, &mut String);

pub(super) fn visit_error(error: &mut ErrorData, visit: Visit<'_>) {
    let mut message = std::mem::take(&mut error.message).into_owned();
    visit(TextSite::ErrorMessage, &mut message);
    error.message = message.into();
    if let Some(data) = &mut error.data {
        visit_json_texts(data, &mut |text| visit(TextSite::ErrorData, text));
    }
}

pub(super) fn visit_result(result: &mut ServerResult, visit: Visit<'_>) {
    let replaced = match result {
        ServerResult::CallToolResult(result) => {
            for block in &mut result.content {
                visit_block(block, visit);
            }
            if let Some(value) = &mut result.structured_content {
                visit_json_texts(value, &mut |text| visit(TextSite::Structured, text));
            }
            visit_meta(&mut result.meta, visit);
            None
        }
        ServerResult::GetPromptResult(result) => {
            visit_optional(&mut result.description, TextSite::Content, visit);
            for message in &mut result.messages {
                visit_block(&mut message.content, visit);
            }
            visit_meta(&mut result.meta, visit);
            None
        }
        ServerResult::ReadResourceResult(result) => {
            for contents in &mut result.contents {
                visit_contents(contents, TextSite::Resource, visit);
            }
            visit_meta(&mut result.meta, visit);
            None
        }
        ServerResult::GetTaskResult(result)
            if matches!(result.task.payload, TaskPayload::InputRequired { .. }) =>
        {
            through_json(result, visit)
        }
        ServerResult::GetTaskResult(result) => {
            visit_task(&mut result.task, visit);
            visit_meta(&mut result.meta, visit);
            None
        }
        ServerResult::CustomResult(CustomResult(value)) => {
            // Of any shape, so that the names of its own fields may be anything too.
            visit_json_texts(value, &mut |text| visit(TextSite::Other, text));
            None
        }
        ServerResult::ListToolsResult(result) => through_json(result, visit),
        ServerResult::ListResourcesResult(result) => through_json(result, visit),
        ServerResult::ListResourceTemplatesResult(result) => through_json(result, visit),
        ServerResult::ListPromptsResult(result) => through_json(result, visit),
        #[cfg(feature = "rmcp-3-9")]
        ServerResult::ListSkillsResult(result) => through_json(result, visit),
        #[cfg(feature = "rmcp-3-9")]
        ServerResult::GetSkillResult(result) => through_json(result, visit),
        ServerResult::CompleteResult(result) => through_json(result, visit),
        ServerResult::DiscoverResult(result) => through_json(result, visit),
        ServerResult::InitializeResult(result) => through_json(result, visit),
        ServerResult::CreateTaskResult(result) => through_json(result, visit),
        ServerResult::InputRequiredResult(result) => through_json(result, visit),
        ServerResult::SubscriptionsListenResult(result) => through_json(result, visit),
        ServerResult::ElicitResult(result) => through_json(result, visit),
        ServerResult::TaskAckResult(result) => {
            visit_meta(&mut result.meta, visit);
            None
        }
        ServerResult::EmptyResult(_) => None,
        _ => through_json(result, visit),
    };
    if let Some(value) = replaced {
        *result = ServerResult::CustomResult(CustomResult(value));
    }
}

/// Visits structured content and `_meta`.
pub(super) fn visit_json(result: &mut ServerResult, visit: &mut dyn FnMut(&mut Value)) {
    let meta = match result {
        ServerResult::CallToolResult(result) => {
            if let Some(content) = &mut result.structured_content {
                visit(content);
            }
            for block in &mut result.content {
                block_json(block, visit);
            }
            &mut result.meta
        }
        ServerResult::GetPromptResult(result) => {
            for message in &mut result.messages {
                block_json(&mut message.content, visit);
            }
            &mut result.meta
        }
        ServerResult::ReadResourceResult(result) => {
            for contents in &mut result.contents {
                contents_json(contents, visit);
            }
            &mut result.meta
        }
        ServerResult::GetTaskResult(result) => {
            if let TaskPayload::Completed { result } = &mut result.task.payload {
                through_value(result, |result| json_result::visit_json_mut(result, visit));
            }
            &mut result.meta
        }
        ServerResult::CustomResult(CustomResult(value)) => {
            return json_result::visit_json_mut(value, visit);
        }
        _ => return,
    };
    meta_json(meta, visit);
}

fn block_json(block: &mut ContentBlock, visit: &mut dyn FnMut(&mut Value)) {
    match block {
        ContentBlock::Text(text) => meta_json(&mut text.meta, visit),
        ContentBlock::Resource(embedded) => {
            contents_json(&mut embedded.resource, visit);
            meta_json(&mut embedded.meta, visit);
        }
        ContentBlock::ResourceLink(link) => meta_json(&mut link.meta, visit),
        ContentBlock::Image(image) => meta_json(&mut image.meta, visit),
        ContentBlock::Audio(audio) => meta_json(&mut audio.meta, visit),
        _ => {}
    }
}

fn contents_json(contents: &mut ResourceContents, visit: &mut dyn FnMut(&mut Value)) {
    if let ResourceContents::TextResourceContents { meta, .. }
    | ResourceContents::BlobResourceContents { meta, .. } = contents
    {
        meta_json(meta, visit);
    }
}

fn meta_json(meta: &mut Option<MetaObject>, visit: &mut dyn FnMut(&mut Value)) {
    if let Some(meta) = meta {
        through_value(&mut meta.0, visit);
    }
}

fn through_value(map: &mut Map<String, Value>, visit: impl FnOnce(&mut Value)) {
    let mut value = Value::Object(std::mem::take(map));
    visit(&mut value);
    if let Value::Object(visited) = value {
        *map = visited;
    }
}

/// Results with many small texts are rarely visited, and are visited as JSON. A value that is of
/// its type no longer is given back, to be sent as it is.
fn through_json<T: Serialize + DeserializeOwned>(
    result: &mut T,
    visit: Visit<'_>,
) -> Option<Value> {
    let mut value = serde_json::to_value(&*result).unwrap_or(Value::Null);
    visit_json_texts(&mut value, &mut |text| visit(TextSite::Other, text));
    match T::deserialize(&value) {
        Ok(visited) => {
            *result = visited;
            None
        }
        Err(_) => Some(value),
    }
}

fn visit_block(block: &mut ContentBlock, visit: Visit<'_>) {
    match block {
        ContentBlock::Text(text) => {
            visit(TextSite::Content, &mut text.text);
            visit_meta(&mut text.meta, visit);
        }
        ContentBlock::Resource(embedded) => {
            visit_contents(&mut embedded.resource, TextSite::Content, visit);
            visit_meta(&mut embedded.meta, visit);
        }
        ContentBlock::ResourceLink(link) => visit_link(link, visit),
        ContentBlock::Image(image) => {
            visit(TextSite::Content, &mut image.data);
            visit(TextSite::Content, &mut image.mime_type);
            visit_meta(&mut image.meta, visit);
        }
        ContentBlock::Audio(audio) => {
            visit(TextSite::Content, &mut audio.data);
            visit(TextSite::Content, &mut audio.mime_type);
            visit_meta(&mut audio.meta, visit);
        }
        _ => {}
    }
}

fn visit_link(link: &mut Resource, visit: Visit<'_>) {
    visit(TextSite::Content, &mut link.uri);
    visit(TextSite::Content, &mut link.name);
    for text in [&mut link.title, &mut link.description, &mut link.mime_type] {
        visit_optional(text, TextSite::Content, visit);
    }
    for icon in link.icons.iter_mut().flatten() {
        visit(TextSite::Content, &mut icon.src);
        visit_optional(&mut icon.mime_type, TextSite::Content, visit);
        for size in icon.sizes.iter_mut().flatten() {
            visit(TextSite::Content, size);
        }
    }
    visit_meta(&mut link.meta, visit);
}

fn visit_contents(contents: &mut ResourceContents, site: TextSite, visit: Visit<'_>) {
    let (uri, mime_type, body, meta) = match contents {
        ResourceContents::TextResourceContents {
            uri,
            mime_type,
            text,
            meta,
        } => (uri, mime_type, text, meta),
        ResourceContents::BlobResourceContents {
            uri,
            mime_type,
            blob,
            meta,
        } => (uri, mime_type, blob, meta),
        _ => return,
    };
    visit(site, uri);
    visit_optional(mime_type, site, visit);
    visit(site, body);
    visit_meta(meta, visit);
}

fn visit_task(task: &mut DetailedTask, visit: Visit<'_>) {
    visit_optional(&mut task.task.status_message, TextSite::Task, visit);
    for text in [
        &mut task.task.task_id,
        &mut task.task.created_at,
        &mut task.task.last_updated_at,
    ] {
        visit(TextSite::Other, text);
    }
    if let TaskPayload::Completed { result: map } | TaskPayload::Failed { error: map } =
        &mut task.payload
    {
        visit_map_texts(map, &mut |text| visit(TextSite::Task, text));
    }
}

fn visit_optional(text: &mut Option<String>, site: TextSite, visit: Visit<'_>) {
    if let Some(text) = text {
        visit(site, text);
    }
}

fn visit_meta(meta: &mut Option<MetaObject>, visit: Visit<'_>) {
    if let Some(meta) = meta {
        visit_map_texts(&mut meta.0, &mut |text| visit(TextSite::Other, text));
    }
}
