//! The tables `rate_limit` and `concurrency_limit`.

use std::{collections::BTreeMap, num::NonZeroU32};

use mcp_layers_core::Method;
use mcp_layers_rate_limit::{
    KeyComponent, MemoryStore, RateLimitHandle, RateLimitLayer, RateLimitStore, Rule,
};
use serde::{Deserialize, Serialize};

use crate::{
    error::{ConfigError, at, join},
    table::{Change, Table, with_handle},
    value::{Rate, TimeSpan},
};

/// Settings of a [`RateLimitLayer`] with budgets in memory: `[rate_limit]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RateLimitSettings {
    /// The rules, by their names, which refused callers are told. At least one.
    pub rules: BTreeMap<String, RuleSettings>,
    /// The longest time that a call waits for budget; none by default.
    pub max_wait: TimeSpan,
    /// The most keys that have budgets.
    pub max_keys: usize,
    /// The most keys of one caller; 1/64 of all by default.
    pub max_keys_per_caller: Option<usize>,
    /// Refuses calls of tools with a result that has `isError: true`.
    pub as_tool_error: bool,
}

/// A rate limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RuleSettings {
    /// The calls for each unit of time.
    pub quota: Rate,
    /// The components of the key that budgets are kept by. Without any, all callers share one budget.
    #[serde(default = "default_key")]
    pub key: Vec<KeyPart>,
    /// The methods that the rule applies to; by default all that do work.
    #[serde(default)]
    pub methods: Option<Vec<String>>,
    /// The tools that the rule applies to, by their names or patterns such as `db_*`; by default all.
    #[serde(default)]
    pub tools: Option<Vec<String>>,
    /// The cost of a call.
    #[serde(default = "default_cost")]
    pub cost: NonZeroU32,
    /// The costs of calls of single tools.
    #[serde(default)]
    pub cost_of_tool: BTreeMap<String, NonZeroU32>,
    /// Charges nothing for requests that continue an earlier one: for trusted callers.
    #[serde(default)]
    pub free_continuations: bool,
}

/// A component of the key that budgets are kept by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KeyPart {
    /// Issuer and subject of the verified principal.
    Principal,
    /// The tenant of the verified principal.
    Tenant,
    /// The OAuth client of the verified principal.
    ClientId,
    /// The tool; for other requests, the method.
    Tool,
    /// The method.
    Method,
    /// The client's address.
    ClientAddress,
}

impl From<KeyPart> for KeyComponent {
    fn from(part: KeyPart) -> Self {
        match part {
            KeyPart::Principal => Self::Principal,
            KeyPart::Tenant => Self::Tenant,
            KeyPart::ClientId => Self::ClientId,
            KeyPart::Tool => Self::Tool,
            KeyPart::Method => Self::Method,
            KeyPart::ClientAddress => Self::ClientAddress,
        }
    }
}

fn default_key() -> Vec<KeyPart> {
    vec![KeyPart::Principal, KeyPart::Tool]
}

fn default_cost() -> NonZeroU32 {
    NonZeroU32::MIN
}

impl Default for RateLimitSettings {
    fn default() -> Self {
        Self {
            rules: BTreeMap::new(),
            max_wait: TimeSpan::default(),
            max_keys: MemoryStore::DEFAULT_MAX_KEYS,
            max_keys_per_caller: None,
            as_tool_error: false,
        }
    }
}

impl RuleSettings {
    /// A quota for each principal and tool.
    #[must_use]
    pub fn new(quota: Rate) -> Self {
        Self {
            quota,
            key: default_key(),
            methods: None,
            tools: None,
            cost: default_cost(),
            cost_of_tool: BTreeMap::new(),
            free_continuations: false,
        }
    }

