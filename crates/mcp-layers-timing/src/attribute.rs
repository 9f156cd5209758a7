//! The attributes: their names, and what the values may be.

use mcp_layers_core::{McpRequest, Method, Transport};

use crate::Attribute;

/// What stands for every value that is not told.
pub(crate) const OTHER: &str = "_OTHER";

pub(crate) const ERROR_TYPE: &str = "error.type";
pub(crate) const STATUS_CODE: &str = "rpc.response.status_code";
pub(crate) const RESULT_TYPE: &str = "mcp_layers.result_type";
const METHOD: &str = "mcp.method.name";
const TOOL: &str = "gen_ai.tool.name";
const PROMPT: &str = "gen_ai.prompt.name";
const OPERATION: &str = "gen_ai.operation.name";
const PROTOCOL_VERSION: &str = "mcp.protocol.version";
const TRANSPORT: &str = "network.transport";
const NETWORK_PROTOCOL: &str = "network.protocol.name";
const NETWORK_VERSION: &str = "network.protocol.version";

/// The revisions of the protocol, the likeliest first.
const PROTOCOL_VERSIONS: [&str; 5] = [
    "2026-07-28",
    "2025-11-25",
    "2025-06-18",
    "2025-03-26",
    "2024-11-05",
];

const HTTP_VERSIONS: [&str; 4] = ["1.1", "2", "3", "1.0"];

/// A method, or [`OTHER`] for one that the protocol does not have.
pub(crate) fn method_of<Req: McpRequest>(request: &Req) -> Method<'static> {
    request.method().known().unwrap_or(Method::Other(OTHER))
}

/// The attributes of the gauge.
pub(crate) fn of_method(method: Method<'static>) -> Vec<Attribute> {
    vec![Attribute::new(METHOD, method.as_str())]
}

/// What kind of name a method's target is, where it may become an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    Tool,
    Prompt,
}

impl Named {
    pub(crate) fn by(method: Method<'_>) -> Option<Self> {
        match method {
            Method::CallTool => Some(Self::Tool),
            Method::GetPrompt => Some(Self::Prompt),
            _ => None,
        }
    }
}

/// The attributes of the name, and what else a call of a tool has.
pub(crate) fn describe_name(
    method: Method<'_>,
    name: Option<&str>,
    attributes: &mut Vec<Attribute>,
) {
    let Some(named) = Named::by(method) else {
        return;
    };
    if named == Named::Tool {
        attributes.push(Attribute::new(OPERATION, "execute_tool"));
    }
    if let Some(name) = name {
        let key = match named {
            Named::Tool => TOOL,
            Named::Prompt => PROMPT,
        };
        attributes.push(Attribute::new(key, name));
    }
}

/// The attributes of how a request came, in few bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wire {
    protocol: OneOf,
    transport: Option<Transport>,
    http: OneOf,
}

impl Wire {
    pub(crate) fn of<Req: McpRequest>(request: &Req) -> Self {
        let connection = request.connection();
        Self {
            protocol: OneOf::new(request.protocol_version().as_deref(), &PROTOCOL_VERSIONS),
            transport: connection.transport,
            http: OneOf::new(connection.http_version, &HTTP_VERSIONS),
        }
    }

    /// All of it as one number, for a hash.
    pub(crate) fn bits(self) -> u32 {
        let transport = self.transport.map_or(0, |transport| transport as u8 + 1);
        u32::from_be_bytes([0, self.protocol.0, transport, self.http.0])
    }

    pub(crate) fn describe(self, attributes: &mut Vec<Attribute>) {
        if let Some(version) = self.protocol.text(&PROTOCOL_VERSIONS) {
            attributes.push(Attribute::new(PROTOCOL_VERSION, version));
        }
        if let Some(transport) = self.transport {
            attributes.push(Attribute::new(TRANSPORT, transport.as_str()));
        }
        if let Some(version) = self.http.text(&HTTP_VERSIONS) {
            attributes.push(Attribute::new(NETWORK_PROTOCOL, "http"));
            attributes.push(Attribute::new(NETWORK_VERSION, version));
        }
    }
}

/// One of a few known texts, none, or another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OneOf(u8);

impl OneOf {
    const NONE: Self = Self(u8::MAX);
    const OTHER: Self = Self(u8::MAX - 1);

    fn new(text: Option<&str>, known: &[&str]) -> Self {
        let Some(text) = text else {
            return Self::NONE;
        };
        let index = known.iter().position(|known| *known == text);
        index
            .and_then(|index| u8::try_from(index).ok())
            .map_or(Self::OTHER, Self)
    }

    fn text(self, known: &[&'static str]) -> Option<&'static str> {
        match self {
            Self::NONE => None,
            Self::OTHER => Some(OTHER),
            Self(index) => known.get(usize::from(index)).copied(),
        }
    }
}

impl Default for OneOf {
    fn default() -> Self {
        Self::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::{HTTP_VERSIONS, OneOf, PROTOCOL_VERSIONS, Wire};
    use mcp_layers_core::Transport;

    fn described(protocol: Option<&str>, http: Option<&str>) -> Vec<(&'static str, String)> {
        let wire = Wire {
            protocol: OneOf::new(protocol, &PROTOCOL_VERSIONS),
            transport: Some(Transport::Tcp),
            http: OneOf::new(http, &HTTP_VERSIONS),
        };
        let mut attributes = Vec::new();
        wire.describe(&mut attributes);
        let pairs = attributes.into_iter();
        pairs.map(|pair| (pair.name, pair.value)).collect()
    }

    #[test]
    fn http_is_named_with_its_version() {
        let expected = [
            ("mcp.protocol.version", "2025-11-25".to_owned()),
            ("network.transport", "tcp".to_owned()),
            ("network.protocol.name", "http".to_owned()),
            ("network.protocol.version", "2".to_owned()),
        ];
        assert_eq!(described(Some("2025-11-25"), Some("2")), expected);
    }

    #[test]
    fn an_unknown_version_is_other_and_a_missing_one_is_absent() {
        let values = |protocol, http| -> Vec<_> {
            let pairs = described(protocol, http).into_iter();
            pairs.map(|(_, value)| value).collect()
        };
        let expected = ["_OTHER", "tcp", "http", "_OTHER"];
        assert_eq!(values(Some("2099-01-01"), Some("9")), expected);
        assert_eq!(values(None, None), ["tcp"]);
    }
}
