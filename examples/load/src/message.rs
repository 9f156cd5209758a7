//! JSON-RPC messages and the HTTP requests around them, in both eras of the protocol.

use std::str::FromStr;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri,
    header::{ACCEPT, CONTENT_TYPE},
};
use http_body_util::Full;
use serde_json::{Map, Value, json};

const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
pub(crate) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// An era of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Era {
    /// 2025-11-25: a session, opened by `initialize`.
    Legacy,
    /// 2026-07-28: requests without a session.
    Modern,
}

impl Era {
    /// Both eras.
    pub const ALL: [Self; 2] = [Self::Legacy, Self::Modern];

    /// The protocol version.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::Legacy => "2025-11-25",
            Self::Modern => "2026-07-28",
        }
    }
}

impl FromStr for Era {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let era = Self::ALL.into_iter().find(|era| era.version() == text);
        era.ok_or_else(|| format!("{text:?} is neither 2025-11-25 nor 2026-07-28"))
    }
}

/// The address of a server, and the headers that each request to it has.
#[derive(Debug, Clone)]
pub struct Endpoint {
    uri: Uri,
    headers: HeaderMap,
}

impl Endpoint {
    /// The endpoint at `url`.
    ///
    /// # Errors
    /// When it is no `http` URL with a host.
    pub fn new(url: &str) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|error| format!("{url:?}: {error}"))?;
        if uri.scheme_str() != Some("http") || uri.host().is_none() {
            return Err(format!("{url:?} does not begin with http://HOST"));
        }
        Ok(Self {
            uri,
            headers: HeaderMap::new(),
        })
    }

    /// Adds a header, written as `name: value`.
    ///
    /// # Errors
    /// When it cannot be read as one.
    pub fn header(mut self, line: &str) -> Result<Self, String> {
        let header = line.split_once(':').and_then(|(name, value)| {
            let name: HeaderName = name.trim().parse().ok()?;
            Some((name, value.trim().parse::<HeaderValue>().ok()?))
        });
        let (name, value) = header.ok_or_else(|| format!("{line:?} is no header"))?;
        self.headers.append(name, value);
        Ok(self)
    }

    /// The address.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(crate) fn http(
        &self,
        method: Method,
        era: Era,
        session: Option<&HeaderValue>,
        body: Bytes,
    ) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        headers.insert(ACCEPT, BOTH);
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(VERSION, HeaderValue::from_static(era.version()));
        if let Some(session) = session {
            headers.insert(SESSION, session.clone());
        }
        request
    }

    /// The GET of a session's stream.
    pub(crate) fn stream(&self, session: Option<&HeaderValue>) -> Request<Full<Bytes>> {
        let mut request = self.http(Method::GET, Era::Legacy, session, Bytes::new());
        request.headers_mut().insert(ACCEPT, STREAM);
        request
    }

    /// A POST of one message.
    pub(crate) fn post(
        &self,
        era: Era,
        session: Option<&HeaderValue>,
        message: &Message,
    ) -> Request<Full<Bytes>> {
        let body = Bytes::from(message.body(era));
        let mut request = self.http(Method::POST, era, session, body);
        if era == Era::Modern {
            let headers = request.headers_mut();
            headers.insert(METHOD, HeaderValue::from_static(message.method));
            if let Some(Ok(name)) = message.name().map(HeaderValue::from_str) {
                headers.insert(NAME, name);
            }
        }
        request
    }
}

/// A request or a notification.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// `None` for a notification.
    id: Option<u64>,
    method: &'static str,
    params: Map<String, Value>,
}

impl Message {
    pub(crate) fn request(id: u64, method: &'static str) -> Self {
        Self {
            id: Some(id),
            method,
            params: Map::new(),
        }
    }

    pub(crate) fn initialize(id: u64) -> Self {
        Self::request(id, "initialize")
            .with("protocolVersion", Era::Legacy.version())
            .with("capabilities", json!({}))
            .with("clientInfo", client_info())
    }

    pub(crate) fn initialized() -> Self {
        Self {
            id: None,
            ..Self::request(0, "notifications/initialized")
        }
    }

    pub(crate) fn call(id: u64, tool: &str, arguments: &Value) -> Self {
        Self::request(id, "tools/call")
            .with("name", tool)
            .with("arguments", arguments.clone())
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.params.insert(name.to_owned(), value.into());
        self
    }

    /// The value of the header `Mcp-Name`.
    fn name(&self) -> Option<&str> {
        match self.method {
            "tools/call" => self.params.get("name")?.as_str(),
            _ => None,
        }
    }

    fn body(&self, era: Era) -> Vec<u8> {
        let mut params = self.params.clone();
        if era == Era::Modern {
            let meta = json!({
                "io.modelcontextprotocol/protocolVersion": era.version(),
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": client_info(),
            });
            params.insert("_meta".to_owned(), meta);
        }
        let mut message = json!({ "jsonrpc": "2.0", "method": self.method, "params": params });
        if let Some(id) = self.id {
            message["id"] = id.into();
        }
        message.to_string().into_bytes()
    }
}

fn client_info() -> Value {
    json!({ "name": "load", "version": "0.0.0" })
}
