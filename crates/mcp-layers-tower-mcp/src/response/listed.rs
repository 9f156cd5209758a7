//! The entries of tower-mcp's list results.

use mcp_layers_core::{Hints, Listed, ListedKind, adapter::json_result};
use tower_mcp::protocol::{
    McpResponse, PromptDefinition, ResourceDefinition, ResourceTemplateDefinition, ToolDefinition,
};

pub(super) fn visit(result: &McpResponse, visit: &mut dyn FnMut(Listed<'_>)) {
    match result {
        McpResponse::ListTools(list) => list.tools.iter().map(tool).for_each(visit),
        McpResponse::ListResources(list) => list.resources.iter().map(resource).for_each(visit),
        McpResponse::ListResourceTemplates(list) => {
            list.resource_templates.iter().map(template).for_each(visit);
        }
        McpResponse::ListPrompts(list) => list.prompts.iter().map(prompt).for_each(visit),
        McpResponse::Raw(value) => json_result::visit_listed(value, visit),
        _ => {}
    }
}

pub(super) fn retain(result: &mut McpResponse, keep: &mut dyn FnMut(Listed<'_>) -> bool) -> usize {
    fn part<T>(entries: &mut Vec<T>, mut keep: impl FnMut(&T) -> bool) -> usize {
        let before = entries.len();
        entries.retain(|entry| keep(entry));
        before - entries.len()
    }
    match result {
        McpResponse::ListTools(list) => part(&mut list.tools, |entry| keep(tool(entry))),
        McpResponse::ListResources(list) => {
            part(&mut list.resources, |entry| keep(resource(entry)))
        }
        McpResponse::ListResourceTemplates(list) => {
            part(&mut list.resource_templates, |entry| keep(template(entry)))
        }
        McpResponse::ListPrompts(list) => part(&mut list.prompts, |entry| keep(prompt(entry))),
        McpResponse::Raw(value) => json_result::retain_listed(value, keep),
        _ => 0,
    }
}

/// tower-mcp does not distinguish an absent hint from one with the default value. A hint that it
/// would not send counts as absent.
fn tool(tool: &ToolDefinition) -> Listed<'_> {
    let listed = Listed::new(ListedKind::Tool, &tool.name);
    let Some(hints) = &tool.annotations else {
        return listed;
    };
    let hints = Hints::default()
        .with_read_only(hints.read_only_hint.then_some(true))
        .with_destructive((!hints.destructive_hint).then_some(false))
        .with_idempotent(hints.idempotent_hint.then_some(true))
        .with_open_world((!hints.open_world_hint).then_some(false));
    listed.with_hints(hints)
}

fn resource(resource: &ResourceDefinition) -> Listed<'_> {
    Listed::new(ListedKind::Resource, &resource.uri)
}

fn template(template: &ResourceTemplateDefinition) -> Listed<'_> {
    Listed::new(ListedKind::ResourceTemplate, &template.uri_template)
}

fn prompt(prompt: &PromptDefinition) -> Listed<'_> {
    Listed::new(ListedKind::Prompt, &prompt.name)
}
