//! Rules: which requests are cached, for how long, and for whom.

use std::{cmp::Reverse, collections::HashMap, time::Duration};

use mcp_layers_core::{
    Catalog, ConfigError, KeyHasher, McpRequest, McpResponse, Method, ToolPattern,
    response::{CacheHint, CacheScope},
    trail::BypassReason,
};

use crate::Freshness;

/// Settings by method, resource, tool, prompt and completion.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    methods: HashMap<Method<'static>, Freshness>,
    default_hints: HashMap<Method<'static>, CacheHint>,
    pub(crate) resources: HashMap<Box<str>, Freshness, KeyHasher>,
    tools: HashMap<Box<str>, Freshness, KeyHasher>,
    /// Patterns that are no exact names, the longest first.
    tool_patterns: Vec<(ToolPattern, Freshness)>,
    pub(crate) prompts: HashMap<Box<str>, Freshness, KeyHasher>,
    pub(crate) completions: HashMap<Box<str>, Freshness, KeyHasher>,
    /// For tools whose annotations are trusted.
    pub(crate) trusted: Option<Freshness>,
}

/// The rule for one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) method: Method<'static>,
    time_to_live: Option<Duration>,
    /// The scope, if it is known before the response is.
    pub(crate) scope: Option<CacheScope>,
    /// True where the protocol defines a hint in the result.
    uses_hints: bool,
    default_hint: Option<CacheHint>,
}

/// Methods with cacheable results (2026-07-28, server/utilities/caching).
fn is_cacheable(method: Method<'_>) -> bool {
    matches!(
        method,
        Method::Discover
            | Method::ListTools
            | Method::ListPrompts
            | Method::ListResources
            | Method::ListResourceTemplates
            | Method::ReadResource
    )
}

impl Rules {
    pub(crate) fn set_method(
        &mut self,
        method: Method<'static>,
        freshness: Freshness,
    ) -> Result<(), ConfigError> {
        check(method)?;
        self.methods.insert(method, freshness);
        Ok(())
    }

    pub(crate) fn set_default_hint(
        &mut self,
        method: Method<'static>,
        hint: CacheHint,
    ) -> Result<(), ConfigError> {
        check(method)?;
        self.default_hints.insert(method, hint);
        Ok(())
    }

    pub(crate) fn set_tool(&mut self, pattern: ToolPattern, freshness: Freshness) {
        if let Some(name) = pattern.exact() {
            self.tools.insert(name.into(), freshness);
            return;
        }
        self.tool_patterns.retain(|(known, _)| *known != pattern);
        self.tool_patterns.push((pattern, freshness));
        self.tool_patterns
            .sort_by_key(|(pattern, _)| Reverse(pattern.specificity()));
    }

    /// Returns the rule for a request, or the reason why the cache is bypassed. The catalog
    /// has the tools' annotations, for rules that trust them.
    pub(crate) fn of<Req: McpRequest>(
        &self,
        request: &Req,
        catalog: &Catalog,
    ) -> Result<Rule, BypassReason> {
        let method = request.method().known().ok_or(BypassReason::Undeclared)?;
        let target = request.target();
        let named = |names: &HashMap<Box<str>, Freshness, KeyHasher>| names.get(target?).copied();
        let rule = match method {
            _ if is_cacheable(method) => self.of_cacheable(method, target),
            Method::CallTool => self.of_tool(target, catalog).map(|it| declared(method, it)),
            Method::GetPrompt => named(&self.prompts).map(|it| declared(method, it)),
            Method::Complete => named(&self.completions).map(|it| declared(method, it)),
            _ => None,
        };
        let rule = rule.ok_or(BypassReason::Undeclared)?;
        if request.is_continuation() {
            return Err(BypassReason::Continuation);
        }
        Ok(rule)
    }

    fn of_cacheable(&self, method: Method<'static>, target: Option<&str>) -> Option<Rule> {
        let by_target = match (method, target) {
            (Method::ReadResource, Some(uri)) => self.resources.get(uri),
            _ => None,
        };
        let freshness = by_target.or_else(|| self.methods.get(&method));
        if freshness.is_some_and(|freshness| freshness.time_to_live().is_zero()) {
            return None;
        }
        Some(Rule {
            method,
            time_to_live: freshness.map(Freshness::time_to_live),
            scope: freshness.and_then(Freshness::scope),
            uses_hints: true,
            default_hint: self.default_hints.get(&method).copied(),
        })
    }

    fn of_tool(&self, target: Option<&str>, catalog: &Catalog) -> Option<Freshness> {
        let name = target?;
        if let Some(freshness) = self.tools.get(name) {
            return Some(*freshness);
        }
        let mut patterns = self.tool_patterns.iter();
        if let Some((_, freshness)) = patterns.find(|(pattern, _)| pattern.matches(name)) {
            return Some(*freshness);
        }
        let freshness = self.trusted?;
        catalog.hints(name)?.is_cacheable().then_some(freshness)
    }
}

fn check(method: Method<'_>) -> Result<(), ConfigError> {
    if is_cacheable(method) {
        return Ok(());
    }
    Err(ConfigError::new(format!(
        "results of `{method}` are not cacheable by the protocol; \
         declare tools, prompts and completions by name"
    )))
}

/// The rule for results that carry no hint.
fn declared(method: Method<'static>, freshness: Freshness) -> Rule {
    Rule {
        method,
        time_to_live: Some(freshness.time_to_live()),
        scope: Some(freshness.scope().unwrap_or(CacheScope::Private)),
        uses_hints: false,
        default_hint: None,
    }
}

impl Rule {
    /// Writes the default hint into a result that has none. rmcp fills a missing hint with
    /// `ttlMs: 0`, which counts as none.
    pub(crate) fn apply_default_hint<Res: McpResponse>(&self, response: &mut Res) {
        if let Some(hint) = self.default_hint
            && response.cache_hint().ttl_ms.unwrap_or(0) == 0
        {
            response.set_cache_hint(hint);
        }
    }

    /// Returns the time to live and the scope of a result; `None` when it is stale at once.
    pub(crate) fn freshness(
        &self,
        hint: CacheHint,
        max_time_to_live: Duration,
    ) -> Option<(Duration, CacheScope)> {
        let hint = if self.uses_hints {
            hint
        } else {
            CacheHint::default()
        };
        let time_to_live = self
            .time_to_live
            .or_else(|| hint.ttl_ms.map(Duration::from_millis))?
            .min(max_time_to_live);
        let scope = self.scope.or(hint.scope).unwrap_or(CacheScope::Private);
        (!time_to_live.is_zero()).then_some((time_to_live, scope))
    }
}
