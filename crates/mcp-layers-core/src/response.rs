//! What a layer sees of a response, whoever owns its type.

use serde_json::Value;

use crate::{McpError, Method, Trail};

/// A view of one MCP response: a result or an error.
///
/// An error of the protocol is a response, as a status code is in HTTP. The error type of a
/// service is something else: it says that a layer or the transport failed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an MCP response",
    label = "this is not a response that MCP layers can read",
    note = "use the response type of an adapter or `mcp_layers_core::JsonRpcResponse`"
)]
pub trait McpResponse: Sized {
    /// What [`McpRequest::reply_to`](crate::McpRequest::reply_to) gives.
    type ReplyTo;

    /// How the request ended.
    fn outcome(&self) -> Outcome<'_>;

    /// Answers with an error. The response remembers whether the error is public
    /// ([`Trail::is_public`]).
    fn from_error(to: Self::ReplyTo, error: McpError) -> Self;

    /// Answers `tools/call` with a result that has `isError: true`: the model reads the text.
    fn from_tool_error(to: Self::ReplyTo, text: String) -> Self;

    /// The error of an error response, without its trail. It is public as far as the trail says so.
    ///
    /// # Errors
    /// The response itself, when it is a result.
    fn into_error(self) -> Result<McpError, Self>;

    /// The same answer to another request, its trail included.
    #[must_use]
    fn readdress(self, to: Self::ReplyTo) -> Self;

    /// What inner layers decided.
    fn trail(&self) -> &Trail;

    /// What inner layers decided.
    fn trail_mut(&mut self) -> &mut Trail;

    /// Visits the entries of a list result.
    fn visit_listed(&self, visit: &mut dyn FnMut(Listed<'_>));

    /// Keeps the entries of a list result for which `keep` is true; returns how many went. `keep`
    /// is asked once about each entry.
    fn retain_listed(&mut self, keep: &mut dyn FnMut(Listed<'_>) -> bool) -> usize;

    /// Visits every text that a caller gets to read: content, structured content, resource text,
    /// error message and data, what a failed task says. Keys of JSON objects are visited too, but
    /// not the names of the result's own fields.
    fn visit_texts_mut(&mut self, visit: &mut dyn FnMut(TextSite, &mut String));

    /// The structured content of a tool's result, to be changed in place: its texts with the keys
    /// that they stand under. By default there is none to be seen.
    fn structured_content_mut(&mut self) -> Option<&mut Value> {
        None
    }

    /// The error inside the result of `tasks/get` for a failed task. Where a task has only a status
    /// message (2025-11-25), that is the error's message, and the code is -32603. Of a list of
    /// tasks, the error of the first that failed.
    fn task_error(&self) -> Option<McpError>;

    /// Replaces the error of a failed task and its status message, as far as it has them; of a list
    /// of tasks, those of each that failed. False where there is neither.
    fn set_task_error(&mut self, error: McpError) -> bool;

    /// The id of the task that this response created or reports.
    fn task_id(&self) -> Option<&str>;

    /// The `requestState` of an answer that asks for input (2026-07-28, multi round-trip requests).
    /// Default: `None`.
    fn request_state(&self) -> Option<&str> {
        None
    }

    /// Where the next page of a list begins.
    fn next_cursor(&self) -> Option<&str>;

    /// The caching hint of the result (2026-07-28, server/utilities/caching).
    fn cache_hint(&self) -> CacheHint;

    /// Replaces the caching hint; false where the result cannot carry one.
    fn set_cache_hint(&mut self, hint: CacheHint) -> bool;

    /// Sets a key of the result's `_meta`; false where the response cannot carry it. Own keys take
    /// a vendor prefix (2026-07-28, basic/index, "_meta").
    fn insert_meta(&mut self, key: &str, value: Value) -> bool;

    /// About how many bytes the response has as JSON. Used to bound memory, not to frame messages.
    fn size_estimate(&self) -> usize;

    /// Appends the result, or the error object, as JSON: for digests and for stores. Costs as much
    /// as sending it, so that it belongs off the path of a request.
    fn write_json(&self, out: &mut Vec<u8>);
}

/// A response that can be kept and given again. Only layers that store responses ask for it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored",
    label = "a layer that stores responses needs to copy them and to read them back",
    note = "implement `mcp_layers_core::StoredResponse` for it"
)]
pub trait StoredResponse: McpResponse + Clone + Send + Sync + 'static {
    /// Reads what [`McpResponse::write_json`] wrote of a *result* to a request of this method. On
    /// the wire the response is the same as the one that was written. `None` for what is no such
    /// result, whatever the bytes are.
    fn from_json(to: Self::ReplyTo, method: Method<'_>, json: &[u8]) -> Option<Self>;
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Outcome<'a> {
    /// A complete result.
    Success,
    /// A complete `tools/call` result with `isError: true`: the tool ran and says that it failed.
    ToolError,
    /// An error of the protocol.
    Protocol {
        /// The JSON-RPC error code.
        code: i32,
        /// The message that the caller gets.
        message: &'a str,
        /// The data that the caller gets.
        data: Option<&'a Value>,
    },
    /// The server asks for input first (`resultType: "input_required"`). Not a failure.
    InputRequired,
    /// The server goes on with the work as a task: `resultType: "task"`, or the `task` object of
    /// 2025-11-25. Not a failure.
    TaskCreated,
}

impl Outcome<'_> {
    /// The code of an error of the protocol.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::Protocol { code, .. } => Some(*code),
            _ => None,
        }
    }
}

