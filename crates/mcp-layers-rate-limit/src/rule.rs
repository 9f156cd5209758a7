//! One limit.

use std::{collections::HashMap, fmt, num::NonZeroU32, sync::Arc};

use foldhash::fast::RandomState;
use mcp_layers_core::{ConfigError, McpRequest, Method};

use crate::{Call, Part, Quota};

type CostOf = Arc<dyn Fn(&Call<'_>) -> u32 + Send + Sync>;

/// One limit: whom it concerns, and how often they may.
///
/// By default each principal has a budget for each tool, over `tools/call`, `prompts/get`,
/// `resources/read` and `completion/complete`, and each call costs one.
#[derive(Clone)]
pub struct Rule {
    pub(crate) name: Arc<str>,
    pub(crate) quota: Quota,
    pub(crate) key: Vec<Part>,
    pub(crate) methods: Option<Vec<Method<'static>>>,
    pub(crate) tools: Option<Vec<Box<str>>>,
    cost: NonZeroU32,
    cost_by_tool: HashMap<Box<str>, NonZeroU32, RandomState>,
    cost_by: Option<CostOf>,
    free_continuations: bool,
}

impl Rule {
    /// A limit by its name, which callers get to read.
    pub fn new(name: impl Into<Arc<str>>, quota: Quota) -> Self {
        Self {
            name: name.into(),
            quota,
            key: vec![Part::Principal, Part::Tool],
            methods: None,
            tools: None,
            cost: NonZeroU32::MIN,
            cost_by_tool: HashMap::default(),
            cost_by: None,
            free_continuations: false,
        }
    }

    /// By what budgets are told apart; the principal and the tool by default. Without any part all
    /// callers share one budget.
    #[must_use]
    pub fn key(mut self, parts: impl IntoIterator<Item = Part>) -> Self {
        self.key = parts.into_iter().collect();
        self
    }

    /// The methods that it concerns.
    #[must_use]
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method<'static>>) -> Self {
        // A known name that stands in `Method::Other` is read as what it names.
        let methods = methods
            .into_iter()
            .map(|method| Method::new(method.as_str()));
        self.methods = Some(methods.collect());
        self
    }

    /// The tools that it concerns, by their exact names, or by how they begin: `db_*`. A rule with
    /// tools concerns `tools/call` alone.
    #[must_use]
    pub fn tools<N: Into<Box<str>>>(mut self, tools: impl IntoIterator<Item = N>) -> Self {
        self.tools = Some(tools.into_iter().map(Into::into).collect());
        self
    }

    /// What a call costs; one by default.
    #[must_use]
    pub fn cost(mut self, cost: NonZeroU32) -> Self {
        self.cost = cost;
        self
    }

    /// What a call of one tool costs.
    #[must_use]
    pub fn cost_of_tool(mut self, tool: impl Into<Box<str>>, cost: NonZeroU32) -> Self {
        self.cost_by_tool.insert(tool.into(), cost);
        self
    }

    /// What a call costs, worked out from it, in place of what the other setters say. Zero is free;
    /// more than the burst counts as the burst.
    #[must_use]
    pub fn cost_by(mut self, cost: impl Fn(&Call<'_>) -> u32 + Send + Sync + 'static) -> Self {
        self.cost_by = Some(Arc::new(cost));
        self
    }

    /// Charges nothing for a request that goes on with an earlier one (2026-07-28, multi
    /// round-trip requests). By default each round is a request of its own. Callers say themselves
    /// that a request goes on, so that this is for callers who are trusted to.
    #[must_use]
    pub fn free_continuations(mut self) -> Self {
        self.free_continuations = true;
        self
    }

    #[inline]
    pub(crate) fn covers(&self, method: Method<'_>) -> bool {
        match (&self.methods, &self.tools) {
            (_, Some(_)) => method == Method::CallTool,
            (Some(methods), None) => methods.contains(&method),
            (None, None) => is_work(method),
        }
    }

    /// `None` when the call is free.
    pub(crate) fn cost_of<Req: McpRequest>(&self, request: &Req) -> Option<NonZeroU32> {
        if self.free_continuations && request.is_continuation() {
            return None;
        }
        if let Some(cost) = &self.cost_by {
            return NonZeroU32::new(cost(&Call::new(request)));
        }
        if self.cost_by_tool.is_empty() || request.method() != Method::CallTool {
            return Some(self.cost);
        }
        let of_tool = request
            .target()
            .and_then(|tool| self.cost_by_tool.get(tool));
        Some(of_tool.copied().unwrap_or(self.cost))
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let name = &self.name;
        let problem = |text: String| Err(ConfigError::new(format!("rule `{name}`: {text}")));
        if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
            return problem("a name has 1 to 64 bytes, and no control characters".to_owned());
        }
        if let Some(methods) = &self.methods {
            if methods.is_empty() {
                return problem("no method is named: it could never limit".to_owned());
            }
            if let Some(method) = methods.iter().find(|method| is_exempt(method)) {
                return problem(format!(
                    "`{method}` is never limited: the lifecycle, long-lived requests, cancellation \
                     and notifications are exempt"
                ));
            }
            if self.tools.is_some() && **methods != [Method::CallTool] {
                return problem("with tools it concerns `tools/call` alone".to_owned());
            }
        }
        let tools = self.tools.as_deref();
        if tools.is_some_and(<[_]>::is_empty) {
            return problem("no tool is named: it could never limit".to_owned());
        }
        for tool in tools.unwrap_or_default() {
            let fixed = tool.strip_suffix('*').unwrap_or(tool);
            if tool.is_empty() || fixed.contains('*') {
                return problem(format!(
                    "`{tool}` matches no tool: a pattern is a name, or how names begin and a `*`"
                ));
            }
        }
        if !self.cost_by_tool.is_empty() && !self.covers(Method::CallTool) {
            return problem(
                "it has the costs of tools, and does not concern `tools/call`".to_owned(),
            );
        }
        for tool in self.cost_by_tool.keys() {
            if tools.is_some_and(|tools| !tools.iter().any(|pattern| matches(pattern, tool))) {
                return problem(format!(
                    "it has the cost of `{tool}`, which it does not concern"
                ));
            }
        }
        self.check_quota(self.quota)
    }

    /// Whether what a call costs can ever be there.
    pub(crate) fn check_quota(&self, quota: Quota) -> Result<(), ConfigError> {
        let costs = self.cost_by_tool.values().chain([&self.cost]);
        match costs.max() {
            Some(cost) if *cost > quota.max_burst() => Err(ConfigError::new(format!(
                "rule `{}`: a call that costs {cost} can never pass a burst of {}",
                self.name,
                quota.max_burst()
            ))),
            _ => Ok(()),
        }
    }
}

/// What a rule covers unless [`Rule::methods`] says otherwise: what does a server's work for the
/// asking.
fn is_work(method: Method<'_>) -> bool {
    matches!(
        method,
        Method::CallTool | Method::GetPrompt | Method::ReadResource | Method::Complete
    )
}

/// Whether a pattern, exact or with a `*` at its end, means the tool.
pub(crate) fn matches(pattern: &str, tool: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => tool.starts_with(start),
        None => pattern == tool,
    }
}

/// What is never limited.
pub(crate) fn is_exempt(method: &Method<'_>) -> bool {
    method.is_lifecycle()
        || method.is_long_lived()
        || method.is_notification()
        || *method == Method::CancelTask
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
