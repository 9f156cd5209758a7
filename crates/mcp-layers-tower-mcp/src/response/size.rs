//! How large a response is.

use mcp_layers_core::{json_size, serialized_size};
use tower_mcp::{
    RouterResponse,
    protocol::{Content, McpResponse, ResourceContent},
};

/// About the bytes of the JSON-RPC message around a result, and of an object's keys and quotes.
const ENVELOPE: usize = 40;

pub(super) fn estimate(response: &RouterResponse) -> usize {
    ENVELOPE
        + match &response.inner {
            Ok(result) => estimate_result(result),
            Err(error) => error.message.len() + error.data.as_ref().map_or(0, json_size),
        }
}

/// What can be large is summed up; the rest is counted by writing it to nowhere.
fn estimate_result(result: &McpResponse) -> usize {
    match result {
        McpResponse::CallTool(result) => {
            result.content.iter().map(content).sum::<usize>()
                + result.structured_content.as_ref().map_or(0, json_size)
                + result.meta.as_ref().map_or(0, json_size)
        }
        McpResponse::ReadResource(result) => {
            result.contents.iter().map(resource).sum::<usize>()
                + result.meta.as_ref().map_or(0, json_size)
        }
        McpResponse::Raw(value) => json_size(value),
        other => serialized_size(other),
    }
}

fn content(content: &Content) -> usize {
    ENVELOPE
        + match content {
            Content::Text { text, meta, .. } => text.len() + meta.as_ref().map_or(0, json_size),
            Content::Image { data, meta, .. } | Content::Audio { data, meta, .. } => {
                data.len() + meta.as_ref().map_or(0, json_size)
            }
            Content::Resource {
                resource: inner, ..
            } => resource(inner),
            other => serialized_size(other),
        }
}

fn resource(content: &ResourceContent) -> usize {
    ENVELOPE
        + content.uri.len()
        + content.text.as_ref().map_or(0, String::len)
        + content.blob.as_ref().map_or(0, String::len)
        + content.meta.as_ref().map_or(0, json_size)
}
