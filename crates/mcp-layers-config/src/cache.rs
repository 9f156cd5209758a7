//! The table `cache`.

use std::{collections::BTreeMap, time::Duration};

use mcp_layers_cache::{AuthorizationContext, CacheLayer, Freshness};
use mcp_layers_core::{
    Method,
    response::{CacheHint, CacheScope},
};
use serde::{Deserialize, Serialize};

use crate::{
    error::{ConfigError, at, join},
    table::fixed,
    value::{ByteSize, TimeSpan},
};

/// Settings of a [`CacheLayer`] in memory: `[cache]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct CacheSettings {
    /// Overrides the hints in the results of a method, by its name.
    pub override_for: BTreeMap<String, FreshnessSettings>,
    /// Overrides the hints of a resource, by its uri.
    pub resource: BTreeMap<String, FreshnessSettings>,
    /// Caches the results of tools, by their names or patterns such as `db_*`.
    pub tool: BTreeMap<String, FreshnessSettings>,
    /// Caches the results of tools that the server declares read-only and idempotent; no default.
    pub trust_hints: Option<FreshnessSettings>,
    /// Caches the results of a prompt, by its name.
    pub prompt: BTreeMap<String, FreshnessSettings>,
    /// Caches completions, by the name of the prompt or the uri template.
    pub completion: BTreeMap<String, FreshnessSettings>,
    /// Writes a hint into the results of a method that have none, by its name.
    pub default_hint: BTreeMap<String, FreshnessSettings>,
    /// The callers that share private results.
    pub context: CacheContext,
    /// The bytes of all entries together.
    pub max_capacity: ByteSize,
    /// The most entries.
    pub max_entries: usize,
    /// The bytes of the largest entry.
    pub max_entry_bytes: ByteSize,
    /// The longest time to live.
    pub max_time_to_live: TimeSpan,
    /// The longest time that a request waits for another one with the same key.
    pub max_wait: TimeSpan,
    /// The time for which a stale entry is served while another request fetches a new one.
    pub stale_while_revalidate: TimeSpan,
    /// The time for which a stale entry is served when the server fails.
    pub stale_if_error: TimeSpan,
    /// Leaves the client's capabilities out of the key.
    pub ignore_capabilities: bool,
    /// The keys of `_meta` that are a part of the key; by default all that may change a result.
    pub vary_by_meta: Option<Vec<String>>,
    /// Takes an update of a resource as one of every resource whose uri begins with its uri.
    pub updates_are_prefixes: bool,
    /// Reports hits and misses in the `_meta` of results.
    pub report_in_meta: bool,
}

/// A time to live, and the callers that share a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FreshnessSettings {
    /// The time to live; zero turns caching off.
    pub time_to_live: TimeSpan,
    /// The callers that share a result: those that the result names, else those of one context.
    #[serde(default)]
    pub scope: Option<Scope>,
}

/// The callers that share a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everybody.
    Public,
    /// Callers of the same context.
    Private,
}

/// The callers that share private results.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CacheContext {
    /// Callers with the same credential.
    #[default]
    Credential,
    /// The same subject, with any credential.
    Subject,
    /// Callers of the same tenant with the same rights.
    Tenant,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self {
            override_for: BTreeMap::new(),
            resource: BTreeMap::new(),
            tool: BTreeMap::new(),
            trust_hints: None,
            prompt: BTreeMap::new(),
            completion: BTreeMap::new(),
            default_hint: BTreeMap::new(),
            context: CacheContext::default(),
            max_capacity: CacheLayer::DEFAULT_MAX_CAPACITY.into(),
            max_entries: CacheLayer::DEFAULT_MAX_ENTRIES,
            max_entry_bytes: CacheLayer::DEFAULT_MAX_ENTRY_BYTES.into(),
            max_time_to_live: CacheLayer::DEFAULT_MAX_TIME_TO_LIVE.into(),
            max_wait: CacheLayer::DEFAULT_MAX_WAIT.into(),
            stale_while_revalidate: Duration::ZERO.into(),
            stale_if_error: Duration::ZERO.into(),
            ignore_capabilities: false,
            vary_by_meta: None,
            updates_are_prefixes: false,
            report_in_meta: false,
        }
    }
}

