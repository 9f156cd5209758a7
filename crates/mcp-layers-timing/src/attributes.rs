//! Names and values of the attributes.

use mcp_layers_core::{McpRequest, Method, request::Transport};
pub(crate) use mcp_layers_util::conventions::{OTHER, method as method_of};
use mcp_layers_util::conventions::{http_version, protocol_version};

use crate::recorder::Attribute;

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

/// The attributes of the gauge.
pub(crate) fn of_method(method: Method<'static>) -> Vec<Attribute> {
    vec![Attribute::new(METHOD, method.as_str())]
}

/// Adds the name of a tool or prompt, and the operation of a tool call.
pub(crate) fn describe_name(
    method: Method<'_>,
    name: Option<&str>,
    attributes: &mut Vec<Attribute>,
) {
    let key = match method {
        Method::CallTool => {
            attributes.push(Attribute::new(OPERATION, "execute_tool"));
            TOOL
        }
        Method::GetPrompt => PROMPT,
        _ => return,
    };
    if let Some(name) = name {
        attributes.push(Attribute::new(key, name));
    }
}

/// Protocol version and transport of a request; values that are not well known are [`OTHER`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Wire {
    protocol_version: Option<&'static str>,
    transport: Option<Transport>,
    http_version: Option<&'static str>,
}

impl Wire {
    pub(crate) fn of<Req: McpRequest>(request: &Req) -> Self {
        Self {
            protocol_version: protocol_version(request),
            transport: request.connection().transport,
            http_version: http_version(request),
        }
    }

    pub(crate) fn describe(self, attributes: &mut Vec<Attribute>) {
        if let Some(version) = self.protocol_version {
            attributes.push(Attribute::new(PROTOCOL_VERSION, version));
        }
        if let Some(transport) = self.transport {
            attributes.push(Attribute::new(TRANSPORT, transport.as_str()));
        }
        if let Some(version) = self.http_version {
            attributes.push(Attribute::new(NETWORK_PROTOCOL, "http"));
            attributes.push(Attribute::new(NETWORK_VERSION, version));
        }
    }
}

#[cfg(test)]
#[path = "../tests/unit/attributes.rs"]
mod tests;
