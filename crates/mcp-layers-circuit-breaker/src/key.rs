//! Keys of circuits: the requests that share one.

use std::{borrow::Cow, hash::BuildHasher};

use mcp_layers_core::{Catalog, McpRequest, Method};

use crate::window::Caller;

/// The requests that share a circuit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CircuitKey {
    /// The calls of one tool. For other methods, all requests of the method.
    #[default]
    Tool,
    /// The requests of one method.
    Method,
    /// All requests: for a stack around one upstream.
    Upstream,
}

/// The name of a circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Name<'a> {
    Tool(&'a str),
    Method(&'static str),
    Upstream,
    Other,
}

const TOOL_PREFIX: &str = "tools/call ";
const UPSTREAM: &str = "upstream";
const OTHER: &str = "_OTHER";

impl CircuitKey {
    /// The circuit of a request. `None` for requests without one: long-lived ones, the lifecycle,
    /// notifications, and methods that the protocol does not have.
    pub(crate) fn of<'a, Req: McpRequest>(
        self,
        request: &'a Req,
        catalog: &Catalog,
    ) -> Option<Name<'a>> {
        let method = request.method();
        if method.is_long_lived() || method.is_lifecycle() || method.is_notification() {
            return None;
        }
        let known = method.known()?;
        Some(match (self, known) {
            (Self::Upstream, _) => Name::Upstream,
            (Self::Tool, Method::CallTool) => match request.target() {
                Some(tool) if catalog.knows_target(request) => Name::Tool(tool),
                _ => Name::Other,
            },
            (Self::Tool | Self::Method, method) => Name::Method(method.as_str()),
        })
    }
}

impl<'a> Name<'a> {
    /// The label of a circuit that is not a tool's.
    pub(crate) fn fixed(&self) -> Option<&'static str> {
        match self {
            Self::Tool(_) => None,
            Self::Method(method) => Some(method),
            Self::Upstream => Some(UPSTREAM),
            Self::Other => Some(OTHER),
        }
    }

    /// The label in handles, events and logs: `tools/call NAME` for a tool, otherwise the method,
    /// `upstream` or `_OTHER`.
    pub(crate) fn label(&self) -> Cow<'static, str> {
        match (self, self.fixed()) {
            (Self::Tool(tool), _) => format!("{TOOL_PREFIX}{tool}").into(),
            (_, fixed) => fixed.unwrap_or(OTHER).into(),
        }
    }

    /// The name that a label stands for.
    pub(crate) fn parse(label: &'a str) -> Option<Self> {
        if let Some(tool) = label.strip_prefix(TOOL_PREFIX) {
            return Some(Self::Tool(tool));
        }
        match label {
            UPSTREAM => Some(Self::Upstream),
            OTHER => Some(Self::Other),
            method => Method::new(method)
                .known()
                .map(|known| Self::Method(known.as_str())),
        }
    }
}

/// The caller of a request. Callers without a verified principal all count as one, because a name
/// that is only claimed could be invented.
pub(crate) fn caller_of<Req: McpRequest>(request: &Req, hasher: &impl BuildHasher) -> Caller {
    let principal = request.context().principal();
    let verified = principal.filter(|principal| principal.is_verified());
    Caller(verified.map(|principal| hasher.hash_one((principal.issuer(), principal.subject()))))
}
