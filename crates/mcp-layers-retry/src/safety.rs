//! Requests that are safe to repeat, and errors after which a request may have taken effect.

use mcp_layers_core::{McpRequest, Method, Outcome, code};

use crate::settings::Settings;

/// The safety of repeating a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Safety {
    /// Doing it twice is as good as doing it once.
    Repeatable,
    /// A call that runs at most once. If it fails, it may have taken effect.
    Once,
    /// The layer passes the request on: an outer retry layer repeats it, or its method is neither
    /// repeatable nor a call.
    Pass,
}

impl Settings {
    pub(crate) fn safety_of<Req: McpRequest>(&self, request: &Req) -> Safety {
        if request.context().is_repeated() {
            return Safety::Pass;
        }
        let continues = request.is_continuation();
        match request.method() {
            Method::CallTool => {
                let repeatable = request
                    .target()
                    .is_some_and(|tool| self.is_repeatable(request, tool));
                if repeatable && !continues {
                    Safety::Repeatable
                } else {
                    Safety::Once
                }
            }
            Method::Discover
            | Method::ListTools
            | Method::ListResources
            | Method::ListResourceTemplates
            | Method::ReadResource
            | Method::ReadResourceDirectory
            | Method::ListPrompts
            | Method::GetPrompt
            | Method::Complete
            | Method::ListTasks
            | Method::GetTask
            | Method::ListSkills
            | Method::GetSkill
                if !continues =>
            {
                Safety::Repeatable
            }
            _ => Safety::Pass,
        }
    }

    fn is_repeatable<Req: McpRequest>(&self, request: &Req, tool: &str) -> bool {
        if self.tools.iter().any(|pattern| pattern.matches(tool)) {
            return true;
        }
        let catalog = request.context().catalog().filter(|_| self.trusts_hints);
        let hints = catalog.and_then(|catalog| catalog.hints(tool));
        hints.is_some_and(|hints| hints.is_repeatable())
    }
}

/// Returns true for an error of a request that did not run: a refusal by a limit or an open circuit.
pub(crate) fn is_refusal(outcome: &Outcome<'_>) -> bool {
    let Outcome::Protocol { code, data, .. } = outcome else {
        return false;
    };
    let reason = data.and_then(|data| data.get("reason")?.as_str());
    match *code {
        code::RATE_LIMITED => true,
        code::UNAVAILABLE => matches!(reason, Some("circuit_open" | "unavailable")),
        _ => false,
    }
}

/// Returns true if a call with this outcome may have taken effect: the server failed, or the call
/// was given up. Codes of the application are answers.
pub(crate) fn may_have_run(outcome: &Outcome<'_>) -> bool {
    matches!(
        outcome.code(),
        Some(code::INTERNAL_ERROR | code::DEADLINE_EXCEEDED | code::UNAVAILABLE | code::TIMED_OUT)
    ) && !is_refusal(outcome)
}
