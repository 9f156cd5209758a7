//! Two fixed resources, one template, and the error for everything else.

use rmcp::{
    ErrorData,
    model::{Resource, ResourceContents, ResourceTemplate},
};
use serde_json::json;

use crate::tools::PIXEL;

const TEXT: &str = "test://static-text";
const BINARY: &str = "test://static-binary";

/// The entries of `resources/list`.
pub(crate) fn listed() -> Vec<Resource> {
    vec![
        Resource::new(TEXT, "static-text")
            .with_description("A text that never changes")
            .with_mime_type("text/plain"),
        Resource::new(BINARY, "static-binary")
            .with_description("An image that never changes")
            .with_mime_type("image/png"),
    ]
}

/// The entries of `resources/templates/list`.
pub(crate) fn templates() -> Vec<ResourceTemplate> {
    vec![
        ResourceTemplate::new("test://template/{id}/data", "data-by-id")
            .with_description("Data made up for the id in the uri")
            .with_mime_type("application/json"),
    ]
}

/// The contents behind `uri`.
///
/// # Errors
///
/// Not found, with the uri in the error's data, if no resource or template matches.
pub(crate) fn read(uri: &str) -> Result<ResourceContents, ErrorData> {
    match uri {
        TEXT => Ok(ResourceContents::text(
            "This is the content of the static text resource.",
            uri,
        )),
        BINARY => Ok(ResourceContents::blob(PIXEL, uri).with_mime_type("image/png")),
        _ => {
            let id = id_in(uri).ok_or_else(|| {
                ErrorData::resource_not_found("Resource not found", Some(json!({ "uri": uri })))
            })?;
            let data = json!({
                "id": id,
                "templateTest": true,
                "data": format!("Data for ID: {id}"),
            });
            Ok(ResourceContents::text(data.to_string(), uri).with_mime_type("application/json"))
        }
    }
}

/// The `{id}` of a uri that follows the template: one path segment that is not empty.
fn id_in(uri: &str) -> Option<&str> {
    uri.strip_prefix("test://template/")?
        .strip_suffix("/data")
        .filter(|id| !id.is_empty() && !id.contains('/'))
}
