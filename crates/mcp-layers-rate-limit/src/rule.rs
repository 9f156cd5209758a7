//! One rule: its quota, its scope, and the costs of calls.

use std::{collections::HashMap, fmt, num::NonZeroU32, sync::Arc};

use governor::Quota;
use mcp_layers_core::{ConfigError, KeyHasher, McpRequest, Method, ToolPattern};

use crate::{bucket::is_too_long, call::Call, key_component::KeyComponent, methods};

type CostOf = Arc<dyn Fn(&Call<'_>) -> u32 + Send + Sync>;

/// A rate limit: a quota, the calls that it applies to, and the key that budgets are kept by.
///
/// By default each principal has a budget for each tool, over `tools/call`, `prompts/get`,
/// `resources/read` and `completion/complete`, and each call costs one.
#[derive(Clone)]
pub struct Rule {
    pub(crate) name: Arc<str>,
    pub(crate) quota: Quota,
    pub(crate) key: Vec<KeyComponent>,
    pub(crate) tools: Option<Vec<Box<str>>>,
    methods: Option<Vec<Method<'static>>>,
    cost: NonZeroU32,
    cost_by_tool: HashMap<Box<str>, NonZeroU32, KeyHasher>,
    cost_by: Option<CostOf>,
    free_continuations: bool,
}

impl Rule {
    /// A rule with a name, which refused callers are told.
    pub fn new(name: impl Into<Box<str>>, quota: Quota) -> Self {
        Self {
            name: Arc::from(name.into()),
            quota,
            key: vec![KeyComponent::Principal, KeyComponent::Tool],
            methods: None,
            tools: None,
            cost: NonZeroU32::MIN,
            cost_by_tool: HashMap::default(),
            cost_by: None,
            free_continuations: false,
        }
    }

    /// Sets the components of the key; principal and tool by default. Without any component all
    /// callers share one budget.
    #[must_use]
    pub fn key(mut self, components: impl IntoIterator<Item = KeyComponent>) -> Self {
        self.key = components.into_iter().collect();
        self
    }

    /// Sets the methods that the rule applies to.
    #[must_use]
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method<'static>>) -> Self {
        // A known name in `Method::Other` is read as the method that it names.
        let methods = methods
            .into_iter()
            .map(|method| Method::new(method.as_str()));
        self.methods = Some(methods.collect());
        self
    }

    /// Sets the tools that the rule applies to, as [`ToolPattern`]s: exact names or prefixes
    /// (`db_*`). A rule with tools applies to `tools/call` only.
    #[must_use]
    pub fn tools<N: Into<Box<str>>>(mut self, tools: impl IntoIterator<Item = N>) -> Self {
        self.tools = Some(tools.into_iter().map(Into::into).collect());
        self
    }

    /// Sets the cost of a call; one by default.
    #[must_use]
    pub fn cost(mut self, cost: NonZeroU32) -> Self {
        self.cost = cost;
        self
    }

    /// Sets the cost of a call of one tool.
    #[must_use]
    pub fn cost_of_tool(mut self, tool: impl Into<Box<str>>, cost: NonZeroU32) -> Self {
        self.cost_by_tool.insert(tool.into(), cost);
        self
    }

    /// Computes the cost from the call, in place of the other cost setters. Zero is free; more than
    /// the burst counts as the burst.
    #[must_use]
    pub fn cost_by(mut self, cost: impl Fn(&Call<'_>) -> u32 + Send + Sync + 'static) -> Self {
        self.cost_by = Some(Arc::new(cost));
        self
    }

    /// Charges nothing for a request that continues an earlier one (2026-07-28, multi round-trip
    /// requests). By default each round is a request of its own. Callers mark continuations
    /// themselves, so this setting is for trusted callers.
    #[must_use]
    pub fn free_continuations(mut self) -> Self {
        self.free_continuations = true;
        self
    }

    /// True if the rule applies to a method.
    pub(crate) fn covers(&self, method: Method<'_>) -> bool {
        match (&self.methods, &self.tools) {
            (_, Some(_)) => method == Method::CallTool,
            (Some(methods), None) => methods.contains(&method),
            (None, None) => methods::does_work(method),
        }
    }

    /// The cost of a call; `None` if it is free.
    pub(crate) fn cost_of<Req: McpRequest>(
        &self,
        request: &Req,
        is_known: bool,
    ) -> Option<NonZeroU32> {
        if self.free_continuations && request.is_continuation() {
            return None;
        }
        if let Some(cost) = &self.cost_by {
            return NonZeroU32::new(cost(&Call::new(request, is_known)));
        }
        if self.cost_by_tool.is_empty() || request.method() != Method::CallTool {
            return Some(self.cost);
        }
        let of_tool = request
            .target()
            .and_then(|tool| self.cost_by_tool.get(tool));
        Some(of_tool.copied().unwrap_or(self.cost))
    }

    /// The tools that the rule names exactly, and which therefore exist.
    pub(crate) fn named_tools(&self) -> impl Iterator<Item = &str> {
        let tools = self.tools.iter().flatten().map(|tool| &**tool);
        let exact = tools.filter(|tool| !tool.ends_with('*'));
        exact.chain(self.cost_by_tool.keys().map(|tool| &**tool))
    }

    /// Checks the rule, and returns its tool patterns.
    ///
    /// # Errors
    /// When it could never limit a call, or never let one pass.
    pub(crate) fn check(&self) -> Result<Option<Vec<ToolPattern>>, ConfigError> {
        let name = &self.name;
        let problem = |text: String| Err(ConfigError::new(format!("rule `{name}`: {text}")));
        if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
            return problem("a name has 1 to 64 bytes and no control characters".to_owned());
        }
        if let Some(methods) = &self.methods {
            if methods.is_empty() {
                return problem("it has no method, so it could never limit".to_owned());
            }
            if let Some(method) = methods.iter().find(|method| methods::is_exempt(method)) {
                return problem(format!(
                    "`{method}` is never limited: the lifecycle, long-lived requests, cancellation \
                     and notifications are exempt"
                ));
            }
            if self.tools.is_some() && **methods != [Method::CallTool] {
                return problem("a rule with tools applies to `tools/call` only".to_owned());
            }
        }
        let Some(tools) = &self.tools else {
            if !self.cost_by_tool.is_empty() && !self.covers(Method::CallTool) {
                return problem(
                    "it has costs of tools, and does not apply to `tools/call`".to_owned(),
                );
            }
            return self.check_quota(self.quota).map(|()| None);
        };
        if tools.is_empty() {
            return problem("it has no tool, so it could never limit".to_owned());
        }
        let mut patterns = Vec::new();
        for tool in tools {
            match ToolPattern::new(tool) {
                Ok(pattern) => patterns.push(pattern),
                Err(error) => return problem(error.to_string()),
            }
        }
        for tool in self.cost_by_tool.keys() {
            if !patterns.iter().any(|pattern| pattern.matches(tool)) {
                return problem(format!(
                    "it has a cost of `{tool}`, to which it does not apply"
                ));
            }
        }
        self.check_quota(self.quota).map(|()| Some(patterns))
    }

    /// Checks that every fixed cost fits into the burst, and that the burst comes back.
    pub(crate) fn check_quota(&self, quota: Quota) -> Result<(), ConfigError> {
        let (name, burst) = (&self.name, quota.burst_size());
        if is_too_long(quota) {
            return Err(ConfigError::new(format!(
                "rule `{name}`: a burst of {burst} takes longer than 146 years to come back"
            )));
        }
        let costs = self.cost_by_tool.values().chain([&self.cost]);
        match costs.max() {
            Some(cost) if *cost > burst => Err(ConfigError::new(format!(
                "rule `{name}`: a call that costs {cost} can never pass a burst of {burst}"
            ))),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("name", &self.name)
            .field("quota", &self.quota)
            .field("key", &self.key)
            .field("methods", &self.methods)
            .field("tools", &self.tools)
            .finish_non_exhaustive()
    }
}
