//! What may be repeated.

use mcp_layers_core::{McpRequest, Method, Outcome, ToolHints, code};

/// What a request allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allows {
    /// Doing it twice is as good as doing it once.
    Repeat,
    /// It is done once. If it fails, nobody knows whether it was done.
    Once,
    /// It is none of this layer's business.
    Pass,
}

/// Which tools may be called again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Policy {
    /// In order, to be searched: a hash would cost more than the few steps to a few names.
    tools: Vec<Box<str>>,
    pub(crate) hints: Option<ToolHints>,
}

impl Policy {
    pub(crate) fn add_tools(&mut self, names: Vec<Box<str>>) {
        self.tools.extend(names);
        self.tools.sort_unstable();
        self.tools.dedup();
    }

    #[inline]
    pub(crate) fn of<Req: McpRequest>(&self, request: &Req) -> Allows {
        // A layer further out repeats it, and tells what is unknown.
        if request.context().is_repeated() {
            return Allows::Pass;
        }
        match request.method() {
            Method::CallTool => {
                let tool = request.target();
                let again = tool.is_some_and(|tool| self.may_call_again(tool));
                if again && !request.is_continuation() {
                    Allows::Repeat
                } else {
                    Allows::Once
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
                if !request.is_continuation() =>
            {
                Allows::Repeat
            }
            _ => Allows::Pass,
        }
    }

    fn may_call_again(&self, tool: &str) -> bool {
        let named = self.tools.binary_search_by(|named| (**named).cmp(tool));
        named.is_ok()
            || self
                .hints
                .as_ref()
                .and_then(|hints| hints.get(tool))
                .is_some_and(|hints| hints.is_repeatable())
    }
}

/// Whether an outcome is one that is never repeated, whatever a classifier says: results of every
/// kind, the caller's errors, and requests that nobody waits for any more.
pub(crate) fn is_final(outcome: &Outcome<'_>) -> bool {
    match outcome.code() {
        None => true,
        Some(code::CANCELLED | code::DEADLINE_EXCEEDED) => true,
        Some(code) => code::is_caller_error(code),
    }
}

/// Whether an error says that the request did not run: a refusal by a limit or an open circuit.
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

/// Whether an error leaves open what became of a call: the server failed, or nobody waited for its
/// answer. Codes of its own are answers.
pub(crate) fn is_unknown(outcome: &Outcome<'_>) -> bool {
    matches!(
        outcome.code(),
        Some(code::INTERNAL_ERROR | code::DEADLINE_EXCEEDED | code::UNAVAILABLE | code::TIMED_OUT)
    ) && !is_refusal(outcome)
}

#[cfg(test)]
mod tests {
    use super::{Allows, Policy};
    use mcp_layers_core::{Hints, JsonRpcRequest, McpRequest, Method, ToolHints};
    use mcp_layers_test::requests;
    use serde_json::json;

    fn call(tool: &str) -> JsonRpcRequest {
        requests::call_tool(1, tool, json!({}))
    }

    #[test]
    fn tools_are_called_again_only_by_list_or_trusted_hint() {
        let hints = ToolHints::new();
        let hint =
            |read_only, idempotent| Hints::new(Some(read_only), None, Some(idempotent), None);
        hints.learn("read", hint(true, false));
        hints.learn("put", hint(false, true));
        hints.learn("post", hint(false, false));
        let mut policy = Policy {
            hints: Some(hints),
            ..Policy::default()
        };
        policy.add_tools(["listed", "a", "z", "listed"].map(Into::into).into());
        for (tool, allows) in [
            ("read", Allows::Repeat),
            ("put", Allows::Repeat),
            ("listed", Allows::Repeat),
            ("post", Allows::Once),
            ("unheard_of", Allows::Once),
        ] {
            assert_eq!(policy.of(&call(tool)), allows, "{tool}");
        }
        let continuation = requests::continuation(requests::modern(call("read")));
        assert_eq!(policy.of(&continuation), Allows::Once);
        let mut repeated = call("read");
        repeated.context_mut().set_repeated();
        assert_eq!(policy.of(&repeated), Allows::Pass);
    }

    #[test]
    fn what_reads_is_repeated_and_nothing_else() {
        let repeated = [
            Method::Discover,
            Method::ListTools,
            Method::ListResources,
            Method::ListResourceTemplates,
            Method::ReadResource,
            Method::ReadResourceDirectory,
            Method::ListPrompts,
            Method::GetPrompt,
            Method::Complete,
            Method::ListTasks,
            Method::GetTask,
            Method::ListSkills,
            Method::GetSkill,
        ];
        for method in Method::KNOWN
            .iter()
            .filter(|method| **method != Method::CallTool)
        {
            let request = JsonRpcRequest::new(1, method.as_str());
            let expected = if repeated.contains(method) {
                Allows::Repeat
            } else {
                Allows::Pass
            };
            assert_eq!(Policy::default().of(&request), expected, "{method}");
        }
        let unknown = JsonRpcRequest::new(1, "vendor/read");
        assert_eq!(Policy::default().of(&unknown), Allows::Pass);
    }
}
