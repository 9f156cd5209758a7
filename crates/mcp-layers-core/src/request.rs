//! What a layer sees of a request, whoever owns its type.

use std::{borrow::Cow, fmt, net::IpAddr};

use serde_json::{Map, Value};

use crate::{
    Arguments, CallContext, Hints, KeyWriter, ListedKind, McpResponse, Method, member,
    write_canonical,
};

/// Keys of `params._meta` that the protocol reserves (2026-07-28, basic/index, "General fields").
pub mod meta_key {
    /// The protocol version of one request: a string.
    pub const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
    /// The client's self-reported name and version: an object.
    pub const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
    /// The client's capabilities for one request: an object.
    pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
    /// The token under which progress is reported: a string or an integer.
    pub const PROGRESS_TOKEN: &str = "progressToken";
}

/// The first protocol version without a handshake, in which every request speaks for itself.
/// Versions are dates, so that they compare as text.
pub const MODERN: &str = "2026-07-28";

/// A borrowed view of one MCP request.
///
/// The trait is implemented by the adapter of an MCP implementation (`mcp-layers-rmcp`,
/// `mcp-layers-tower-mcp`) or, for a hand-made server, by [`JsonRpcRequest`]. Layers ask for it and
/// for nothing else; nothing is converted or serialised.
///
/// A type that is no MCP request is refused where a layer meets it:
///
/// ```compile_fail,E0277
/// use mcp_layers_core::{CancelLayer, JsonRpcResponse, McpService};
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

    /// What an answer made without the inner service must repeat: nothing where the implementation
    /// keeps the JSON-RPC id itself, the id elsewhere.
    type ReplyTo: Clone + Send + Sync + 'static;

    /// Resolves when the caller cancels this request; never, where the implementation cannot tell.
    type Cancelled: Future<Output = ()> + Send + 'static;

    /// What [`McpResponse::from_error`] needs to answer this request.
    fn reply_to(&self) -> Self::ReplyTo;

    /// The method.
    fn method(&self) -> Method<'_>;

    /// The JSON-RPC id. Unique only among the requests in flight of one peer.
    fn id(&self) -> Option<RequestId<'_>>;

    /// What the request is about: the tool's or prompt's name, the resource's uri, the task's id;
    /// for `completion/complete` the prompt's name or the template's uri.
    fn target(&self) -> Option<&str>;

    /// What sort of thing [`McpRequest::target`] names; `None` where that cannot be told. A
    /// `completion/complete` is about a prompt or a resource template, as its reference says.
    fn target_kind(&self) -> Option<ListedKind> {
        self.method().target_kind()
    }

    /// The arguments: of the tool or prompt; of a method that the implementation does not know,
    /// all its params.
    fn arguments(&self) -> Arguments<'_>;

    /// The page that a list request asks for. An empty cursor is a cursor, not its absence.
    fn cursor(&self) -> Option<&str> {
        None
    }

    /// Appends canonical bytes of every parameter that can change the answer; `_meta` is not among
    /// them. Requests of one method give equal bytes exactly when these parameters are equal.
    ///
    /// The default covers target, cursor, arguments and [`McpRequest::write_other_params`].
    fn write_params(&self, out: &mut Vec<u8>) {
        KeyWriter::new(out)
            .optional(self.target())
            .optional(self.cursor());
        self.arguments().write_canonical(out);
        self.write_other_params(out);
    }

    /// Appends canonical bytes of the parameters that target, cursor and arguments do not show,
    /// such as the argument that `completion/complete` asks about.
    fn write_other_params(&self, out: &mut Vec<u8>) {
        let _ = out;
    }

    /// Visits the resource uris that a `subscriptions/listen` request names.
    fn visit_subscriptions(&self, visit: &mut dyn FnMut(&str)) {
        let _ = visit;
    }

    /// `params._meta`.
    fn meta(&self) -> Option<&Map<String, Value>>;

    /// `params._meta`, made when there is none; `None` where it can no longer be changed. Own keys
    /// take a vendor prefix (2026-07-28, basic/index, "_meta").
    fn meta_mut(&mut self) -> Option<&mut Map<String, Value>> {
        None
    }

    /// The protocol version that the answer follows: the request's own, else the negotiated one.
    /// It belongs into every cache key.
    fn protocol_version(&self) -> Option<Cow<'_, str>> {
        member(self.meta()?, meta_key::PROTOCOL_VERSION)?
            .as_str()
            .map(Cow::Borrowed)
    }

    /// Whether the request follows protocol version 2026-07-28 or a later one.
    fn is_modern(&self) -> bool {
        self.protocol_version()
            .is_some_and(|version| *version >= *MODERN)
    }

    /// What the client says of itself. Never proof of anything.
    fn client_info(&self) -> Option<ClientInfo<'_>> {
        let info = member(self.meta()?, meta_key::CLIENT_INFO)?.as_object()?;
        let version = member(info, "version").and_then(Value::as_str);
        Some(ClientInfo {
            name: Cow::Borrowed(member(info, "name")?.as_str()?),
            version: Cow::Borrowed(version.unwrap_or_default()),
        })
    }

    /// Appends canonical JSON of the capabilities that the client declared; nothing when it
    /// declared none. Answers may depend on them.
    fn write_client_capabilities(&self, out: &mut Vec<u8>) {
        if let Some(capabilities) = self
            .meta()
            .and_then(|meta| member(meta, meta_key::CLIENT_CAPABILITIES))
        {
            write_canonical(capabilities, out);
        }
    }

    /// The token under which the caller wants progress, if it wants any.
    fn progress_token(&self) -> Option<&Value> {
        member(self.meta()?, meta_key::PROGRESS_TOKEN)
    }

    /// How the request came in.
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

    /// Whether the request goes on with an earlier one, by `inputResponses` or `requestState`
    /// (2026-07-28, multi round-trip requests). Such a request is never cached, coalesced or
    /// retried.
    fn is_continuation(&self) -> bool;

    /// Resolves when the caller cancels this request.
    fn cancelled(&self) -> Self::Cancelled;

    /// What layers tell layers further in.
    fn context(&self) -> &CallContext;

    /// What layers tell layers further in.
    fn context_mut(&mut self) -> &mut CallContext;

    /// A typed extension: the server's own, or the transport's.
    fn extension<T: Send + Sync + 'static>(&self) -> Option<&T>;

    /// Adds a typed extension, in place of an earlier one of the same type. Returns false where
    /// this request cannot carry it any more (an established subscription).
    fn insert_extension<T: Clone + Send + Sync + 'static>(&mut self, value: T) -> bool;
}

/// A request that can be sent again. Only layers that repeat requests ask for it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent again",
    label = "a layer that repeats requests needs to copy them",
    note = "implement `mcp_layers_core::ReplayRequest` for it"
)]
pub trait ReplayRequest: McpRequest {
    /// A copy, its extensions and context included; `None` where this request is the only one of
    /// its kind (an established subscription).
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

/// A client's name and version, as it reports them itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ClientInfo<'a> {
    /// The name.
    pub name: Cow<'a, str>,
    /// The version; empty when the client gave none.
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

/// How a request came in, as far as its implementation knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connection<'a> {
    /// The transport.
    pub transport: Option<Transport>,
    /// The HTTP version, `"1.1"` or `"2"`, where the transport is HTTP.
    pub http_version: Option<&'a str>,
    /// The session id of the legacy HTTP transport. Possession proves nothing.
    pub session_id: Option<&'a str>,
    /// The address of the socket's other end.
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
