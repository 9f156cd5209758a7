//! Rejections: requests that do not go on, and the answers that they get.

use std::borrow::Cow;

use mcp_layers_core::{
    Event, ListedKind, McpError, McpRequest, McpResponse, Method, Refusal, code,
};
use serde_json::Value;

use crate::{
    policy::{Decision, Denial},
    settings::Settings,
    state::Counters,
};

/// The reason why a request does not go on.
#[derive(Debug, Clone)]
pub(crate) struct Rejection {
    pub(crate) reason: Reason,
    rule: Cow<'static, str>,
    failures: Vec<Event>,
}

#[derive(Debug, Clone)]
pub(crate) enum Reason {
    /// No verified principal: 401.
    NoPrincipal,
    /// A session of another principal: 403.
    ForeignSession,
    /// A request state that was not issued to the caller: -32602.
    ForeignState,
    /// A task of another principal: the answer to an unknown one.
    ForeignTask,
    /// A denial by the policy: 403, with the scopes.
    Denied(Box<Denial>),
    /// A hidden name: the answer to an unknown one.
    Hidden,
}

impl Rejection {
    fn new(reason: Reason, rule: impl Into<Cow<'static, str>>) -> Self {
        Self {
            reason,
            rule: rule.into(),
            failures: Vec::new(),
        }
    }

    pub(crate) fn no_principal() -> Self {
        Self::new(Reason::NoPrincipal, "no principal")
    }

    pub(crate) fn foreign_session() -> Self {
        Self::new(Reason::ForeignSession, "session of another principal")
    }

    pub(crate) fn foreign_state() -> Self {
        Self::new(Reason::ForeignState, "request state of another principal")
    }

    pub(crate) fn foreign_task() -> Self {
        Self::new(Reason::ForeignTask, "task of another principal")
    }

    /// The rejection that a decision asks for, if it asks for one.
    pub(crate) fn from_decision(decision: Decision, failures: Vec<Event>) -> Option<Self> {
        let mut rejection = match decision {
            Decision::Allow => return None,
            Decision::Hide(rule) => Self::new(Reason::Hidden, rule.to_cow()),
            Decision::Deny(denial) => {
                let rule = denial.rule().to_cow();
                Self::new(Reason::Denied(denial), rule)
            }
        };
        rejection.failures = failures;
        Some(rejection)
    }

    /// The decision of a rejection by the policy.
    #[cfg(feature = "http")]
    pub(crate) fn into_decision(self) -> Decision {
        match self.reason {
            Reason::Denied(denial) => Decision::Deny(denial),
            _ => Decision::Allow,
        }
    }

    /// Counts the rejection.
    pub(crate) fn count(&self, counters: &Counters) {
        let counter = match &self.reason {
            Reason::NoPrincipal => &counters.unauthenticated,
            Reason::ForeignSession | Reason::ForeignState | Reason::ForeignTask => {
                &counters.foreign
            }
            Reason::Denied(_) => &counters.denied,
            Reason::Hidden => &counters.hidden,
        };
        Counters::add(counter, 1);
        Counters::add(&counters.policy_failed, self.failures.len());
    }

    /// The answer, with the denial in its trail, after the policy's failures.
    pub(crate) fn answer<Req: McpRequest>(
        self,
        request: &Req,
        settings: &Settings,
    ) -> Req::Response {
        let readable = matches!(self.reason, Reason::Denied(_) | Reason::ForeignSession);
        let refusal = match settings.as_tool_error && readable {
            true => Refusal::new().as_tool_error(),
            false => Refusal::new(),
        };
        let error = self.error(request);
        let mut failures = self.failures.into_iter();
        let last = Event::Denied { rule: self.rule };
        let Some(first) = failures.next() else {
            return refusal.answer(request, error, last);
        };
        let mut response = refusal.answer(request, error, first);
        let trail = response.trail_mut();
        failures.chain([last]).for_each(|event| trail.push(event));
        response
    }

