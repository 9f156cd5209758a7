//! The resources. Each returns how often it was read, so that an answer out of a cache shows.

use rmcp::{
    ErrorData,
    model::{CacheScope, ReadResourceResult, Resource, ResourceContents, ResourceTemplate},
};
use serde_json::json;

use crate::server::Runs;

pub(crate) const PUBLIC: &str = "test://public";
const PRIVATE: &str = "test://private";
const PLAIN: &str = "test://plain";
const ITEM: &str = "test://item/";

/// For how long the resources with a hint are fresh, in milliseconds.
const TTL_MS: u64 = 60_000;

/// The entries of `resources/list`.
pub(crate) fn listed() -> Vec<Resource> {
    let resource = |uri, name, description| {
        Resource::new(uri, name)
            .with_description(description)
            .with_mime_type("text/plain")
    };
    vec![
        resource(
            PUBLIC,
            "public",
            "Fresh for a minute, the same for everyone",
        ),
        resource(
            PRIVATE,
            "private",
            "Fresh for a minute, for one caller alone",
        ),
        resource(PLAIN, "plain", "Without caching hints"),
    ]
}

/// The entries of `resources/templates/list`.
pub(crate) fn templates() -> Vec<ResourceTemplate> {
    vec![
        ResourceTemplate::new("test://item/{id}", "item")
            .with_description("Any item, without caching hints")
            .with_mime_type("text/plain"),
    ]
}

/// Reads a resource; its text is the number of reads.
///
/// # Errors
/// Not found, with the uri in the error's data.
pub(crate) fn read(uri: &str, runs: &Runs) -> Result<ReadResourceResult, ErrorData> {
    let scope = match uri {
        PUBLIC => Some(CacheScope::Public),
        PRIVATE => Some(CacheScope::Private),
        PLAIN => None,
        _ if is_item(uri) => None,
        _ => {
            let data = json!({ "uri": uri });
            return Err(ErrorData::resource_not_found(
                "Resource not found",
                Some(data),
            ));
        }
    };
    let text = runs.of(uri).to_string();
    let contents = ResourceContents::text(text, uri).with_mime_type("text/plain");
    let result = ReadResourceResult::new(vec![contents]);
    Ok(match scope {
        Some(scope) => result.with_ttl_ms(TTL_MS).with_cache_scope(scope),
        None => result,
    })
}

fn is_item(uri: &str) -> bool {
    uri.strip_prefix(ITEM)
        .is_some_and(|id| !id.is_empty() && !id.contains('/'))
}
