//! Names and values of the attributes.

use std::{borrow::Cow, net::SocketAddr, sync::Arc};

use mcp_layers_core::{ListedKind, McpRequest, Method};
use mcp_layers_redact::{cut, redact_uri};
use mcp_layers_util::conventions::{self, OTHER, Side};
use opentelemetry::KeyValue;

use crate::{
    digest::Domain,
    settings::{SessionId, Settings},
    summary::RequestSummary,
};

pub(crate) const ERROR_TYPE: &str = "error.type";
pub(crate) const STATUS_CODE: &str = "rpc.response.status_code";
pub(crate) const RESULT_TYPE: &str = "mcp_layers.result_type";
const METHOD: &str = "mcp.method.name";
const OPERATION: &str = "gen_ai.operation.name";
const TOOL: &str = "gen_ai.tool.name";
const PROMPT: &str = "gen_ai.prompt.name";
const RESOURCE: &str = "mcp.resource.uri";
const REQUEST_ID: &str = "jsonrpc.request.id";
const PROTOCOL_VERSION: &str = "mcp.protocol.version";
const SESSION_ID: &str = "mcp.session.id";
const TRANSPORT: &str = "network.transport";
const NETWORK_PROTOCOL: &str = "network.protocol.name";
const NETWORK_VERSION: &str = "network.protocol.version";
const CLIENT_ADDRESS: &str = "client.address";
const CLIENT_PORT: &str = "client.port";
const SERVER_ADDRESS: &str = "server.address";
const SERVER_PORT: &str = "server.port";
const USER: &str = "user.hash";

/// The longest name that is shown, in bytes: the length that tools should keep to (2025-11-25,
/// server/tools, "Tool Names").
const MAX_NAME: usize = 128;
/// The longest id of a request that is shown, in bytes.
const MAX_ID: usize = 128;
/// The longest uri that is shown, in bytes.
const MAX_URI: usize = 1_024;

/// The attribute that shows a request's target: of tools and prompts.
pub(crate) fn target_key(method: Method<'_>, kind: Option<ListedKind>) -> Option<&'static str> {
    match (method, kind) {
        (Method::CallTool, _) => Some(TOOL),
        (Method::GetPrompt, _) | (Method::Complete, Some(ListedKind::Prompt)) => Some(PROMPT),
        _ => None,
    }
}

/// Returns true for a name that fits into a span's name.
pub(crate) fn is_shown(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && !name.contains(char::is_control)
}

/// The name of a span.
pub(crate) fn span_name(method: Method<'static>, target: Option<&Arc<str>>) -> Cow<'static, str> {
    match target {
        Some(target) => format!("{method} {target}").into(),
        None => method.as_str().into(),
    }
}

/// The uri of a request for a resource, without user and query.
pub(crate) fn resource_uri<Req: McpRequest>(request: &Req) -> Option<String> {
    let is_shown = matches!(
        request.method(),
        Method::ReadResource | Method::Subscribe | Method::Unsubscribe
    );
    let uri = request.target().filter(|_| is_shown)?;
    Some(cut(&redact_uri(uri), MAX_URI).into_owned())
}

/// The attributes that are known before the call, apart from the name of the target.
pub(crate) fn of_request<Req: McpRequest>(
    request: &Req,
    summary: &RequestSummary,
    settings: &Settings,
    attributes: &mut Vec<KeyValue>,
) {
    let mut add = |key, value: &'static str| attributes.push(KeyValue::new(key, value));
    add(METHOD, summary.method.as_str());
    if summary.method == Method::CallTool {
        add(OPERATION, "execute_tool");
    }
    if let Some(version) = summary.protocol_version {
        add(PROTOCOL_VERSION, version);
    }
    if let Some(transport) = summary.transport {
        add(TRANSPORT, transport.as_str());
    }
    if let Some(version) = conventions::http_version(request) {
        add(NETWORK_PROTOCOL, "http");
        add(NETWORK_VERSION, version);
    }
    if let Some(uri) = resource_uri(request) {
        attributes.push(KeyValue::new(RESOURCE, uri));
    }
    if let Some(id) = request.id() {
        let mut id = id.to_string();
        if id.len() > MAX_ID {
            id = cut(&id, MAX_ID).into_owned();
        }
        attributes.push(KeyValue::new(REQUEST_ID, id));
    }
    match settings.side {
        Side::Server => of_client(request, settings, attributes),
        Side::Client => {
            if let Some((address, port)) = &settings.server {
                attributes.push(KeyValue::new(SERVER_ADDRESS, Arc::clone(address)));
                attributes.push(KeyValue::new(SERVER_PORT, i64::from(*port)));
            }
        }
    }
    of_session(request, settings, attributes);
}

fn of_client<Req: McpRequest>(request: &Req, settings: &Settings, attributes: &mut Vec<KeyValue>) {
    if !settings.client_address {
        return;
    }
    if let Some(address) = request.connection().peer_address {
        attributes.push(KeyValue::new(CLIENT_ADDRESS, address.to_string()));
    }
    if let Some(address) = request.extension::<SocketAddr>() {
        attributes.push(KeyValue::new(CLIENT_PORT, i64::from(address.port())));
    }
}

fn of_session<Req: McpRequest>(request: &Req, settings: &Settings, attributes: &mut Vec<KeyValue>) {
    if let SessionId::Digest(key) = &settings.session_id
        && let Some(id) = request.connection().session_id
        && !request.is_modern()
    {
        let digest = key.digest(Domain::Session, &[Some(id)]);
        attributes.push(KeyValue::new(SESSION_ID, digest));
    }
    if let (Some(key), Some(principal)) = (&settings.principal, request.context().principal()) {
        let parts = [principal.issuer(), Some(principal.subject())];
        attributes.push(KeyValue::new(USER, key.digest(Domain::Principal, &parts)));
    }
}

/// The target's name as an attribute; [`OTHER`] for one that is not shown.
pub(crate) fn of_target(key: &'static str, name: Option<&Arc<str>>) -> KeyValue {
    match name {
        Some(name) => KeyValue::new(key, Arc::clone(name)),
        None => KeyValue::new(key, OTHER),
    }
}
