//! The table of rules, with an index of those that name single tools.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use governor::Quota;
use mcp_layers_core::{Catalog, ConfigError, KeyHasher, McpRequest, ToolPattern};
use smallvec::SmallVec;

use crate::{
    key_component::{KeyComponent, caller_hash, is_known},
    rule::Rule,
    store::Cost,
};

/// The costs of a call. Few rules apply to one call: two need no allocation here.
pub(crate) type Costs = SmallVec<[Cost; 2]>;

/// The table of rules.
#[derive(Debug)]
pub(crate) struct Rules {
    rules: Vec<Limit>,
    /// Rules that may apply to any call.
    general: Vec<usize>,
    /// Rules that apply to tools by their exact names.
    by_tool: HashMap<Box<str>, Vec<usize>, KeyHasher>,
    hasher: KeyHasher,
    /// The tools that rules name exactly.
    named: Catalog,
}

/// Counters of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleStats {
    /// The name.
    pub name: Arc<str>,
    /// The present quota.
    pub quota: Quota,
    /// Calls that the rule refused.
    pub refused: u64,
}

/// A rule that is in force.
#[derive(Debug)]
struct Limit {
    rule: Rule,
    patterns: Option<Vec<ToolPattern>>,
    is_per_caller: bool,
    quota: RwLock<Quota>,
    refused: AtomicU64,
}

impl Rules {
    pub(crate) fn new(rules: impl IntoIterator<Item = Rule>) -> Result<Self, ConfigError> {
        let mut all = Self {
            rules: Vec::new(),
            general: Vec::new(),
            by_tool: HashMap::default(),
            hasher: KeyHasher::default(),
            named: Catalog::new(),
        };
        for (index, rule) in rules.into_iter().enumerate() {
            let patterns = rule.check()?;
            if all.find(&rule.name).is_some() {
                let name = &rule.name;
                return Err(ConfigError::new(format!("two rules are named `{name}`")));
            }
            match exact_names(patterns.as_deref()) {
                Some(tools) => {
                    for tool in tools {
                        let of_tool = all.by_tool.entry(tool.into()).or_default();
                        if !of_tool.contains(&index) {
                            of_tool.push(index);
                        }
                    }
                }
                None => all.general.push(index),
            }
            all.named = all.named.with_tools(rule.named_tools());
            all.rules.push(Limit {
                is_per_caller: rule.key.iter().any(KeyComponent::is_per_caller),
                quota: RwLock::new(rule.quota),
                refused: AtomicU64::new(0),
                patterns,
                rule,
            });
        }
        if all.rules.is_empty() {
            return Err(ConfigError::new("there is no rule, so nothing is limited"));
        }
        Ok(all)
    }

    /// The costs of a request under the rules that apply to it.
    pub(crate) fn costs<Req: McpRequest>(&self, request: &Req) -> Costs {
        let is_known = self.named.knows_target(request) || is_known(request);
        let of_tool = request.target().and_then(|tool| self.by_tool.get(tool));
        let rules = self.general.iter().chain(of_tool.into_iter().flatten());
        rules
            .map(|index| &self.rules[*index])
            .filter(|limit| limit.applies_to(request))
            .filter_map(|limit| limit.cost(request, is_known, &self.hasher))
            .collect()
    }

    /// Counts a refusal.
    pub(crate) fn count_refusal(&self, rule: &str) {
        if let Some(limit) = self.find(rule) {
            limit.refused.fetch_add(1, Relaxed);
        }
    }

    /// Sets the quota of a rule, after the store has been notified: a call that carries the new
    /// quota never comes before one that carries the old.
    pub(crate) fn set_quota(
        &self,
        name: &str,
        quota: Quota,
        notify_store: impl FnOnce(),
    ) -> Result<(), ConfigError> {
        let Some(limit) = self.find(name) else {
            return Err(ConfigError::new(format!("no rule is named `{name}`")));
        };
        limit.rule.check_quota(quota)?;
        notify_store();
        *limit.quota.write().unwrap_or_else(PoisonError::into_inner) = quota;
        Ok(())
    }

    pub(crate) fn stats(&self) -> Vec<RuleStats> {
        let stats = |limit: &Limit| RuleStats {
            name: Arc::clone(&limit.rule.name),
            quota: limit.quota(),
            refused: limit.refused.load(Relaxed),
        };
        self.rules.iter().map(stats).collect()
    }

    fn find(&self, name: &str) -> Option<&Limit> {
        self.rules.iter().find(|limit| *limit.rule.name == *name)
    }
}

impl Limit {
    fn quota(&self) -> Quota {
        *self.quota.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn applies_to<Req: McpRequest>(&self, request: &Req) -> bool {
        let matches = |patterns: &[ToolPattern]| {
            let tool = request.target();
            tool.is_some_and(|tool| patterns.iter().any(|pattern| pattern.matches(tool)))
        };
        self.rule.covers(request.method()) && self.patterns.as_deref().is_none_or(matches)
    }

    fn cost<Req: McpRequest>(
        &self,
        request: &Req,
        is_known: bool,
        hasher: &KeyHasher,
    ) -> Option<Cost> {
        let amount = self.rule.cost_of(request, is_known)?;
        let name = Arc::clone(&self.rule.name);
        let cost = Cost::new(name, self.quota(), amount, |key| {
            for component in &self.rule.key {
                component.write(request, is_known, key);
            }
        });
        Some(cost.with_caller(self.is_per_caller.then(|| caller_hash(request, hasher))))
    }
}

/// The names, if all patterns are exact ones.
fn exact_names(patterns: Option<&[ToolPattern]>) -> Option<Vec<&str>> {
    patterns?.iter().map(ToolPattern::exact).collect()
}
