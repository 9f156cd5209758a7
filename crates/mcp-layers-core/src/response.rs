//! The view of a response.

use serde_json::Value;

use crate::{Listed, McpError, Method, Trail};

/// A view of one MCP response: a result or an error.
///
/// A protocol error is a response, as a status code is in HTTP. The error type of a service is
/// different: it means that a layer or the transport failed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an MCP response",
    label = "this is not a response that MCP layers can read",
    note = "use the response type of an adapter or `mcp_layers_core::JsonRpcResponse`"
)]
pub trait McpResponse: Sized {
    /// The type of [`McpRequest::reply_to`](crate::McpRequest::reply_to).
    type ReplyTo;

    /// The outcome of the request.
    fn outcome(&self) -> Outcome<'_>;

    /// Creates an error response. Its trail remembers whether the error is public
    /// ([`Trail::is_public`]).
    fn from_error(to: Self::ReplyTo, error: McpError) -> Self;

    /// Creates a `tools/call` result with `isError: true`, whose text the model reads.
    fn from_tool_error(to: Self::ReplyTo, text: String) -> Self;

    /// Returns the error of an error response, without the trail. It is public if the trail marks it
    /// public.
    ///
    /// # Errors
    /// Returns the response itself if it is a result.
    fn into_error(self) -> Result<McpError, Self>;

    /// The same response, including its trail, addressed to another request.
    #[must_use]
    fn readdress(self, to: Self::ReplyTo) -> Self;

    /// The decisions of inner layers.
    fn trail(&self) -> &Trail;

    /// The decisions of inner layers.
    fn trail_mut(&mut self) -> &mut Trail;

    /// Visits the entries of a list result.
    fn visit_listed(&self, visit: &mut dyn FnMut(Listed<'_>));

    /// Keeps the entries of a list result for which `keep` returns true, and returns the number of
    /// removed entries. `keep` is called once for each entry.
    fn retain_listed(&mut self, keep: &mut dyn FnMut(Listed<'_>) -> bool) -> usize;

    /// Visits every text that the caller can read: content, structured content, resource text, error
    /// message and data, the texts of a failed task. Keys of JSON objects are visited too, except the
    /// names of the result's own fields.
    fn visit_texts_mut(&mut self, visit: &mut dyn FnMut(TextSite, &mut String));

    /// The structured content of a tool result, for changes in place. The default returns `None`.
    fn structured_content_mut(&mut self) -> Option<&mut Value> {
        None
    }

    /// The error of a failed task in the result of `tasks/get`; in a list of tasks, that of the first
    /// failed one. A task that has only a status message (2025-11-25) gives an error with that
    /// message and code -32603.
    fn task_error(&self) -> Option<McpError>;

    /// Replaces the error and the status message of a failed task; in a list of tasks, those of every
    /// failed one. Returns false if there is neither.
    fn set_task_error(&mut self, error: McpError) -> bool;

    /// The id of the task that the response created or reports.
    fn task_id(&self) -> Option<&str>;

    /// The cursor of a list's next page.
    fn next_cursor(&self) -> Option<&str>;

    /// The caching hint of the result (2026-07-28, server/utilities/caching).
    fn cache_hint(&self) -> CacheHint;

    /// Replaces the caching hint. Returns false if the result cannot carry one.
    fn set_cache_hint(&mut self, hint: CacheHint) -> bool;

    /// Sets a key of the result's `_meta`. Returns false if the response cannot carry it. Keys of
    /// one's own take a vendor prefix (2026-07-28, basic/index, "_meta").
    fn insert_meta(&mut self, key: &str, value: Value) -> bool;

    /// The approximate size as JSON, in bytes. Bounds memory; not for framing.
    fn size_estimate(&self) -> usize;

    /// Appends the result, or the error object, as JSON, for digests and stores. Costs as much as
    /// sending it.
    fn write_json(&self, out: &mut Vec<u8>);
}

/// A response that can be stored and returned again. Layers that store responses require it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored",
    label = "a layer that stores responses needs to copy them and to read them back",
    note = "implement `mcp_layers_core::StoredResponse` for it"
)]
pub trait StoredResponse: McpResponse + Clone + Send + Sync + 'static {
    /// Reads a *result* that [`McpResponse::write_json`] wrote for a request of this method. On the
    /// wire, the response equals the one that was written. Returns `None` for any other bytes.
    fn from_json(to: Self::ReplyTo, method: Method<'_>, json: &[u8]) -> Option<Self>;
}

/// The outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Outcome<'a> {
    /// A complete result.
    Success,
    /// A complete `tools/call` result with `isError: true`: the tool ran and reported a failure.
    ToolError,
    /// A protocol error.
    Protocol {
        /// The JSON-RPC error code.
        code: i32,
        /// The message.
        message: &'a str,
        /// The data.
        data: Option<&'a Value>,
    },
    /// Input required (`resultType: "input_required"`). Not a failure.
    InputRequired,
    /// Task created: the server continues the work as a task (`resultType: "task"`, or the `task`
    /// object of 2025-11-25). Not a failure.
    TaskCreated,
}

impl Outcome<'_> {
    /// The code of a protocol error.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::Protocol { code, .. } => Some(*code),
            _ => None,
        }
    }
}

/// A result's caching hint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CacheHint {
    /// `ttlMs`: the freshness lifetime in milliseconds. A negative value reads as 0, a non-integer as
    /// absent. Callers can send any `u64`: cap it before adding it to a time.
    pub ttl_ms: Option<u64>,
    /// `cacheScope`: the callers for whom the result may be reused.
    pub scope: Option<CacheScope>,
}

impl CacheHint {
    /// A hint with both parts.
    #[must_use]
    pub fn new(ttl_ms: Option<u64>, scope: Option<CacheScope>) -> Self {
        Self { ttl_ms, scope }
    }
}

/// The callers for whom a cached result may be reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CacheScope {
    /// Anyone.
    Public,
    /// The same authorization context only.
    Private,
}

/// The place of a text in a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TextSite {
    /// A content block of a tool's result or a prompt's message.
    Content,
    /// Inside a tool's structured content.
    Structured,
    /// The text of a resource.
    Resource,
    /// The message of an error.
    ErrorMessage,
    /// Inside the data of an error.
    ErrorData,
    /// The status message or the error of a task. Texts of a task's result have the place that they
    /// would have in a response of their own.
    Task,
    /// Any other place in a result.
    Other,
}