    fn rule(&self, name: &str) -> Result<Rule, ConfigError> {
        let path = join("rate_limit.rules", name);
        let quota = self.quota.quota().map_err(at(format!("{path}.quota")))?;
        let mut rule = Rule::new(name, quota)
            .key(self.key.iter().copied().map(KeyComponent::from))
            .cost(self.cost);
        if let Some(methods) = &self.methods {
            let known = |name: &String| {
                let unknown = || {
                    let problem = "it names a method that the protocol does not have";
                    ConfigError::new(format!("{path}.methods"), problem)
                };
                Method::new(name).known().ok_or_else(unknown)
            };
            let methods = methods.iter().map(known).collect::<Result<Vec<_>, _>>()?;
            rule = rule.methods(methods);
        }
        if let Some(tools) = &self.tools {
            rule = rule.tools(tools.iter().map(String::as_str));
        }
        for (tool, cost) in &self.cost_of_tool {
            rule = rule.cost_of_tool(tool.as_str(), *cost);
        }
        if self.free_continuations {
            rule = rule.free_continuations();
        }
        // One rule alone, so that an error has its path.
        RateLimitLayer::new([rule.clone()]).map_err(at(path))?;
        Ok(rule)
    }
}

impl RateLimitSettings {
    /// A rule, and the defaults of the layer.
    #[must_use]
    pub fn new(name: impl Into<String>, rule: RuleSettings) -> Self {
        Self {
            rules: BTreeMap::from([(name.into(), rule)]),
            ..Self::default()
        }
    }

    /// Builds the layer.
    ///
    /// # Errors
    /// As [`RateLimitLayer::new`], for a method that the protocol does not have, and for limits of zero.
    pub fn layer(&self) -> Result<RateLimitLayer, ConfigError> {
        self.layer_with_store(self.memory_store()?)
    }

    /// The store of budgets in the memory of the process.
    ///
    /// # Errors
    /// For limits of zero.
    pub fn memory_store(&self) -> Result<MemoryStore, ConfigError> {
        let mut store = MemoryStore::new()
            .max_keys(self.max_keys)
            .map_err(at("rate_limit.max_keys"))?;
        if let Some(max) = self.max_keys_per_caller {
            let bounded = store.max_keys_per_caller(max);
            store = bounded.map_err(at("rate_limit.max_keys_per_caller"))?;
        }
        Ok(store)
    }

    /// Builds the layer with another store, such as Redis.
    ///
    /// # Errors
    /// As [`RateLimitSettings::layer`].
    pub fn layer_with_store<S>(&self, store: S) -> Result<RateLimitLayer<S>, ConfigError>
    where
        S: RateLimitStore,
    {
        let rules = self.rules.iter().map(|(name, rule)| rule.rule(name));
        let rules = rules.collect::<Result<Vec<_>, _>>()?;
        let layer = RateLimitLayer::with_store(rules, store).map_err(at("rate_limit.rules"))?;
        let layer = layer.max_wait(self.max_wait.get());
        Ok(match self.as_tool_error {
            true => layer.as_tool_error(),
            false => layer,
        })
    }
}

impl Table for RateLimitSettings {
    with_handle!(RateLimitLayer, RateLimitHandle);

    fn with_live_keys_of(&self, new: &Self) -> Self {
        let mut next = self.clone();
        for (name, rule) in &mut next.rules {
            if let Some(new) = new.rules.get(name) {
                rule.quota = new.quota;
            }
        }
        next
    }

    fn prepare(&self, running: &Self, live: &RateLimitHandle) -> Result<Vec<Change>, ConfigError> {
        let changed = self.rules.iter();
        let changed = changed.filter(|(name, rule)| running.rules.get(*name) != Some(*rule));
        let change = |(name, rule): (&String, &RuleSettings)| {
            let path = || format!("{}.quota", join("rate_limit.rules", name));
            let (quota, name) = (rule.quota.quota().map_err(at(path()))?, name.clone());
            let live = live.clone();
            Ok(Box::new(move || {
                live.set_quota(&name, quota)
                    .expect("the rule exists, and its costs were checked");
            }) as Change)
        };
        changed.map(change).collect()
    }
}
