//! Which requests may be answered from memory, for how long and for whom.

use std::{collections::HashMap, time::Duration};

use foldhash::quality::RandomState;
use mcp_layers_core::{
    CacheHint, CacheScope, ConfigError, McpRequest, McpResponse, Method, ToolHints,
};

use crate::Bypass;

/// How long an answer is fresh, and for whom, by the operator's word.
///
/// A `Duration` alone is one, too: `layer.tool("search", Duration::from_secs(60))`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    time_to_live: Duration,
    scope: Option<CacheScope>,
}

impl Freshness {
    /// Fresh for this long; nothing is kept when it is zero. For whom is the server's word where
    /// the protocol gives it one (`cacheScope`), else the answer is private.
    #[must_use]
    pub const fn new(time_to_live: Duration) -> Self {
        Self {
            time_to_live,
            scope: None,
        }
    }

    /// The answer is the same for everyone, whatever the server says.
    #[must_use]
    pub const fn public(mut self) -> Self {
        self.scope = Some(CacheScope::Public);
        self
    }

    /// The answer is for one authorization context alone, whatever the server says.
    #[must_use]
    pub const fn private(mut self) -> Self {
        self.scope = Some(CacheScope::Private);
        self
    }
}

impl From<Duration> for Freshness {
    fn from(time_to_live: Duration) -> Self {
        Self::new(time_to_live)
    }
}

type Names = HashMap<Box<str>, Freshness, RandomState>;

/// What the operator declared.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    methods: Vec<(Method<'static>, Freshness)>,
    stamps: Vec<(Method<'static>, CacheHint)>,
    resources: Names,
    tools: Names,
    prompts: Names,
    completions: Names,
    trusted: Option<(ToolHints, Freshness)>,
}

/// What holds for one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) method: Method<'static>,
    time_to_live: Option<Duration>,
    /// Known before the answer is.
    pub(crate) scope: Option<CacheScope>,
    /// Whether the answer's own hint counts: only where the protocol defines one.
    hints: bool,
    stamp: Option<CacheHint>,
}

/// The methods whose results the protocol calls cacheable (2026-07-28, server/utilities/caching).
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
        self.methods.retain(|(known, _)| *known != method);
        self.methods.push((method, freshness));
        Ok(())
    }

    pub(crate) fn set_stamp(
        &mut self,
        method: Method<'static>,
        hint: CacheHint,
    ) -> Result<(), ConfigError> {
        check(method)?;
        self.stamps.retain(|(known, _)| *known != method);
        self.stamps.push((method, hint));
        Ok(())
    }

    pub(crate) fn set_resource(&mut self, uri: &str, freshness: Freshness) {
        self.resources.insert(uri.into(), freshness);
    }

    pub(crate) fn set_tool(&mut self, name: &str, freshness: Freshness) {
        self.tools.insert(name.into(), freshness);
    }

    pub(crate) fn set_prompt(&mut self, name: &str, freshness: Freshness) {
        self.prompts.insert(name.into(), freshness);
    }

    pub(crate) fn set_completion(&mut self, reference: &str, freshness: Freshness) {
        self.completions.insert(reference.into(), freshness);
    }

    pub(crate) fn trust(&mut self, hints: ToolHints, freshness: Freshness) {
        self.trusted = Some((hints, freshness));
    }

    /// What holds for a request, or why the cache has no say.
    pub(crate) fn of<Req: McpRequest>(&self, request: &Req) -> Result<Rule, Bypass> {
        let method = request.method().known().ok_or(Bypass::Undeclared)?;
        let declared = match method {
            _ if is_cacheable(method) => self.of_cacheable(method, request.target()),
            Method::CallTool => self.of_tool(request.target()).map(|it| fixed(method, it)),
            Method::GetPrompt => named(&self.prompts, request).map(|it| fixed(method, it)),
            Method::Complete => named(&self.completions, request).map(|it| fixed(method, it)),
            _ => None,
        };
        let rule = declared.ok_or(Bypass::Undeclared)?;
        if request.is_continuation() {
            return Err(Bypass::Continuation);
        }
        Ok(rule)
    }

    fn of_cacheable(&self, method: Method<'static>, target: Option<&str>) -> Option<Rule> {
        let by_method = || self.methods.iter().find(|(known, _)| *known == method);
        let by_target = match (method, target) {
            (Method::ReadResource, Some(uri)) if !self.resources.is_empty() => {
                self.resources.get(uri).copied()
            }
            _ => None,
        };
        let declared = by_target.or_else(|| by_method().map(|(_, freshness)| *freshness));
        if declared.is_some_and(|freshness| freshness.time_to_live.is_zero()) {
            return None;
        }
        let mut stamps = self.stamps.iter();
        Some(Rule {
            method,
            time_to_live: declared.map(|freshness| freshness.time_to_live),
            scope: declared.and_then(|freshness| freshness.scope),
            hints: true,
            stamp: stamps
                .find(|(known, _)| *known == method)
                .map(|(_, hint)| *hint),
        })
    }

    fn of_tool(&self, target: Option<&str>) -> Option<Freshness> {
        let name = target?;
        if let Some(freshness) = self.tools.get(name) {
            return Some(*freshness);
        }
        let (hints, freshness) = self.trusted.as_ref()?;
        hints.get(name)?.is_cacheable().then_some(*freshness)
    }
}

fn check(method: Method<'_>) -> Result<(), ConfigError> {
    if is_cacheable(method) {
        return Ok(());
    }
    Err(ConfigError::new(format!(
        "answers to `{method}` are not cacheable by the protocol; \
         tools, prompts and completions are declared by their names"
    )))
}

fn named<Req: McpRequest>(names: &Names, request: &Req) -> Option<Freshness> {
    names.get(request.target()?).copied()
}

/// An operator's rule for what the protocol gives no hint.
fn fixed(method: Method<'static>, freshness: Freshness) -> Rule {
    Rule {
        method,
        time_to_live: Some(freshness.time_to_live),
        scope: Some(freshness.scope.unwrap_or(CacheScope::Private)),
        hints: false,
        stamp: None,
    }
}

impl Rule {
    /// Writes the hint that clients cache by into a result that has none of its own. rmcp fills a
    /// missing one with `ttlMs: 0`, which reads as none here.
    pub(crate) fn stamp<Res: McpResponse>(&self, response: &mut Res) {
        if let Some(stamp) = self.stamp
            && response.cache_hint().ttl_ms.unwrap_or(0) == 0
        {
            response.set_cache_hint(stamp);
        }
    }

    /// For how long the answer is fresh, and for whom; `None` when it is stale at once.
    pub(crate) fn freshness(
        &self,
        hint: CacheHint,
        longest: Duration,
    ) -> Option<(Duration, CacheScope)> {
        let hint = if self.hints {
            hint
        } else {
            CacheHint::default()
        };
        let time_to_live = self
            .time_to_live
            .or_else(|| hint.ttl_ms.map(Duration::from_millis))?
            .min(longest);
        let scope = self.scope.or(hint.scope).unwrap_or(CacheScope::Private);
        (!time_to_live.is_zero()).then_some((time_to_live, scope))
    }
}
