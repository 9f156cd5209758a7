//! Rejections: requests that do not go on, and the answers that they get.

use std::borrow::Cow;

use mcp_layers_core::{
    Event, ListedKind, McpError, McpRequest, McpResponse, Method, Refusal, code,
};
use serde_json::Value;

use crate::{
    decisions::Decisions,
    policy::{Decision, Denial},
    settings::Settings,
    state::Guard,
};

/// The rule that hides a task of another principal.
pub(crate) const FOREIGN_TASK: &str = "task of another principal";

/// A request that does not go on.
#[derive(Debug)]
pub(crate) struct Rejection {
    pub(crate) reason: Reason,
    /// Failures of the policy.
    failures: Vec<Event>,
}

#[derive(Debug)]
pub(crate) enum Reason {
    /// No verified principal: 401.
    NoPrincipal,
    /// A session of another principal: 403.
    ForeignSession,
    /// A request state that was not issued to the caller: -32602.
    ForeignState,
    /// A denial by the policy: 403, with the scopes.
    Denied(Box<Denial>),
    /// A name that this rule hides: the answer to an unknown one.
    Hidden(Cow<'static, str>),
}

impl Reason {
    pub(crate) fn rule(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::NoPrincipal => "no principal",
            Self::ForeignSession => "session of another principal",
            Self::ForeignState => "request state of another principal",
            Self::Denied(denial) => return denial.rule.clone(),
            Self::Hidden(rule) => return rule.clone(),
        })
    }

    /// True if a server must not find the target.
    #[cfg(feature = "http")]
    pub(crate) fn is_hidden(&self) -> bool {
        match self {
            Self::Denied(denial) => denial.is_hidden,
            reason => matches!(reason, Self::Hidden(_)),
        }
    }
}

impl From<Reason> for Rejection {
    fn from(reason: Reason) -> Self {
        Self {
            reason,
            failures: Vec::new(),
        }
    }
}

impl Rejection {
    /// The rejection that the policy asks for, if it asks for one.
    pub(crate) fn by_policy(decisions: Decisions) -> Option<Self> {
        let (decision, failures) = decisions.take_combined();
        let reason = match decision {
            Decision::Allow => return None,
            Decision::Hide(rule) => Reason::Hidden(rule),
            Decision::Deny(denial) => Reason::Denied(denial),
        };
        Some(Self { reason, failures })
    }

    /// Adds the scopes of another denial.
    #[cfg(feature = "http")]
    pub(crate) fn join(&mut self, other: Self) {
        if let (Reason::Denied(denial), Reason::Denied(other)) = (&mut self.reason, other.reason) {
            denial.join(*other);
        }
    }

    /// Counts the rejection, and answers the request.
    pub(crate) fn refuse<Req: McpRequest>(self, guard: &Guard, request: &Req) -> Req::Response {
        guard.state.count(|stats| {
            let counter = match &self.reason {
                Reason::NoPrincipal => &mut stats.unauthenticated,
                Reason::Denied(_) => &mut stats.denied,
                Reason::Hidden(rule) if rule != FOREIGN_TASK => &mut stats.hidden,
                _ => &mut stats.foreign,
            };
            *counter += 1;
            stats.policy_failed += self.failures.len() as u64;
        });
        self.answer(request, &guard.settings)
    }

    /// The answer, with the denial in its trail, after the policy's failures.
    fn answer<Req: McpRequest>(self, request: &Req, settings: &Settings) -> Req::Response {
        let is_readable = matches!(self.reason, Reason::Denied(_) | Reason::ForeignSession);
        let refusal = match settings.as_tool_error && is_readable {
            true => Refusal::new().as_tool_error(),
            false => Refusal::new(),
        };
        let denied = Event::Denied {
            rule: self.reason.rule(),
        };
        let mut events = self.failures.iter().cloned().chain([denied]);
        let first = events.next().expect("the denial at least");
        let mut response = refusal.answer(request, self.error(request), first);
        let trail = response.trail_mut();
        events.for_each(|event| trail.push(event));
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
            Reason::Hidden(_) => UnknownName::of(request).error(),
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
    pub(crate) method: Option<Method<'static>>,
    pub(crate) kind: Option<ListedKind>,
    pub(crate) is_modern: bool,
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
            is_modern: request.is_modern(),
            own: own.map(Into::into),
        }
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
            (Some(ListedKind::Resource), _) if !self.is_modern => {
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
