//! Parts of rmcp's result enum: lists, cursors, caching hints, `_meta`.

use mcp_layers_core::{
    Hints, Listed, ListedKind, Method,
    adapter::json_result,
    response::{CacheHint, CacheScope},
};
use rmcp::model::{self, MetaObject, ServerResult};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads a result as the type that the method's answers have. What does not fit it is kept as JSON,
/// as rmcp keeps it.
pub(super) fn read(method: Method<'_>, json: &[u8]) -> Option<ServerResult> {
    fn of<T: DeserializeOwned>(json: &[u8], wrap: fn(T) -> ServerResult) -> Option<ServerResult> {
        serde_json::from_slice(json).ok().map(wrap)
    }
    let typed = match method {
        Method::Discover => of(json, ServerResult::DiscoverResult),
        Method::ListTools => of(json, ServerResult::ListToolsResult),
        Method::CallTool => of(json, ServerResult::CallToolResult),
        Method::ListResources => of(json, ServerResult::ListResourcesResult),
        Method::ListResourceTemplates => of(json, ServerResult::ListResourceTemplatesResult),
        Method::ReadResource => of(json, ServerResult::ReadResourceResult),
        Method::ListPrompts => of(json, ServerResult::ListPromptsResult),
        Method::GetPrompt => of(json, ServerResult::GetPromptResult),
        Method::Complete => of(json, ServerResult::CompleteResult),
        _ => None,
    };
    typed.or_else(|| of(json, ServerResult::CustomResult))
}

pub(super) fn visit_listed(result: &ServerResult, visit: &mut dyn FnMut(Listed<'_>)) {
    match result {
        ServerResult::ListToolsResult(list) => list.tools.iter().map(tool).for_each(visit),
        ServerResult::ListResourcesResult(list) => {
            list.resources.iter().map(resource).for_each(visit);
        }
        ServerResult::ListResourceTemplatesResult(list) => {
            list.resource_templates.iter().map(template).for_each(visit);
        }
        ServerResult::ListPromptsResult(list) => list.prompts.iter().map(prompt).for_each(visit),
        #[cfg(feature = "rmcp-3-9")]
        ServerResult::ListSkillsResult(list) => list.skills.iter().map(skill).for_each(visit),
        ServerResult::CustomResult(custom) => json_result::visit_listed(&custom.0, visit),
        _ => {}
    }
}

pub(super) fn retain_listed(
    result: &mut ServerResult,
    keep: &mut dyn FnMut(Listed<'_>) -> bool,
) -> usize {
    match result {
        ServerResult::ListToolsResult(list) => retain(&mut list.tools, |entry| keep(tool(entry))),
        ServerResult::ListResourcesResult(list) => {
            retain(&mut list.resources, |entry| keep(resource(entry)))
        }
        ServerResult::ListResourceTemplatesResult(list) => {
            retain(&mut list.resource_templates, |entry| keep(template(entry)))
        }
        ServerResult::ListPromptsResult(list) => {
            retain(&mut list.prompts, |entry| keep(prompt(entry)))
        }
        #[cfg(feature = "rmcp-3-9")]
        ServerResult::ListSkillsResult(list) => {
            retain(&mut list.skills, |entry| keep(skill(entry)))
        }
        ServerResult::CustomResult(custom) => json_result::retain_listed(&mut custom.0, keep),
        _ => 0,
    }
}

fn retain<T>(entries: &mut Vec<T>, keep: impl FnMut(&T) -> bool) -> usize {
    let before = entries.len();
    entries.retain(keep);
    before - entries.len()
}

fn tool(tool: &model::Tool) -> Listed<'_> {
    Listed::new(ListedKind::Tool, &tool.name).with_hints(hints(tool))
}

pub(crate) fn hints(tool: &model::Tool) -> Hints {
    let Some(hints) = &tool.annotations else {
        return Hints::default();
    };
    Hints::default()
        .with_read_only(hints.read_only_hint)
        .with_destructive(hints.destructive_hint)
        .with_idempotent(hints.idempotent_hint)
        .with_open_world(hints.open_world_hint)
}

fn resource(resource: &model::Resource) -> Listed<'_> {
    Listed::new(ListedKind::Resource, &resource.uri)
}

fn template(template: &model::ResourceTemplate) -> Listed<'_> {
    Listed::new(ListedKind::ResourceTemplate, &template.uri_template)
}

fn prompt(prompt: &model::Prompt) -> Listed<'_> {
    Listed::new(ListedKind::Prompt, &prompt.name)
}

#[cfg(feature = "rmcp-3-9")]
fn skill(skill: &model::Skill) -> Listed<'_> {
    Listed::new(ListedKind::Skill, &skill.uri)
}

