//! The metadata of the protected resource.

use mcp_layers_authenticate::ResourceMetadata;
use serde::{Deserialize, Serialize};

use crate::error::{ConfigError, at};

/// The metadata of the server as an OAuth protected resource: `[authenticate.metadata]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MetadataSettings {
    /// The URL of the server, as clients write it.
    pub resource: String,
    /// The authorization servers, by their issuer identifiers.
    #[serde(default)]
    pub authorization_server: Vec<String>,
    /// The scopes that clients may request.
    #[serde(default)]
    pub scopes_supported: Vec<String>,
    /// The human-readable name; none by default.
    #[serde(default)]
    pub resource_name: Option<String>,
    /// The URL of a page for developers; none by default.
    #[serde(default)]
    pub resource_documentation: Option<String>,
}

impl MetadataSettings {
    pub(super) fn metadata(&self) -> Result<ResourceMetadata, ConfigError> {
        let path = |key: &str| format!("authenticate.metadata.{key}");
        let metadata = ResourceMetadata::new(self.resource.as_str());
        let scopes = self.scopes_supported.iter().map(String::as_str);
        let mut metadata = metadata
            .map_err(at(path("resource")))?
            .scopes_supported(scopes)
            .map_err(at(path("scopes_supported")))?;
        for issuer in &self.authorization_server {
            let added = metadata.authorization_server(issuer.as_str());
            metadata = added.map_err(at(path("authorization_server")))?;
        }
        if let Some(name) = &self.resource_name {
            metadata = metadata.resource_name(name.as_str());
        }
        if let Some(url) = &self.resource_documentation {
            metadata = metadata.resource_documentation(url.as_str());
        }
        Ok(metadata)
    }
}
