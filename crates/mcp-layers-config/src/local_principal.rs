//! The table `local_principal`.

use mcp_layers_core::{Authentication, Principal};
use mcp_layers_util::LocalPrincipalLayer;
use serde::{Deserialize, Serialize};

use crate::{error::ConfigError, table::fixed};

/// Settings of a [`LocalPrincipalLayer`]: `[local_principal]`, the principal of a server over standard
/// input and output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LocalPrincipalSettings {
    /// The subject.
    pub subject: String,
    /// The issuer that vouches for the subject; none by default.
    #[serde(default)]
    pub issuer: Option<String>,
    /// The OAuth client; none by default.
    #[serde(default)]
    pub client_id: Option<String>,
    /// The tenant; none by default.
    #[serde(default)]
    pub tenant: Option<String>,
    /// The scopes.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The roles.
    #[serde(default)]
    pub roles: Vec<String>,
}

impl LocalPrincipalSettings {
    /// A subject without scopes and roles.
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            issuer: None,
            client_id: None,
            tenant: None,
            scopes: Vec::new(),
            roles: Vec::new(),
        }
    }

    /// Builds the layer.
    ///
    /// # Errors
    /// If the subject is empty.
    pub fn layer(&self) -> Result<LocalPrincipalLayer, ConfigError> {
        if self.subject.is_empty() {
            let problem = "a principal has a name";
            return Err(ConfigError::new("local_principal.subject", problem));
        }
        let scopes = self.scopes.iter().map(String::as_str);
        let roles = self.roles.iter().map(String::as_str);
        let mut principal = Principal::new(self.subject.as_str(), Authentication::Local)
            .with_scopes(scopes)
            .with_roles(roles);
        if let Some(issuer) = &self.issuer {
            principal = principal.with_issuer(issuer.as_str());
        }
        if let Some(client_id) = &self.client_id {
            principal = principal.with_client_id(client_id.as_str());
        }
        if let Some(tenant) = &self.tenant {
            principal = principal.with_tenant(tenant.as_str());
        }
        Ok(LocalPrincipalLayer::new(principal))
    }
}

fixed!(LocalPrincipalSettings => LocalPrincipalLayer);
