//! The view of a request.

use std::{borrow::Cow, fmt, net::IpAddr};

use serde_json::{Map, Value};

use crate::{
    Arguments, CallContext, Hints, KeyWriter, ListedKind, McpResponse, Method,
    arguments::write_canonical,
};

/// Keys of `params._meta` that the protocol reserves (2026-07-28, basic/index, "General fields").
pub mod meta_key {
    /// The protocol version of one request: a string.
    pub const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
    /// The client's name and version, as the client reports them: an object.
    pub const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
    /// The client's capabilities for one request: an object.
    pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
    /// The token for progress notifications: a string or an integer.
    pub const PROGRESS_TOKEN: &str = "progressToken";
}

/// The first protocol version without a handshake: each request carries its own version and client
/// information. Versions are dates, so they compare as text.
pub const MODERN: &str = "2026-07-28";

/// A borrowed view of one MCP request.
///
/// The adapters (`mcp-layers-rmcp`, `mcp-layers-tower-mcp`) implement the trait for the request type
/// of their MCP implementation, and [`JsonRpcRequest`] implements it for hand-made servers. A layer
/// reads a request through this trait only, so nothing is converted or serialised.
///
/// A type that is not an MCP request is rejected by the compiler:
///
/// ```compile_fail,E0277
/// use mcp_layers_core::{JsonRpcResponse, McpService};
/// use mcp_layers_util::CancelLayer;
/// use std::{convert::Infallible, future::Ready};
/// use tower::ServiceBuilder;
///
/// fn serve<Req: mcp_layers_core::McpRequest>(_: impl McpService<Req>) {}
///
/// let service = ServiceBuilder::new()
///     .layer(CancelLayer::new())
///     .service_fn(|_: String| -> Ready<Result<JsonRpcResponse, Infallible>> { unreachable!() });
/// serve::<String>(service);
/// ```
///
/// [`JsonRpcRequest`]: crate::JsonRpcRequest
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an MCP request",
    label = "this is not a request that MCP layers can read",
    note = "use the request type of an adapter (`mcp_layers_rmcp::RmcpRequest`, \
            `mcp_layers_tower_mcp::TowerMcpRequest`) or `mcp_layers_core::JsonRpcRequest`"
)]
pub trait McpRequest: Sized {
    /// The response type of the same implementation.
    type Response: McpResponse<ReplyTo = Self::ReplyTo>;

    /// The data that a response made by a layer has to repeat: `()` if the implementation keeps the
    /// JSON-RPC id itself, otherwise the id.
    type ReplyTo: Clone + Send + Sync + 'static;

    /// A future that resolves when the caller cancels the request. It stays pending if the
    /// implementation cannot tell.
    type Cancelled: Future<Output = ()> + Send + 'static;

    /// The argument for [`McpResponse::from_error`].
    fn reply_to(&self) -> Self::ReplyTo;

    /// The method.
    fn method(&self) -> Method<'_>;

    /// The JSON-RPC id. It is unique only among the requests in flight of one peer.
    fn id(&self) -> Option<RequestId<'_>>;

    /// The target: the tool's or prompt's name, the resource's uri, or the task's id. For
    /// `completion/complete`, the prompt's name or the template's uri.
    fn target(&self) -> Option<&str>;

    /// The kind of the target; `None` without one. For `completion/complete`, the request's reference
    /// decides between a prompt and a resource template.
    fn target_kind(&self) -> Option<ListedKind> {
        self.method().target_kind()
    }

    /// The arguments of the tool or prompt. For a method that the implementation does not know, all
    /// params.
    fn arguments(&self) -> Arguments<'_>;

    /// The cursor of a list request. An empty cursor differs from none.
    fn cursor(&self) -> Option<&str> {
        None
    }

    /// Appends canonical bytes of every parameter that can change the response, except `_meta`. Two
    /// requests of one method write equal bytes exactly when these parameters are equal.
    ///
    /// The default covers target, cursor, arguments and [`McpRequest::write_other_params`].
    fn write_params(&self, out: &mut Vec<u8>) {
        KeyWriter::new(out)
            .optional(self.target())
            .optional(self.cursor());
        self.arguments().write_canonical(out);
        self.write_other_params(out);
    }

    /// Appends canonical bytes of the parameters beyond target, cursor and arguments, such as the
    /// argument that `completion/complete` completes.
    fn write_other_params(&self, out: &mut Vec<u8>) {
        let _ = out;
    }

    /// Visits the resource uris that a `subscriptions/listen` request names.
    fn visit_subscriptions(&self, visit: &mut dyn FnMut(&str)) {
        let _ = visit;
    }

    /// `params._meta`.
    fn meta(&self) -> Option<&Map<String, Value>>;

    /// `params._meta`, created if absent. `None` if it can no longer be changed. Keys of one's own
    /// take a vendor prefix (2026-07-28, basic/index, "_meta").
    fn meta_mut(&mut self) -> Option<&mut Map<String, Value>> {
        None
    }

