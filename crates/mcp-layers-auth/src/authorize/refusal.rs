//! The answers of this layer.

use std::borrow::Cow;

use mcp_layers_core::{Event, ListedKind, McpError, McpRequest, McpResponse, Method, code};
use serde_json::Value;

use crate::{Decision, Denial};

/// Why a request does not go on, and what its caller gets to know.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) what: What,
    rule: Cow<'static, str>,
    failures: Vec<Event>,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    /// 401
    NoPrincipal,
    /// 403, without a word about why.
    Forbidden,
    /// 403, with the scopes.
    Denied(Box<Denial>),
    /// What an unknown name gets.
    Unknown,
}

impl Refusal {
    fn new(what: What, rule: impl Into<Cow<'static, str>>) -> Self {
        Self {
            what,
            rule: rule.into(),
            failures: Vec::new(),
        }
    }

    pub(crate) fn no_principal() -> Self {
        Self::new(What::NoPrincipal, "no principal")
    }

    pub(crate) fn foreign_session() -> Self {
        Self::new(What::Forbidden, "session of another principal")
    }

    pub(crate) fn foreign_task() -> Self {
        Self::new(What::Unknown, "task of another principal")
    }

    /// The refusal that a decision asks for, if it does.
    pub(crate) fn of(decision: Decision, failures: Vec<Event>) -> Option<Self> {
        let mut refusal = match decision {
            Decision::Allow => return None,
            Decision::Hide(rule) => Self::new(What::Unknown, rule.to_cow()),
            Decision::Deny(denial) => {
                let rule = denial.rule().to_cow();
                Self::new(What::Denied(denial), rule)
            }
        };
        refusal.failures = failures;
        Some(refusal)
    }

    /// What the caller of the request gets.
    pub(crate) fn error<Req: McpRequest>(&self, request: &Req) -> McpError {
        match &self.what {
            What::NoPrincipal => McpError::unauthenticated(),
            What::Forbidden => McpError::forbidden(),
            What::Denied(denial) => {
                let required: Vec<_> = denial.required_scopes().collect();
                let missing: Vec<_> = denial.missing_scopes().collect();
                let mut error = McpError::forbidden();
                if !missing.is_empty() {
                    error = error
                        .with("missingScopes", Value::from(missing))
                        .with("requiredScopes", Value::from(required));
                }
                error
            }
            What::Unknown => unknown(request.method(), request.target_kind(), request.is_modern()),
        }
    }

    /// The same as a text that a model reads.
    fn text(&self) -> Option<String> {
        match &self.what {
            What::Denied(denial) => {
                let mut text = "Forbidden".to_owned();
                let mut separator = ": missing scope ";
                for scope in denial.missing_scopes() {
                    text.push_str(separator);
                    text.push_str(scope);
                    separator = ", ";
                }
                Some(text)
            }
            What::Forbidden => Some("Forbidden".to_owned()),
            What::NoPrincipal | What::Unknown => None,
        }
    }

    /// The response, with what was decided in its trail.
    pub(crate) fn response<Req: McpRequest>(
        self,
        request: &Req,
        as_tool_error: bool,
    ) -> Req::Response {
        let text = match as_tool_error && request.method() == Method::CallTool {
            true => self.text(),
            false => None,
        };
        let to = request.reply_to();
        let mut response = match text {
            Some(text) => Req::Response::from_tool_error(to, text),
            None => Req::Response::from_error(to, self.error(request)),
        };
        let trail = response.trail_mut();
        self.failures
            .into_iter()
            .for_each(|event| trail.push(event));
        trail.push(Event::Denied { rule: self.rule });
        response
    }
}

/// What a name gets that does not exist, or that the caller must not know of: one text for each
/// sort of thing, without the name, so that any two answers are the same bytes. Codes: 2026-07-28,
/// server/tools, prompts and resources, "Error Handling"; a resource had a code of its own up to
/// 2025-11-25.
pub(crate) fn unknown(method: Method<'_>, kind: Option<ListedKind>, modern: bool) -> McpError {
    let (code, text) = match (kind, method) {
        (_, Method::Listen) => (code::INVALID_PARAMS, "Resource not found"),
        (Some(ListedKind::Tool), _) => (code::INVALID_PARAMS, "Unknown tool"),
        (Some(ListedKind::Prompt), _) => (code::INVALID_PARAMS, "Unknown prompt"),
        (Some(ListedKind::Task), _) => (code::INVALID_PARAMS, "Task not found"),
        (Some(ListedKind::Resource), _) if !modern => {
            (code::RESOURCE_NOT_FOUND, "Resource not found")
        }
        (Some(_), _) => (code::INVALID_PARAMS, "Resource not found"),
        (None, Method::Complete) => (code::INVALID_PARAMS, "Unknown reference"),
        (None, _) => (code::METHOD_NOT_FOUND, "Method not found"),
    };
    McpError::public(code, text)
}
