//! Errors that callers receive, and errors of configuration.

use std::{borrow::Cow, error::Error, fmt, time::Duration};

use serde_json::{Map, Value};

/// An opaque error, as plain tower layers return it.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Error codes.
///
/// No revision of the protocol defines a code for a refusal by rate limit, policy or deadline, and
/// 2026-07-28 (basic/index, "Error codes") reserves `-32768..=-32000`. Layers use the status codes of
/// HTTP (RFC 9110, RFC 6585) with their HTTP meaning.
pub mod code {
    /// The message is not JSON (JSON-RPC 2.0, section 5.1).
    pub const PARSE_ERROR: i32 = -32700;
    /// The JSON is not a request (JSON-RPC 2.0, section 5.1).
    pub const INVALID_REQUEST: i32 = -32600;
    /// The method does not exist (JSON-RPC 2.0, section 5.1).
    pub const METHOD_NOT_FOUND: i32 = -32601;
    /// The params are invalid, or name something that does not exist (JSON-RPC 2.0, section 5.1).
    pub const INVALID_PARAMS: i32 = -32602;
    /// The server failed (JSON-RPC 2.0, section 5.1).
    pub const INTERNAL_ERROR: i32 = -32603;
    /// A resource does not exist; up to 2025-11-25. Never sent to a modern peer.
    pub const RESOURCE_NOT_FOUND: i32 = -32002;
    /// A header contradicts the body (2026-07-28).
    pub const HEADER_MISMATCH: i32 = -32020;
    /// The client lacks a capability that the response needs (2026-07-28).
    pub const MISSING_CLIENT_CAPABILITY: i32 = -32021;
    /// The protocol version is not supported (2026-07-28).
    pub const UNSUPPORTED_PROTOCOL_VERSION: i32 = -32022;
    /// The user must visit a URL first (2025-11-25). Never sent to a modern peer.
    pub const URL_ELICITATION_REQUIRED: i32 = -32042;
    /// The caller is not authenticated (RFC 9110, section 15.5.2).
    pub const UNAUTHENTICATED: i32 = 401;
    /// The caller is not allowed to (RFC 9110, section 15.5.4).
    pub const FORBIDDEN: i32 = 403;
    /// The caller's own deadline has passed (RFC 9110, section 15.5.9).
    pub const DEADLINE_EXCEEDED: i32 = 408;
    /// The request is too large (RFC 9110, section 15.5.14).
    pub const TOO_LARGE: i32 = 413;
    /// Too many requests (RFC 6585, section 4).
    pub const RATE_LIMITED: i32 = 429;
    /// The caller cancelled the request. Not registered with IANA, but the code that proxies log.
    pub const CANCELLED: i32 = 499;
    /// Unavailable for now: load was shed, or a circuit is open (RFC 9110, section 15.6.4).
    pub const UNAVAILABLE: i32 = 503;
    /// The work took too long (RFC 9110, section 15.6.5).
    pub const TIMED_OUT: i32 = 504;

    /// The codes that JSON-RPC 2.0 and MCP reserve (2026-07-28, basic/index, "Error codes").
    const RESERVED: std::ops::RangeInclusive<i32> = -32768..=-32000;

    /// Returns true for the codes of JSON-RPC 2.0 itself (section 5.1).
    #[must_use]
    pub const fn is_json_rpc(code: i32) -> bool {
        matches!(
            code,
            PARSE_ERROR | INVALID_REQUEST | METHOD_NOT_FOUND | INVALID_PARAMS | INTERNAL_ERROR
        )
    }

    /// Returns true for the codes that a revision of MCP defines in addition to JSON-RPC's.
    #[must_use]
    pub const fn is_mcp(code: i32) -> bool {
        matches!(
            code,
            RESOURCE_NOT_FOUND
                | HEADER_MISMATCH
                | MISSING_CLIENT_CAPABILITY
                | UNSUPPORTED_PROTOCOL_VERSION
                | URL_ELICITATION_REQUIRED
        )
    }