    /// The protocol version of the response: the request's own, otherwise the negotiated one. Part
    /// of every cache key.
    fn protocol_version(&self) -> Option<Cow<'_, str>> {
        self.meta()?
            .get(meta_key::PROTOCOL_VERSION)?
            .as_str()
            .map(Cow::Borrowed)
    }

    /// Returns true if the protocol version is 2026-07-28 or later.
    fn is_modern(&self) -> bool {
        self.protocol_version()
            .is_some_and(|version| *version >= *MODERN)
    }

    /// A declaration of the client about itself, under a key of [`meta_key`]: in this request, otherwise
    /// in its `initialize`, as far as the implementation keeps it.
    fn declared(&self, key: &str) -> Option<&Value> {
        self.meta()?.get(key)
    }

    /// The client's name and version, as the client reports them. Proves nothing.
    fn client_info(&self) -> Option<ClientInfo<'_>> {
        let info = self.declared(meta_key::CLIENT_INFO)?.as_object()?;
        let version = info.get("version").and_then(Value::as_str);
        Some(ClientInfo {
            name: Cow::Borrowed(info.get("name")?.as_str()?),
            version: Cow::Borrowed(version.unwrap_or_default()),
        })
    }

    /// Appends canonical JSON of the client's declared capabilities; nothing if it declared none.
    /// Responses may depend on them.
    fn write_client_capabilities(&self, out: &mut Vec<u8>) {
        if let Some(capabilities) = self.declared(meta_key::CLIENT_CAPABILITIES) {
            write_canonical(capabilities, out);
        }
    }

    /// The token of the progress notifications that the caller asked for.
    fn progress_token(&self) -> Option<&Value> {
        self.meta()?.get(meta_key::PROGRESS_TOKEN)
    }

    /// The connection on which the request arrived.
    fn connection(&self) -> Connection<'_> {
        Connection::default()
    }

    /// Looks a name up at the server, past every layer, where that takes no waiting. Returns a tool's
    /// annotations (empty for all else) if the server has it; `None` if it has not, or if the
    /// implementation cannot tell.
    fn look_up(&self, kind: ListedKind, name: &str) -> Option<Hints> {
        let _ = (kind, name);
        None
    }

    /// A request with which [`CatalogLayer`](crate::CatalogLayer) reads a list of the server: of the
    /// same caller and protocol version, with the given cursor. `None` where the implementation
    /// cannot make one.
    fn list_request(&self, method: Method<'static>, cursor: Option<&str>) -> Option<Self> {
        let _ = (method, cursor);
        None
    }

    /// Returns true for a continuation: a request with `inputResponses` or `requestState`
    /// (2026-07-28, multi round-trip requests). It is never cached, coalesced or retried.
    fn is_continuation(&self) -> bool;

    /// The `requestState` that the caller sends back (2026-07-28, multi round-trip requests): opaque,
    /// and controlled by the caller. Default: `None`.
    fn request_state(&self) -> Option<&str> {
        None
    }

    /// A future that resolves when the caller cancels the request.
    fn cancelled(&self) -> Self::Cancelled;

    /// The context that outer layers set for inner layers.
    fn context(&self) -> &CallContext;

    /// The context that outer layers set for inner layers.
    fn context_mut(&mut self) -> &mut CallContext;

    /// A typed extension of the server, its users or the transport.
    fn extension<T: Send + Sync + 'static>(&self) -> Option<&T>;

    /// Inserts a typed extension, replacing one of the same type. Returns false if the request can no
    /// longer carry it (an established subscription).
    fn insert_extension<T: Clone + Send + Sync + 'static>(&mut self, value: T) -> bool;
}

/// A request that can be sent again. Layers that repeat requests require it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent again",
    label = "a layer that repeats requests needs to copy them",
    note = "implement `mcp_layers_core::request::ReplayRequest` for it"
)]
pub trait ReplayRequest: McpRequest {
    /// A copy, including extensions and context. `None` if the request cannot be repeated (an
    /// established subscription).
    fn try_clone(&self) -> Option<Self>;
}

/// A JSON-RPC id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestId<'a> {
    /// An integer.
    Number(i64),
    /// A string.
    String(&'a str),
}

impl fmt::Display for RequestId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::String(text) => f.write_str(text),
        }
    }
}

/// A client's name and version, as the client reports them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ClientInfo<'a> {
    /// The name.
    pub name: Cow<'a, str>,
    /// The version; empty if the client sent none.
    pub version: Cow<'a, str>,
}

impl<'a> ClientInfo<'a> {
    /// A client's name and version.
    pub fn new(name: impl Into<Cow<'a, str>>, version: impl Into<Cow<'a, str>>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
        }
    }
}

/// The connection of a request, as far as the MCP implementation knows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connection<'a> {
    /// The transport.
    pub transport: Option<Transport>,
    /// The HTTP version, `"1.1"` or `"2"`, where the transport is HTTP.
    pub http_version: Option<&'a str>,
    /// The session id of the legacy HTTP transport. Possession proves nothing.
    pub session_id: Option<&'a str>,
    /// The address of the peer.
    pub peer_address: Option<IpAddr>,
}

/// A transport, by the values of OpenTelemetry's `network.transport`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transport {
    /// Standard input and output, or any other pipe.
    Pipe,
    /// TCP.
    Tcp,
    /// QUIC.
    Quic,
}

impl Transport {
    /// The value of `network.transport`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pipe => "pipe",
            Self::Tcp => "tcp",
            Self::Quic => "quic",
        }
    }
}
