use std::{
    borrow::Cow,
    fmt,
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use http::Extensions;
use serde_json::{Map, Value};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::{JsonRpcId, JsonRpcReplyTo, JsonRpcResponse};
use crate::{
    Arguments, CallContext, ListedKind, McpError, McpRequest, McpResponse, Method,
    arguments::{write_canonical, write_members},
    request::ReplayRequest,
    request::{Connection, RequestId, Transport, meta_key},
};

/// An MCP request as plain JSON-RPC: the request type of hand-made servers.
///
/// Clones share everything except the map of extensions, and cost no allocation. Cancelling a request
/// cancels its clones.
#[derive(Clone)]
pub struct JsonRpcRequest {
    parts: Arc<Parts>,
    context: CallContext,
    extensions: Option<Arc<Extensions>>,
}

#[derive(Debug, Clone)]
struct Parts {
    id: JsonRpcId,
    method: Cow<'static, str>,
    /// The parsed method; `None` if it is not a method of the protocol.
    known: Option<Method<'static>>,
    params: Value,
    /// Read once: every layer asks for them.
    has_meta: bool,
    is_continuation: bool,
    protocol_version: Option<Cow<'static, str>>,
    declared: Option<Arc<Map<String, Value>>>,
    connection: Connection<'static>,
    session_id: Option<Arc<str>>,
    cancellation: OnceLock<CancellationToken>,
}

impl JsonRpcRequest {
    /// A request without params.
    pub fn new(id: impl Into<JsonRpcId>, method: impl Into<Cow<'static, str>>) -> Self {
        let method = method.into();
        let parts = Parts {
            id: id.into(),
            known: Method::new(&method).known(),
            method,
            params: Value::Null,
            has_meta: false,
            is_continuation: false,
            protocol_version: None,
            declared: None,
            connection: Connection::default(),
            session_id: None,
            cancellation: OnceLock::new(),
        };
        Self {
            parts: Arc::new(parts),
            context: CallContext::new(),
            extensions: None,
        }
    }

    /// A `tools/call`.
    pub fn call_tool(id: impl Into<JsonRpcId>, name: &str, arguments: Value) -> Self {
        let params = Map::from_iter([
            ("name".to_owned(), Value::from(name)),
            ("arguments".to_owned(), arguments),
        ]);
        Self::new(id, Method::CallTool.as_str()).with_params(Value::Object(params))
    }

    /// Sets the params. The protocol allows only an object; any other value is kept unchanged.
    #[must_use]
    pub fn with_params(mut self, params: Value) -> Self {
        let parts = self.parts_mut();
        parts.params = params;
        let has = |name| parts.params.get(name).is_some();
        parts.has_meta = has("_meta");
        parts.is_continuation = has("inputResponses") || has("requestState");
        self
    }

    /// Sets the protocol version negotiated for the session. A version in the request's own `_meta`
    /// takes precedence.
    #[must_use]
    pub fn with_protocol_version(mut self, version: impl Into<Cow<'static, str>>) -> Self {
        self.parts_mut().protocol_version = Some(version.into());
        self
    }

    /// Sets what the client declared about itself in its `initialize`, by the keys of [`meta_key`].
    /// The request's own `_meta` takes precedence. It is not sent.
    #[must_use]
    pub fn with_declared(mut self, declared: Arc<Map<String, Value>>) -> Self {
        self.parts_mut().declared = Some(declared);
        self
    }

    /// Sets the transport on which the request came.
    #[must_use]
    pub fn with_transport(mut self, transport: Transport) -> Self {
        self.parts_mut().connection.transport = Some(transport);
        self
    }

    /// Sets the HTTP version of the connection: `"1.1"`, `"2"`.
    #[must_use]
    pub fn with_http_version(mut self, version: &'static str) -> Self {
        self.parts_mut().connection.http_version = Some(version);
        self
    }

    /// Sets the session id of the legacy HTTP transport.
    #[must_use]
    pub fn with_session_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.parts_mut().session_id = Some(id.into());
        self
    }

    /// Sets the address of the peer.
    #[must_use]
    pub fn with_peer_address(mut self, address: IpAddr) -> Self {
        self.parts_mut().connection.peer_address = Some(address);
        self
    }

    /// Replaces all extensions, such as by those of the HTTP request that carried this one.
    #[must_use]
    pub fn with_extensions(mut self, extensions: Extensions) -> Self {
        self.extensions = Some(Arc::new(extensions));
        self
    }

    /// Sets the token that cancels this request, such as one of a table by id.
    #[must_use]
    pub fn with_cancellation(mut self, token: CancellationToken) -> Self {
        self.parts_mut().cancellation = token.into();
        self
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &JsonRpcId {
        &self.parts.id
    }

    /// The params; [`Value::Null`] if absent.
    #[must_use]
    pub fn params(&self) -> &Value {
        &self.parts.params
    }

    /// The token that cancels this request and its clones.
    #[must_use]
    pub fn cancellation(&self) -> &CancellationToken {
        self.parts.cancellation.get_or_init(CancellationToken::new)
    }

    fn parts_mut(&mut self) -> &mut Parts {
        if Arc::strong_count(&self.parts) > 1 {
            // The copy keeps the token of the request that it is made from.
            let _ = self.cancellation();
        }
        Arc::make_mut(&mut self.parts)
    }

    fn param(&self, name: &str) -> Option<&Value> {
        self.parts.params.get(name)
    }

    /// The prompt's name or the template's uri that a completion is for, by its `type` alone.
    fn reference(&self) -> Option<(ListedKind, &str)> {
        let reference = self.param("ref")?;
        let (kind, name) = match reference.get("type")?.as_str()? {
            "ref/prompt" => (ListedKind::Prompt, "name"),
            "ref/resource" => (ListedKind::ResourceTemplate, "uri"),
            _ => return None,
        };
        Some((kind, reference.get(name)?.as_str()?))
    }
}

impl McpRequest for JsonRpcRequest {
    type Response = JsonRpcResponse;
    type ReplyTo = JsonRpcReplyTo;
    type Cancelled = WaitForCancellationFutureOwned;

    fn reply_to(&self) -> JsonRpcReplyTo {
        JsonRpcReplyTo {
            id: self.parts.id.clone(),
            modern: self.is_modern(),
        }
    }

    fn method(&self) -> Method<'_> {
        self.parts
            .known
            .unwrap_or(Method::Other(&self.parts.method))
    }

    fn id(&self) -> Option<RequestId<'_>> {
        Some(self.parts.id.as_ref())
    }

    fn target(&self) -> Option<&str> {
        let name = match self.method() {
            Method::CallTool | Method::GetPrompt => "name",
            Method::ReadResource
            | Method::ReadResourceDirectory
            | Method::Subscribe
            | Method::Unsubscribe
            | Method::GetSkill => "uri",
            Method::GetTask | Method::TaskResult | Method::UpdateTask | Method::CancelTask => {
                "taskId"
            }
            Method::Complete => return self.reference().map(|(_, name)| name),
            _ => return None,
        };
        self.param(name)?.as_str()
    }

    fn target_kind(&self) -> Option<ListedKind> {
        match self.method() {
            Method::Complete => self.reference().map(|(kind, _)| kind),
            method => method.target_kind(),
        }
    }

    fn arguments(&self) -> Arguments<'_> {
        match self.method() {
            Method::CallTool | Method::GetPrompt => match self.param("arguments") {
                None => Arguments::None,
                Some(Value::Object(map)) => Arguments::Map(map),
                Some(other) => Arguments::Value(other),
            },
            method if method.known().is_none() && !self.parts.params.is_null() => {
                Arguments::Value(&self.parts.params)
            }
            _ => Arguments::None,
        }
    }

    fn cursor(&self) -> Option<&str> {
        self.param("cursor")?.as_str()
    }

    /// Writes all params except `_meta`. Absent params equal empty ones.
    fn write_params(&self, out: &mut Vec<u8>) {
        match &self.parts.params {
            Value::Null => out.extend_from_slice(b"{}"),
            Value::Object(params) if self.parts.has_meta => {
                let others = params.iter().filter(|(key, _)| *key != "_meta");
                write_members(others, out);
            }
            params => write_canonical(params, out),
        }
    }

    fn visit_subscriptions(&self, visit: &mut dyn FnMut(&str)) {
        let filter = self.param("notifications");
        let uris = filter.and_then(|filter| filter.get("resourceSubscriptions")?.as_array());
        let uris = uris.into_iter().flatten().filter_map(Value::as_str);
        uris.for_each(visit);
    }

    fn meta(&self) -> Option<&Map<String, Value>> {
        if !self.parts.has_meta {
            return None;
        }
        self.param("_meta")?.as_object()
    }

    fn meta_mut(&mut self) -> Option<&mut Map<String, Value>> {
        let parts = self.parts_mut();
        if parts.params.is_null() {
            parts.params = Value::Object(Map::new());
        }
        let meta = parts.params.as_object_mut()?.entry("_meta");
        parts.has_meta = true;
        meta.or_insert_with(|| Value::Object(Map::new()))
            .as_object_mut()
    }

    fn protocol_version(&self) -> Option<Cow<'_, str>> {
        let own = self
            .meta()
            .and_then(|meta| meta.get(meta_key::PROTOCOL_VERSION)?.as_str());
        own.or(self.parts.protocol_version.as_deref())
            .map(Cow::Borrowed)
    }

    fn declared(&self, key: &str) -> Option<&Value> {
        let own = self.meta().and_then(|meta| meta.get(key));
        own.or_else(|| self.parts.declared.as_ref()?.get(key))
    }

    fn connection(&self) -> Connection<'_> {
        Connection {
            session_id: self.parts.session_id.as_deref(),
            ..self.parts.connection
        }
    }

    fn list_request(&self, method: Method<'static>, cursor: Option<&str>) -> Option<Self> {
        let mut params = Map::new();
        if let Some(meta) = self.meta() {
            let mut meta = meta.clone();
            meta.remove(meta_key::PROGRESS_TOKEN);
            params.insert("_meta".to_owned(), Value::Object(meta));
        }
        if let Some(cursor) = cursor {
            params.insert("cursor".to_owned(), Value::from(cursor));
        }
        let mut list = self.clone();
        let parts = list.parts_mut();
        parts.method = Cow::Borrowed(method.as_str());
        parts.known = Some(method);
        Some(list.with_params(Value::Object(params)))
    }

    fn is_continuation(&self) -> bool {
        self.parts.is_continuation
    }

    fn request_state(&self) -> Option<&str> {
        self.param("requestState")?.as_str()
    }

    fn cancelled(&self) -> Self::Cancelled {
        self.cancellation().clone().cancelled_owned()
    }

    fn context(&self) -> &CallContext {
        &self.context
    }

    fn context_mut(&mut self) -> &mut CallContext {
        &mut self.context
    }

    fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.extensions.as_ref()?.get()
    }

    fn insert_extension<T: Clone + Send + Sync + 'static>(&mut self, value: T) -> bool {
        Arc::make_mut(self.extensions.get_or_insert_default()).insert(value);
        true
    }
}

impl ReplayRequest for JsonRpcRequest {
    fn try_clone(&self) -> Option<Self> {
        Some(self.clone())
    }
}

/// Shows neither the arguments nor any other parameter: they may hold secrets.
impl fmt::Debug for JsonRpcRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonRpcRequest")
            .field("id", &self.parts.id)
            .field("method", &self.parts.method)
            .field("target", &self.target())
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

impl JsonRpcResponse {
    /// Creates a response with a result.
    #[must_use]
    pub fn success(request: &JsonRpcRequest, result: Value) -> Self {
        Self::new(request.reply_to(), Ok(Arc::new(result)))
    }

    /// Creates an error response.
    #[must_use]
    pub fn error(request: &JsonRpcRequest, error: McpError) -> Self {
        Self::from_error(request.reply_to(), error)
    }
}
