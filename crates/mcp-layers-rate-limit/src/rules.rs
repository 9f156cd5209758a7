//! The table of rules, with an index of those that concern one tool.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use mcp_layers_core::{ConfigError, McpRequest, Method};

use crate::{Charges, Quota, Rule, rule::matches};

/// The table of rules.
#[derive(Debug)]
pub(crate) struct Rules {
    rules: Box<[Limit]>,
    /// Those that are asked whether they concern a call.
    general: Box<[usize]>,
    /// Those that concern tools by their exact names.
    by_tool: HashMap<Box<str>, Vec<usize>, RandomState>,
    by_name: HashMap<Arc<str>, usize, RandomState>,
    quotas: ArcSwap<Vec<Quota>>,
    /// Whether any quota was changed. Before, they are those of the rules.
    changed: AtomicBool,
}

#[derive(Debug)]
struct Limit {
    rule: Rule,
    refused: AtomicU64,
}

impl Rules {
    pub(crate) fn new(rules: Vec<Rule>) -> Result<Self, ConfigError> {
        if rules.is_empty() {
            return Err(ConfigError::new("no rule: it could never limit"));
        }
        let mut general = Vec::new();
        let mut by_tool: HashMap<Box<str>, Vec<usize>, RandomState> = HashMap::default();
        let mut by_name = HashMap::default();
        for (index, rule) in rules.iter().enumerate() {
            rule.check()?;
            if by_name.insert(Arc::clone(&rule.name), index).is_some() {
                let name = &rule.name;
                return Err(ConfigError::new(format!("two rules are called `{name}`")));
            }
            match &rule.tools {
                Some(tools) if !tools.iter().any(|tool| tool.ends_with('*')) => {
                    for tool in tools {
                        let of_tool = by_tool.entry(tool.clone()).or_default();
                        if !of_tool.contains(&index) {
                            of_tool.push(index);
                        }
                    }
                }
                _ => general.push(index),
            }
        }
        let quotas = rules.iter().map(|rule| rule.quota).collect();
        let limit = |rule| Limit {
            rule,
            refused: AtomicU64::new(0),
        };
        Ok(Self {
            rules: rules.into_iter().map(limit).collect(),
            general: general.into(),
            by_tool,
            by_name,
            quotas: ArcSwap::from_pointee(quotas),
            changed: AtomicBool::new(false),
        })
    }

    /// Adds what applies to a request.
    pub(crate) fn charge<Req: McpRequest>(&self, request: &Req, charges: &mut Charges) {
        let method = request.method();
        let changed = self.changed.load(Acquire).then(|| self.quotas.load());
        let quota = |index: usize| changed.as_ref()?.get(index).copied();
        for index in &self.general {
            if let Some(limit) = self.rules.get(*index)
                && limit.concerns(method, request)
            {
                limit.charge(quota(*index), request, charges);
            }
        }
        if method == Method::CallTool
            && !self.by_tool.is_empty()
            && let Some(tool) = request.target()
            && let Some(indices) = self.by_tool.get(tool)
        {
            for index in indices {
                if let Some(limit) = self.rules.get(*index) {
                    limit.charge(quota(*index), request, charges);
                }
            }
        }
    }

    /// The name of the rule whose charge it was; it has refused a call.
    pub(crate) fn refused(&self, charges: &Charges, charge: usize) -> Arc<str> {
        match self.of_charge(charges, charge) {
            Some(limit) => {
                limit.refused.fetch_add(1, Relaxed);
                Arc::clone(&limit.rule.name)
            }
            None => Arc::from(""),
        }
    }

    /// The name of the rule whose charge it was.
    pub(crate) fn name(&self, charges: &Charges, charge: usize) -> Arc<str> {
        let limit = self.of_charge(charges, charge);
        limit.map_or_else(|| Arc::from(""), |limit| Arc::clone(&limit.rule.name))
    }

    pub(crate) fn set_quota(&self, name: &str, quota: Quota) -> Result<(), ConfigError> {
        let index = self.by_name.get(name).copied();
        let limit = index.and_then(|index| self.rules.get(index).map(|limit| (index, limit)));
        let Some((index, limit)) = limit else {
            return Err(ConfigError::new(format!("no rule is called `{name}`")));
        };
        limit.rule.check_quota(quota)?;
        self.quotas.rcu(|quotas| {
            let mut quotas = Vec::clone(quotas);
            if let Some(of_rule) = quotas.get_mut(index) {
                *of_rule = quota;
            }
            quotas
        });
        self.changed.store(true, Release);
        Ok(())
    }

    /// The rules' names, with their quotas and how often each refused.
    pub(crate) fn states(&self) -> impl Iterator<Item = (Arc<str>, Quota, u64)> {
        let quotas = self.quotas.load_full();
        self.rules.iter().enumerate().map(move |(index, limit)| {
            let quota = quotas.get(index).copied().unwrap_or(limit.rule.quota);
            (
                Arc::clone(&limit.rule.name),
                quota,
                limit.refused.load(Relaxed),
            )
        })
    }

    fn of_charge(&self, charges: &Charges, charge: usize) -> Option<&Limit> {
        let name = charges.iter().nth(charge)?.rule();
        self.rules.get(*self.by_name.get(name)?)
    }
}

impl Limit {
    fn concerns<Req: McpRequest>(&self, method: Method<'_>, request: &Req) -> bool {
        let tools = self.rule.tools.as_deref();
        self.rule.covers(method)
            && tools.is_none_or(|patterns| {
                let named = |tool| patterns.iter().any(|pattern| matches(pattern, tool));
                request.target().is_some_and(named)
            })
    }

    fn charge<Req: McpRequest>(&self, quota: Option<Quota>, request: &Req, charges: &mut Charges) {
        let rule = &self.rule;
        let quota = quota.unwrap_or(rule.quota);
        if let Some(cost) = rule.cost_of(request) {
            charges.push(&rule.name, quota, cost, |key| {
                rule.key.iter().for_each(|part| part.write(request, key));
            });
        }
    }
}