    /// Returns true for the codes with which the layers of this project refuse requests.
    #[must_use]
    pub const fn is_of_layers(code: i32) -> bool {
        matches!(
            code,
            UNAUTHENTICATED
                | FORBIDDEN
                | DEADLINE_EXCEEDED
                | TOO_LARGE
                | RATE_LIMITED
                | CANCELLED
                | UNAVAILABLE
                | TIMED_OUT
        )
    }

    /// Returns true for a code in the reserved range to which no revision of the protocol gives a
    /// meaning. A server must not use it.
    #[must_use]
    pub fn is_reserved(code: i32) -> bool {
        RESERVED.contains(&code) && !is_json_rpc(code) && !is_mcp(code)
    }

    /// Returns true if the caller is at fault: repeating the same request cannot help, and the server
    /// has not failed.
    #[must_use]
    pub const fn is_caller_error(code: i32) -> bool {
        is_mcp(code)
            || (is_json_rpc(code) && code != INTERNAL_ERROR)
            || matches!(code, UNAUTHENTICATED | FORBIDDEN | TOO_LARGE)
    }
}

/// A protocol error: the response that a caller receives instead of a result.
///
/// It is also a [`std::error::Error`]: a plain tower layer can return it boxed, and
/// `CatchErrorLayer` of `mcp-layers-util` sends it to the caller unchanged.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct McpError {
    /// The JSON-RPC error code, see [`code`].
    pub code: i32,
    /// One concise sentence.
    pub message: Cow<'static, str>,
    /// Data for programs.
    pub data: Option<Value>,
    public: bool,
}

