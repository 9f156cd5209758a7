//! Which calls share a circuit.

use mcp_layers_core::{McpRequest, Method};

/// Which calls share a circuit. Never those of one caller: a circuit speaks of the service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CircuitKey {
    /// The calls of one tool; of every other method, all its requests.
    #[default]
    Tool,
    /// The requests of one method.
    Method,
    /// All requests: for a stack around one upstream.
    Upstream,
}

/// Whose circuit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Name<'a> {
    Tool(&'a str),
    Method(Method<'static>),
    Upstream,
    Other,
}

/// Longer names have no circuit of their own.
pub(crate) const MAX_NAME: usize = 128;

impl CircuitKey {
    /// `None` for requests that no circuit is asked about: long-lived ones, the lifecycle,
    /// notifications, and methods that the protocol does not know.
    #[inline]
    pub(crate) fn of<'a, Req: McpRequest>(
        self,
        method: Method<'a>,
        request: &'a Req,
    ) -> Option<Name<'a>> {
        if method == Method::CallTool && self == Self::Tool {
            let tool = request.target().filter(|tool| tool.len() <= MAX_NAME);
            return Some(tool.map_or(Name::Other, Name::Tool));
        }
        if method.is_long_lived() || method.is_lifecycle() || method.is_notification() {
            return None;
        }
        let method = method.known()?;
        Some(match self {
            Self::Upstream => Name::Upstream,
            Self::Tool | Self::Method => Name::Method(method),
        })
    }
}

impl Name<'_> {
    /// As handles and events have it: `tools/call NAME` for a tool, else the method, `upstream` or
    /// `_OTHER`.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Tool(tool) => format!("{} {tool}", Method::CallTool),
            Self::Method(method) => method.to_string(),
            Self::Upstream => "upstream".to_owned(),
            Self::Other => "_OTHER".to_owned(),
        }
    }

    /// The name that a label stands for.
    pub(crate) fn read(label: &str) -> Option<Name<'_>> {
        if let Some(tool) = label.strip_prefix("tools/call ") {
            return (tool.len() <= MAX_NAME).then_some(Name::Tool(tool));
        }
        match label {
            "upstream" => Some(Name::Upstream),
            "_OTHER" => Some(Name::Other),
            method => Method::new(method).known().map(Name::Method),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Name;
    use mcp_layers_core::Method;

    #[test]
    fn a_label_is_read_back_and_a_tool_is_never_taken_for_a_method() {
        for name in [
            Name::Tool("dig"),
            Name::Tool("resources/read"),
            Name::Tool("a b"),
            Name::Method(Method::ReadResource),
            Name::Upstream,
            Name::Other,
        ] {
            assert_eq!(Name::read(&name.label()), Some(name));
        }
        assert_eq!(Name::read("no/such"), None);
    }
}
