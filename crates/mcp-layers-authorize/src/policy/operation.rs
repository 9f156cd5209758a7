use mcp_layers_core::{Listed, ListedKind, Method};

/// An operation that a principal asks for: a method and its target.
///
/// An entry of a list is the operation that uses it: a listed tool is a `tools/call` of its name, a
/// resource or a template a `resources/read`, a prompt a `prompts/get`, a skill a `skills/get`, a
/// task a `tasks/get`. Each uri of `subscriptions/listen` is a `resources/subscribe`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Operation<'a> {
    /// The method.
    pub method: Method<'a>,
    /// The kind of the target; `None` for a method without one.
    pub kind: Option<ListedKind>,
    /// The tool's or prompt's name, the resource's uri, the template's text, the task's id. With a
    /// kind, `None` means that the request names no target, or none that could be read.
    pub target: Option<&'a str>,
}

impl<'a> Operation<'a> {
    /// A method without a target.
    #[must_use]
    pub fn new(method: Method<'a>) -> Self {
        Self {
            kind: method.target_kind(),
            method,
            target: None,
        }
    }

    /// The same method on a target.
    #[must_use]
    pub fn on(self, kind: ListedKind, target: &'a str) -> Self {
        Self {
            kind: Some(kind),
            target: Some(target),
            ..self
        }
    }

    /// A `tools/call` of this tool.
    #[must_use]
    pub fn call_tool(name: &'a str) -> Self {
        Self::new(Method::CallTool).on(ListedKind::Tool, name)
    }

    /// The operation that uses an entry of a list; `None` for a kind that is not known.
    pub(crate) fn listed(entry: &Listed<'a>) -> Option<Self> {
        let method = match entry.kind {
            ListedKind::Tool => Method::CallTool,
            ListedKind::Resource | ListedKind::ResourceTemplate => Method::ReadResource,
            ListedKind::Prompt => Method::GetPrompt,
            ListedKind::Skill => Method::GetSkill,
            ListedKind::Task => Method::GetTask,
            _ => return None,
        };
        Some(Self::new(method).on(entry.kind, entry.name))
    }
}
