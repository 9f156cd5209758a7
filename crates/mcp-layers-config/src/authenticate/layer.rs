//! The settings of the layer.

use std::{collections::BTreeMap, sync::Arc};

use http::HeaderName;
use mcp_layers_authenticate::{AuthenticateLayer, Replaceable, Verify};
use serde::{Deserialize, Serialize};

use super::{
    api_key::{self, ApiKeySettings},
    metadata::MetadataSettings,
    verifiers::{New, Verifiers},
};
use crate::{
    error::{ConfigError, at, join},
    table::{Change, Table},
    value::{ByteSize, Secret},
};

/// Settings of an [`AuthenticateLayer`] around HTTP: `[authenticate]`.
///
/// Verifiers are tried in the order of their names; that of API keys is called `api_keys`. A principal
/// without an issuer has the name of its verifier as issuer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct AuthenticateSettings {
    /// API keys, by the names of their principals.
    pub api_keys: BTreeMap<String, ApiKeySettings>,
    /// JSON web tokens, by names.
    #[cfg(feature = "authenticate-jwt")]
    pub jwt: BTreeMap<String, super::JwtSettings>,
    /// Token introspection, by names.
    #[cfg(feature = "authenticate-remote")]
    pub introspection: BTreeMap<String, super::IntrospectionSettings>,
    /// The metadata of the protected resource; none by default.
    pub metadata: Option<MetadataSettings>,
    /// The scopes that a challenge asks for.
    pub challenge_scopes: Vec<String>,
    /// The header in which an API key is accepted too; none by default.
    pub api_key_header: Option<String>,
    /// The origins of web pages that may send requests.
    pub allow_origins: Vec<String>,
    /// Lets any web page send requests.
    pub allow_any_origin: bool,
    /// The maximum size of a request's body.
    pub max_body: ByteSize,
    /// The maximum length of a credential.
    pub max_credential: ByteSize,
    /// Keeps the header with the credential in the request.
    pub keep_credential: bool,
}

impl Default for AuthenticateSettings {
    fn default() -> Self {
        Self {
            api_keys: BTreeMap::new(),
            #[cfg(feature = "authenticate-jwt")]
            jwt: BTreeMap::new(),
            #[cfg(feature = "authenticate-remote")]
            introspection: BTreeMap::new(),
            metadata: None,
            challenge_scopes: Vec::new(),
            api_key_header: None,
            allow_origins: Vec::new(),
            allow_any_origin: false,
            max_body: ByteSize::new(4 << 20),
            max_credential: ByteSize::new(16 << 10),
            keep_credential: false,
        }
    }
}

const API_KEYS: &str = "api_keys";

impl AuthenticateSettings {
    /// Builds the layer.
    ///
    /// # Errors
    /// If there is no verifier, two of them have the same name, or a secret cannot be read; as the
    /// verifiers and the setters of [`AuthenticateLayer`].
    pub fn layer(&self) -> Result<AuthenticateLayer, ConfigError> {
        self.build().map(|(layer, _)| layer)
    }

    fn verifiers(&self) -> Result<New, ConfigError> {
        let mut verifiers = New::new();
        if !self.api_keys.is_empty() {
            let (texts, verifier) = api_key::verifier(&self.api_keys)?;
            let made: (_, Arc<dyn Verify>) = (texts, Arc::new(verifier));
            add(&mut verifiers, API_KEYS, &self.api_keys, made)?;
        }
        #[cfg(feature = "authenticate-jwt")]
        for (name, jwt) in &self.jwt {
            let made = jwt.verifier(&join("authenticate.jwt", name))?;
            let (text, verifier) = made;
            add(&mut verifiers, name, jwt, (vec![text], verifier))?;
        }
        #[cfg(feature = "authenticate-remote")]
        for (name, introspection) in &self.introspection {
            let made = introspection.verifier(&join("authenticate.introspection", name))?;
            let (text, verifier) = made;
            add(&mut verifiers, name, introspection, (vec![text], verifier))?;
        }
        match verifiers.is_empty() {
            true => Err(ConfigError::new(
                "authenticate",
                "nobody could be authenticated: set `api_keys`, `jwt` or `introspection`",
            )),
            false => Ok(verifiers),
        }
    }