/// What a [`Listed`] entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ListedKind {
    /// A tool, by its name.
    Tool,
    /// A resource, by its uri.
    Resource,
    /// A resource template, by its uri template.
    ResourceTemplate,
    /// A prompt, by its name.
    Prompt,
    /// A skill, by its uri.
    Skill,
    /// A task, by its id.
    Task,
}

/// An entry of a list result.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Listed<'a> {
    /// What it is.
    pub kind: ListedKind,
    /// What a request for it has as its target.
    pub name: &'a str,
    /// A tool's annotations; empty for all else.
    pub hints: Hints,
}

impl<'a> Listed<'a> {
    /// An entry without hints.
    #[must_use]
    pub fn new(kind: ListedKind, name: &'a str) -> Self {
        Self {
            kind,
            name,
            hints: Hints::default(),
        }
    }

    /// The same entry with a tool's annotations.
    #[must_use]
    pub fn with_hints(mut self, hints: Hints) -> Self {
        self.hints = hints;
        self
    }
}

/// A tool's annotations. Claims of the server, to be believed only from one that is trusted
/// (2026-07-28, server/tools, "Annotations").
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Hints {
    /// `readOnlyHint`: the tool changes nothing.
    pub read_only: Option<bool>,
    /// `destructiveHint`: the tool may destroy.
    pub destructive: Option<bool>,
    /// `idempotentHint`: a second call with the same arguments changes nothing more.
    pub idempotent: Option<bool>,
    /// `openWorldHint`: the tool reaches beyond the server.
    pub open_world: Option<bool>,
}

impl Hints {
    /// Reads the four hints in the order of the fields.
    #[must_use]
    pub fn new(
        read_only: Option<bool>,
        destructive: Option<bool>,
        idempotent: Option<bool>,
        open_world: Option<bool>,
    ) -> Self {
        Self {
            read_only,
            destructive,
            idempotent,
            open_world,
        }
    }

    /// Whether the hints say that a call may be repeated: read-only or idempotent.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        self.read_only == Some(true) || self.idempotent == Some(true)
    }

    /// Whether the hints say that a call changes nothing and can be answered from memory.
    #[must_use]
    pub fn is_cacheable(&self) -> bool {
        self.read_only == Some(true) && self.idempotent == Some(true)
    }
}

/// A result's caching hint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CacheHint {
    /// `ttlMs`: for how many milliseconds the result is fresh. A negative one reads as 0, and what
    /// is no integer as absent. Any `u64` can come: cap it before it is added to a time.
    pub ttl_ms: Option<u64>,
    /// `cacheScope`: who may be served with it.
    pub scope: Option<CacheScope>,
}

impl CacheHint {
    /// A hint with both its parts.
    #[must_use]
    pub fn new(ttl_ms: Option<u64>, scope: Option<CacheScope>) -> Self {
        Self { ttl_ms, scope }
    }
}

/// Who may be served with a cached result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CacheScope {
    /// Anyone.
    Public,
    /// Only whoever asked, in the same authorization context.
    Private,
}

/// Where a text stands that a caller gets to read.
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
    /// What a task says of itself: its status message, its error. The texts of its result stand
    /// where they would in an answer of their own.
    Task,
    /// Elsewhere in a result.
    Other,
}