    fn error<Req: McpRequest>(&self, request: &Req) -> McpError {
        match &self.reason {
            Reason::NoPrincipal => McpError::unauthenticated(),
            Reason::ForeignSession => McpError::forbidden(),
            Reason::ForeignState => {
                McpError::public(code::INVALID_PARAMS, "Unknown or expired requestState")
            }
            Reason::Denied(denial) => {
                let error = McpError::missing_scopes(denial.missing_scopes());
                if denial.missing_scopes().len() == 0 {
                    return error;
                }
                let missing: Vec<_> = denial.missing_scopes().collect();
                let required: Vec<_> = denial.required_scopes().collect();
                error
                    .with("missingScopes", Value::from(missing))
                    .with("requiredScopes", Value::from(required))
            }
            Reason::Hidden | Reason::ForeignTask => UnknownName::of(request).error(),
        }
    }
}

/// The target of a request as its caller wrote it, for the answer to an unknown name.
///
/// There is one text for each kind, so that any two answers of a kind are the same bytes, except for
/// what the caller sent. Codes: 2026-07-28, server/tools, prompts and resources, "Error Handling";
/// resources had a code of their own up to 2025-11-25. `data.uri` is that of the caller (2026-07-28,
/// server/resources), and an unknown method is named by the message, as rmcp does.
#[derive(Debug)]
pub(crate) struct UnknownName {
    method: Option<Method<'static>>,
    kind: Option<ListedKind>,
    modern: bool,
    /// The uri of a resource, or a method that the protocol does not have.
    own: Option<Box<str>>,
}

impl UnknownName {
    pub(crate) fn of<Req: McpRequest>(request: &Req) -> Self {
        let method = request.method();
        let kind = request.target_kind();
        let own = match kind {
            Some(ListedKind::Resource | ListedKind::Skill) => request.target(),
            None if method.known().is_none() => Some(method.as_str()),
            _ => None,
        };
        Self {
            method: method.known(),
            kind,
            modern: request.is_modern(),
            own: own.map(Into::into),
        }
    }

    pub(crate) fn kind(&self) -> Option<ListedKind> {
        self.kind
    }

    pub(crate) fn method(&self) -> Option<Method<'static>> {
        self.method
    }

    pub(crate) fn is_modern(&self) -> bool {
        self.modern
    }

    /// True if the data of an error names this very resource as the one that was not found.
    pub(crate) fn is_named_by(&self, data: Option<&Value>) -> bool {
        let uri = data.and_then(|data| data.get("uri")?.as_str());
        self.kind.is_some() && uri.is_some() && uri == self.own.as_deref()
    }

    pub(crate) fn error(self) -> McpError {
        let (code, text) = match (self.kind, self.method) {
            (_, Some(Method::Listen)) => (code::INVALID_PARAMS, "Resource not found"),
            (Some(ListedKind::Tool), _) => (code::INVALID_PARAMS, "Unknown tool"),
            (Some(ListedKind::Prompt), _) => (code::INVALID_PARAMS, "Unknown prompt"),
            (Some(ListedKind::Task), _) => (code::INVALID_PARAMS, "Task not found"),
            (Some(ListedKind::Resource), _) if !self.modern => {
                (code::RESOURCE_NOT_FOUND, "Resource not found")
            }
            (Some(_), _) => (code::INVALID_PARAMS, "Resource not found"),
            (None, Some(Method::Complete)) => (code::INVALID_PARAMS, "Unknown reference"),
            (None, Some(method)) => (code::METHOD_NOT_FOUND, method.as_str()),
            (None, None) => {
                let name = self.own.unwrap_or_default().into_string();
                return McpError::public(code::METHOD_NOT_FOUND, name);
            }
        };
        let error = McpError::public(code, text);
        match self.own.filter(|_| self.kind.is_some()) {
            Some(uri) => error.with("uri", Value::from(&*uri)),
            None => error,
        }
    }
}