impl McpError {
    /// Creates an error that an error mask hides from callers.
    pub fn new(code: i32, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            data: None,
            public: false,
        }
    }

    /// Creates an error whose message and data are meant for the caller. An error mask leaves it.
    pub fn public(code: i32, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            public: true,
            ..Self::new(code, message)
        }
    }

    /// A public error of a layer, with `reason` in its `data`.
    fn refusal(code: i32, message: &'static str, reason: &'static str) -> Self {
        Self::public(code, message).with("reason", reason)
    }

    /// -32603: the server failed. The message is "Internal error".
    #[must_use]
    pub fn internal() -> Self {
        Self::public(code::INTERNAL_ERROR, "Internal error")
    }

    /// 401: the caller is not authenticated. Reason `unauthenticated`.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::refusal(
            code::UNAUTHENTICATED,
            "Authentication required",
            "unauthenticated",
        )
    }

    /// 403: the caller lacks scopes (RFC 6750, section 3.1), which the message names. Reason
    /// `forbidden`.
    #[must_use]
    pub fn missing_scopes<S: AsRef<str>>(scopes: impl IntoIterator<Item = S>) -> Self {
        let mut error = Self::forbidden();
        let scopes = scopes.into_iter().map(|scope| scope.as_ref().to_owned());
        let scopes: Vec<String> = scopes.collect();
        if !scopes.is_empty() {
            let noun = if scopes.len() == 1 { "scope" } else { "scopes" };
            error.message = format!("Forbidden: missing {noun} {}", scopes.join(", ")).into();
        }
        error
    }

    /// 403: the caller is not allowed to. Reason `forbidden`.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::refusal(code::FORBIDDEN, "Forbidden", "forbidden")
    }

    /// 408: the caller's own deadline has passed. Reason `deadline_exceeded`.
    #[must_use]
    pub fn deadline_exceeded() -> Self {
        Self::refusal(
            code::DEADLINE_EXCEEDED,
            "Deadline exceeded",
            "deadline_exceeded",
        )
    }

    /// 413: the request is too large. Reason `too_large`.
    #[must_use]
    pub fn too_large() -> Self {
        Self::refusal(code::TOO_LARGE, "Request too large", "too_large")
    }

    /// 429: too many requests; the message says when to try again. Reason `rate_limited`.
    #[must_use]
    pub fn rate_limited(retry_after: Duration) -> Self {
        Self::refusal(code::RATE_LIMITED, "Too many requests", "rate_limited")
            .try_again_in(retry_after)
    }

    /// The same, with the name of the limit in the message and as `rule` in `data`.
    #[must_use]
    pub fn rate_limited_by(limit: &str, retry_after: Duration) -> Self {
        let mut error = Self::rate_limited(retry_after).with("rule", limit);
        error.message = format!("{} (limit {limit})", error.message).into();
        error
    }

    /// 499: the caller cancelled. Reason `cancelled`.
    #[must_use]
    pub fn cancelled() -> Self {
        Self::refusal(code::CANCELLED, "Request cancelled", "cancelled")
    }

    /// 503: unavailable for now. Reason `unavailable`, unless [`McpError::with`] sets another.
    #[must_use]
    pub fn unavailable() -> Self {
        Self::refusal(code::UNAVAILABLE, "Service unavailable", "unavailable")
    }

    /// 504: the work took too long. Reason `timed_out`.
    #[must_use]
    pub fn timed_out() -> Self {
        Self::refusal(code::TIMED_OUT, "Request timed out", "timed_out")
    }

    /// Adds the time after which a request ended to the message: "Request timed out after 30 s".
    #[must_use]
    pub fn after(mut self, limit: Duration) -> Self {
        let limit = if limit < Duration::from_secs(1) {
            format!("{} ms", limit.as_millis())
        } else if limit.subsec_millis() == 0 {
            format!("{} s", limit.as_secs())
        } else {
            format!("{:.1} s", limit.as_secs_f64())
        };
        self.message = format!("{} after {limit}", self.message).into();
        self
    }

    /// Sets one key of `data`. Data that is not an object is replaced by one.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        let mut map = match self.data.take() {
            Some(Value::Object(map)) => map,
            _ => Map::new(),
        };
        map.insert(key.to_owned(), value.into());
        self.data = Some(Value::Object(map));
        self
    }

    /// Replaces `data`.
    #[must_use]
    pub fn with_data(mut self, data: impl Into<Option<Value>>) -> Self {
        self.data = data.into();
        self
    }

    /// Sets `retryAfterMs` in `data`, in milliseconds and rounded up: a caller that waits that long is
    /// never early.
    #[must_use]
    pub fn with_retry_after(self, retry_after: Duration) -> Self {
        let ms = retry_after.as_nanos().div_ceil(1_000_000);
        self.with("retryAfterMs", u64::try_from(ms).unwrap_or(u64::MAX))
    }

    /// Sets `retryAfterMs` as [`McpError::with_retry_after`] does, and appends the time to the message,
    /// which is all that most clients show: "…: try again in 83 ms".
    #[must_use]
    pub fn try_again_in(mut self, retry_after: Duration) -> Self {
        const SECOND: u128 = 1_000_000_000;
        let nanos = retry_after.as_nanos();
        let wait = if nanos < SECOND {
            format!("{} ms", nanos.div_ceil(1_000_000))
        } else {
            format!("{} s", nanos.div_ceil(SECOND))
        };
        self.message = format!("{}: try again in {wait}", self.message).into();
        self.with_retry_after(retry_after)
    }

    /// `retryAfterMs` of `data`.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.data
            .as_ref()?
            .get("retryAfterMs")?
            .as_u64()
            .map(Duration::from_millis)
    }

    pub(crate) fn with_public(self, public: bool) -> Self {
        Self { public, ..self }
    }

    /// Returns true if message and data are meant for the caller.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.public
    }
}

impl fmt::Display for McpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (code {})", self.message, self.code)
    }
}

impl Error for McpError {}

/// An invalid setting, found when a layer is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(Cow<'static, str>);

impl ConfigError {
    /// Creates an error from a message that names the setting, its fault and a valid value.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for ConfigError {}