pub(super) fn next_cursor(result: &ServerResult) -> Option<&str> {
    match result {
        ServerResult::ListToolsResult(list) => list.next_cursor.as_deref(),
        ServerResult::ListResourcesResult(list) => list.next_cursor.as_deref(),
        ServerResult::ListResourceTemplatesResult(list) => list.next_cursor.as_deref(),
        ServerResult::ListPromptsResult(list) => list.next_cursor.as_deref(),
        #[cfg(feature = "rmcp-3-9")]
        ServerResult::ListSkillsResult(list) => list.next_cursor.as_deref(),
        ServerResult::CustomResult(custom) => json_result::next_cursor(&custom.0),
        _ => None,
    }
}

/// The fields in which a result keeps its caching hint.
macro_rules! hint_fields {
    ($result:expr, $of:ident => $fields:expr, $else:expr) => {
        match $result {
            ServerResult::ListToolsResult($of) => $fields,
            ServerResult::ListResourcesResult($of) => $fields,
            ServerResult::ListResourceTemplatesResult($of) => $fields,
            ServerResult::ListPromptsResult($of) => $fields,
            #[cfg(feature = "rmcp-3-9")]
            ServerResult::ListSkillsResult($of) => $fields,
            #[cfg(feature = "rmcp-3-9")]
            ServerResult::GetSkillResult($of) => $fields,
            ServerResult::ReadResourceResult($of) => $fields,
            _ => $else,
        }
    };
}

pub(super) fn cache_hint(result: &ServerResult) -> CacheHint {
    if let ServerResult::CustomResult(custom) = result {
        return json_result::cache_hint(&custom.0);
    }
    if let ServerResult::DiscoverResult(result) = result {
        return CacheHint::new(Some(result.ttl_ms), scope(&result.cache_scope));
    }
    hint_fields!(
        result,
        list => CacheHint::new(list.ttl_ms, list.cache_scope.as_ref().and_then(scope)),
        CacheHint::default()
    )
}

pub(super) fn set_cache_hint(result: &mut ServerResult, hint: CacheHint) -> bool {
    if let ServerResult::CustomResult(custom) = result {
        return json_result::set_cache_hint(&mut custom.0, hint);
    }
    let cache_scope = hint.scope.and_then(|scope| match scope {
        CacheScope::Public => Some(model::CacheScope::Public),
        CacheScope::Private => Some(model::CacheScope::Private),
        _ => None,
    });
    // Discovery always carries both parts; what the hint lacks means: stale at once, private.
    if let ServerResult::DiscoverResult(result) = result {
        result.ttl_ms = hint.ttl_ms.unwrap_or(0);
        result.cache_scope = cache_scope.unwrap_or(model::CacheScope::Private);
        return true;
    }
    hint_fields!(
        result,
        list => {
            list.ttl_ms = hint.ttl_ms;
            list.cache_scope = cache_scope;
            true
        },
        false
    )
}

fn scope(scope: &model::CacheScope) -> Option<CacheScope> {
    match scope {
        model::CacheScope::Public => Some(CacheScope::Public),
        model::CacheScope::Private => Some(CacheScope::Private),
        _ => None,
    }
}

pub(super) fn insert_meta(result: &mut ServerResult, key: &str, value: Value) -> bool {
    if let ServerResult::CustomResult(custom) = result {
        return json_result::insert_meta(&mut custom.0, key, value);
    }
    let Some(meta) = meta_of(result) else {
        return false;
    };
    meta.get_or_insert_default().0.insert(key.to_owned(), value);
    true
}

fn meta_of(result: &mut ServerResult) -> Option<&mut Option<MetaObject>> {
    Some(match result {
        ServerResult::CallToolResult(result) => &mut result.meta,
        ServerResult::ReadResourceResult(result) => &mut result.meta,
        ServerResult::GetPromptResult(result) => &mut result.meta,
        ServerResult::CompleteResult(result) => &mut result.meta,
        ServerResult::ListToolsResult(result) => &mut result.meta,
        ServerResult::ListResourcesResult(result) => &mut result.meta,
        ServerResult::ListResourceTemplatesResult(result) => &mut result.meta,
        ServerResult::ListPromptsResult(result) => &mut result.meta,
        #[cfg(feature = "rmcp-3-9")]
        ServerResult::ListSkillsResult(result) => &mut result.meta,
        #[cfg(feature = "rmcp-3-9")]
        ServerResult::GetSkillResult(result) => &mut result.meta,
        ServerResult::DiscoverResult(result) => &mut result.meta,
        ServerResult::InitializeResult(result) => &mut result.meta,
        ServerResult::CreateTaskResult(result) => &mut result.meta,
        ServerResult::GetTaskResult(result) => &mut result.meta,
        ServerResult::TaskAckResult(result) => &mut result.meta,
        ServerResult::InputRequiredResult(result) => &mut result.meta,
        _ => return None,
    })
}