impl FreshnessSettings {
    /// A time to live, shared as the result says.
    #[must_use]
    pub fn new(time_to_live: TimeSpan) -> Self {
        Self {
            time_to_live,
            scope: None,
        }
    }

    fn freshness(&self) -> Freshness {
        let freshness = Freshness::new(self.time_to_live.get());
        match self.scope {
            None => freshness,
            Some(Scope::Public) => freshness.public(),
            Some(Scope::Private) => freshness.private(),
        }
    }

    fn hint(&self) -> CacheHint {
        let millis = self.time_to_live.get().as_millis();
        let scope = self.scope.map(|scope| match scope {
            Scope::Public => CacheScope::Public,
            Scope::Private => CacheScope::Private,
        });
        CacheHint::new(Some(u64::try_from(millis).unwrap_or(u64::MAX)), scope)
    }
}

impl CacheSettings {
    /// Builds the layer.
    ///
    /// # Errors
    /// As the setters of [`CacheLayer`], and for a method that the protocol does not have.
    pub fn layer(&self) -> Result<CacheLayer, ConfigError> {
        let mut layer = self.bounds()?;
        for (name, freshness) in &self.override_for {
            let path = join("cache.override_for", name);
            let method = method(&path, name)?;
            let set = layer.override_for(method, freshness.freshness());
            layer = set.map_err(at(path))?;
        }
        for (name, hint) in &self.default_hint {
            let path = join("cache.default_hint", name);
            let method = method(&path, name)?;
            layer = layer.default_hint(method, hint.hint()).map_err(at(path))?;
        }
        for (pattern, freshness) in &self.tool {
            let path = join("cache.tool", pattern);
            let set = layer.tool(pattern, freshness.freshness());
            layer = set.map_err(at(path))?;
        }
        for (uri, freshness) in &self.resource {
            layer = layer.resource(uri.as_str(), freshness.freshness());
        }
        for (name, freshness) in &self.prompt {
            layer = layer.prompt(name.as_str(), freshness.freshness());
        }
        for (reference, freshness) in &self.completion {
            layer = layer.completion(reference.as_str(), freshness.freshness());
        }
        if let Some(freshness) = &self.trust_hints {
            layer = layer.trust_hints(freshness.freshness());
        }
        if let Some(names) = &self.vary_by_meta {
            layer = layer.vary_by_meta(names.iter().map(String::as_str));
        }
        Ok(layer)
    }

    fn bounds(&self) -> Result<CacheLayer, ConfigError> {
        let context = match self.context {
            CacheContext::Credential => AuthorizationContext::Credential,
            CacheContext::Subject => AuthorizationContext::Subject,
            CacheContext::Tenant => AuthorizationContext::Tenant,
        };
        let mut layer = CacheLayer::new()
            .context(context)
            .max_capacity(self.max_capacity.in_memory())
            .map_err(at("cache.max_capacity"))?
            .max_entries(self.max_entries)
            .map_err(at("cache.max_entries"))?
            .max_entry_bytes(self.max_entry_bytes.in_memory())
            .map_err(at("cache.max_entry_bytes"))?
            .max_time_to_live(self.max_time_to_live.get())
            .max_wait(self.max_wait.get())
            .stale_while_revalidate(self.stale_while_revalidate.get())
            .stale_if_error(self.stale_if_error.get());
        if self.ignore_capabilities {
            layer = layer.ignore_capabilities();
        }
        if self.updates_are_prefixes {
            layer = layer.updates_are_prefixes();
        }
        if self.report_in_meta {
            layer = layer.report_in_meta();
        }
        Ok(layer)
    }
}

fn method(path: &str, name: &str) -> Result<Method<'static>, ConfigError> {
    let unknown = || ConfigError::new(path, "the protocol has no method of this name");
    Method::new(name).known().ok_or_else(unknown)
}

fixed!(CacheSettings => CacheLayer);