    fn with_verifier(&self, verifier: Replaceable) -> Result<AuthenticateLayer, ConfigError> {
        let mut layer = AuthenticateLayer::new(verifier)
            .max_body(self.max_body.in_memory())
            .map_err(at("authenticate.max_body"))?
            .max_credential(self.max_credential.in_memory())
            .map_err(at("authenticate.max_credential"))?
            .allow_origins(&self.allow_origins)
            .map_err(at("authenticate.allow_origins"))?;
        if let Some(metadata) = &self.metadata {
            layer = layer.metadata(metadata.metadata()?);
        }
        if !self.challenge_scopes.is_empty() {
            let set = layer.challenge_scopes(&self.challenge_scopes);
            layer = set.map_err(at("authenticate.challenge_scopes"))?;
        }
        if let Some(name) = &self.api_key_header {
            let name = HeaderName::try_from(name).map_err(at("authenticate.api_key_header"))?;
            layer = layer.api_key_header(name);
        }
        if self.allow_any_origin {
            layer = layer.allow_any_origin();
        }
        Ok(match self.keep_credential {
            true => layer.keep_credential(),
            false => layer,
        })
    }

    fn api_key_secrets(&self) -> Vec<(String, &Secret)> {
        let keys = self.api_keys.iter();
        let with_secret = keys.filter_map(|(name, key)| Some((name, key.key.as_ref()?)));
        let path = |name| format!("{}.key", join("authenticate.api_keys", name));
        with_secret
            .map(|(name, secret)| (path(name), secret))
            .collect()
    }
}

/// Adds a verifier with what it was made from: its settings, and texts from outside of them.
fn add(
    verifiers: &mut New,
    name: &str,
    settings: &impl Serialize,
    (texts, verifier): (Vec<String>, Arc<dyn Verify>),
) -> Result<(), ConfigError> {
    let settings = serde_json::to_string(settings).map_err(at("authenticate"))?;
    let source = format!("{settings}{texts:?}");
    match verifiers.insert(name.to_owned(), (source, verifier)) {
        None => Ok(()),
        Some(_) => {
            let problem = format!("two verifiers are named `{name}`");
            Err(ConfigError::new("authenticate", problem))
        }
    }
}

impl Table for AuthenticateSettings {
    type Layer = AuthenticateLayer;
    type Live = Verifiers;

    const RELOADS_SECRETS: bool = true;

    fn build(&self) -> Result<(AuthenticateLayer, Verifiers), ConfigError> {
        let (verifiers, verifier) = Verifiers::start(self.verifiers()?)?;
        Ok((self.with_verifier(verifier)?, verifiers))
    }

    fn with_live_keys_of(&self, new: &Self) -> Self {
        Self {
            api_keys: new.api_keys.clone(),
            #[cfg(feature = "authenticate-jwt")]
            jwt: new.jwt.clone(),
            #[cfg(feature = "authenticate-remote")]
            introspection: new.introspection.clone(),
            ..self.clone()
        }
    }

    fn prepare(&self, _: &Self, live: &Verifiers) -> Result<Vec<Change>, ConfigError> {
        Ok(vec![Box::new(live.replace(self.verifiers()?)?)])
    }

    fn secrets(&self) -> Vec<(String, &Secret)> {
        #[allow(unused_mut)]
        let mut secrets = self.api_key_secrets();
        #[cfg(feature = "authenticate-remote")]
        for (name, introspection) in &self.introspection {
            secrets.extend(introspection.secrets(&join("authenticate.introspection", name)));
        }
        secrets
    }
}
