//! API keys.

use std::collections::BTreeMap;

use mcp_layers_authenticate::ApiKeys;
use mcp_layers_core::{Authentication, Principal};
use serde::{Deserialize, Serialize};

use crate::{
    error::{ConfigError, at, join},
    value::Secret,
};

/// An API key, with its principal. Either the key or its digest is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ApiKeySettings {
    /// The key.
    #[serde(default)]
    pub key: Option<Secret>,
    /// The SHA-256 digest of the key, in hexadecimal digits.
    #[serde(default)]
    pub digest: Option<String>,
    /// The subject; by default the name of the table.
    #[serde(default)]
    pub subject: Option<String>,
    /// The tenant; none by default.
    #[serde(default)]
    pub tenant: Option<String>,
    /// The OAuth client; none by default.
    #[serde(default)]
    pub client_id: Option<String>,
    /// The scopes.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The roles.
    #[serde(default)]
    pub roles: Vec<String>,
}

impl ApiKeySettings {
    /// A key, whose principal has the name of the table and no scopes.
    #[must_use]
    pub fn new(key: Secret) -> Self {
        Self {
            key: Some(key),
            digest: None,
            subject: None,
            tenant: None,
            client_id: None,
            scopes: Vec::new(),
            roles: Vec::new(),
        }
    }

    fn principal(&self, name: &str) -> Principal {
        let subject = self.subject.as_deref().unwrap_or(name);
        let mut principal = Principal::new(subject, Authentication::ApiKey)
            .with_scopes(self.scopes.iter().map(String::as_str))
            .with_roles(self.roles.iter().map(String::as_str));
        if let Some(tenant) = &self.tenant {
            principal = principal.with_tenant(tenant.as_str());
        }
        if let Some(client_id) = &self.client_id {
            principal = principal.with_client_id(client_id.as_str());
        }
        principal
    }
}

/// The verifier of all API keys, and the secrets that it was made from.
pub(super) fn verifier(
    keys: &BTreeMap<String, ApiKeySettings>,
) -> Result<(Vec<String>, ApiKeys), ConfigError> {
    let (mut texts, mut verifier) = (Vec::new(), ApiKeys::new());
    for (name, key) in keys {
        let path = join("authenticate.api_keys", name);
        let principal = key.principal(name);
        verifier = match (&key.key, &key.digest) {
            (Some(secret), None) => {
                let path = format!("{path}.key");
                let text = secret.read().map_err(at(path.clone()))?;
                verifier = verifier.with_key(&text, principal).map_err(at(path))?;
                texts.push(text);
                verifier
            }
            (None, Some(digest)) => {
                let path = format!("{path}.digest");
                let mut bytes = [0; 32];
                let decoded = base16ct::mixed::decode(digest, &mut bytes);
                if decoded.map_or(0, <[u8]>::len) != bytes.len() {
                    let problem = "not a SHA-256 digest: write 64 hexadecimal digits";
                    return Err(ConfigError::new(path, problem));
                }
                verifier.with_digest(bytes, principal).map_err(at(path))?
            }
            _ => {
                let problem = "set either `key` or `digest`";
                return Err(ConfigError::new(path, problem));
            }
        };
    }
    Ok((texts, verifier))
}
