mod cache_scope;
mod listed;
mod texts;

use std::fmt;

use mcp_layers_core::{
    Listed, McpError, McpResponse, Method, Outcome, StoredResponse, Trail,
    adapter::{json_result, serialized_size, write_serialized},
    code,
    response::{CacheHint, TextSite},
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tower_mcp::{
    CallToolResult, JsonRpcError, RouterResponse,
    protocol::{self, McpResponse as Inner, RequestId, TaskObject, TaskStatus, validate_meta_key},
    tasks::DetailedTask,
};

/// A tower-mcp response that layers can read, and the trail of what they decided.
#[derive(Clone)]
pub struct TowerMcpResponse {
    inner: RouterResponse,
    trail: Trail,
}

impl TowerMcpResponse {
    /// Wraps a response.
    #[must_use]
    pub fn new(inner: RouterResponse) -> Self {
        Self {
            inner,
            trail: Trail::new(),
        }
    }

    /// The response of tower-mcp.
    #[must_use]
    pub fn inner(&self) -> &RouterResponse {
        &self.inner
    }

    /// The response of tower-mcp, without the trail.
    #[must_use]
    pub fn into_inner(self) -> RouterResponse {
        self.inner
    }

    fn result(&self) -> Option<&Inner> {
        self.inner.inner.as_ref().ok()
    }
}

impl McpResponse for TowerMcpResponse {
    type ReplyTo = RequestId;

    fn outcome(&self) -> Outcome<'_> {
        match &self.inner.inner {
            Err(JsonRpcError {
                code,
                message,
                data,
            }) => Outcome::Protocol {
                code: *code,
                message,
                data: data.as_ref(),
            },
            Ok(Inner::CallTool(result)) if result.is_error => Outcome::ToolError,
            Ok(Inner::InputRequired(_)) => Outcome::InputRequired,
            Ok(Inner::CreateTask(_) | Inner::FinalCreateTask(_)) => Outcome::TaskCreated,
            Ok(Inner::Raw(value)) => json_result::outcome(value),
            Ok(_) => Outcome::Success,
        }
    }

    fn from_error(to: RequestId, error: McpError) -> Self {
        let mut trail = Trail::new();
        trail.set_public(error.is_public());
        Self {
            inner: RouterResponse {
                id: to,
                inner: Err(json_rpc_error(error)),
            },
            trail,
        }
    }

    /// tower-mcp's transports add `resultType: "complete"` where the protocol version asks for it.
    fn from_tool_error(to: RequestId, text: String) -> Self {
        Self::new(RouterResponse {
            id: to,
            inner: Ok(Inner::CallTool(CallToolResult::error(text))),
        })
    }

    fn into_error(self) -> Result<McpError, Self> {
        match self.inner.inner {
            Err(error) if self.trail.is_public() => {
                Ok(McpError::public(error.code, error.message).with_data(error.data))
            }
            Err(error) => Ok(mcp_error(error)),
            Ok(result) => Err(Self {
                inner: RouterResponse {
                    id: self.inner.id,
                    inner: Ok(result),
                },
                trail: self.trail,
            }),
        }
    }

    fn readdress(mut self, to: RequestId) -> Self {
        self.inner.id = to;
        self
    }

    fn trail(&self) -> &Trail {
        &self.trail
    }

    fn trail_mut(&mut self) -> &mut Trail {
        &mut self.trail
    }

    fn visit_listed(&self, visit: &mut dyn FnMut(Listed<'_>)) {
        if let Some(result) = self.result() {
            listed::visit(result, visit);
        }
    }

    fn retain_listed(&mut self, keep: &mut dyn FnMut(Listed<'_>) -> bool) -> usize {
        match &mut self.inner.inner {
            Ok(result) => listed::retain(result, keep),
            Err(_) => 0,
        }
    }

    /// Base64 payloads (images, audio, blobs) are no texts and are not visited.
    fn visit_texts_mut(&mut self, visit: &mut dyn FnMut(TextSite, &mut String)) {
        match &mut self.inner.inner {
            Ok(result) => texts::visit(result, visit),
            Err(error) => {
                texts::visit_error(error, TextSite::ErrorMessage, TextSite::ErrorData, visit);
            }
        }
    }

    fn structured_content_mut(&mut self) -> Option<&mut Value> {
        match self.inner.inner.as_mut().ok()? {
            Inner::CallTool(result) => result.structured_content.as_mut(),
            Inner::Raw(value) => json_result::structured_content_mut(value),
            _ => None,
        }
    }

    fn visit_json_mut(&mut self, visit: &mut dyn FnMut(&mut Value)) {
        if let Ok(result) = &mut self.inner.inner {
            texts::visit_json(result, visit);
        }
    }

    fn task_error(&self) -> Option<McpError> {
        match self.result()? {
            Inner::FinalGetTask(result) => result.task.error().cloned().map(mcp_error),
            Inner::GetTaskInfo(task) => failure(task),
            Inner::CreateTask(created) => failure(&created.task),
            Inner::Raw(value) => json_result::task_error(value),
            _ => None,
        }
    }

    fn set_task_error(&mut self, error: McpError) -> bool {
        let Ok(result) = &mut self.inner.inner else {
            return false;
        };
        match result {
            Inner::FinalGetTask(result) => match &mut result.task {
                DetailedTask::Failed {
                    metadata,
                    error: had,
                } => {
                    replace_status(&mut metadata.status_message, &error);
                    *had = json_rpc_error(error);
                    true
                }
                _ => false,
            },
            Inner::GetTaskInfo(task) => set_failure(task, error),
            Inner::CreateTask(created) => set_failure(&mut created.task, error),
            Inner::Raw(value) => json_result::set_task_error(value, &error),
            _ => false,
        }
    }

    fn task_id(&self) -> Option<&str> {
        match self.result()? {
            Inner::FinalCreateTask(created) => Some(&created.task.metadata.task_id),
            Inner::FinalGetTask(result) => Some(result.task.task_id()),
            Inner::CreateTask(created) => Some(&created.task.task_id),
            Inner::GetTaskInfo(task) => Some(&task.task_id),
            Inner::Raw(value) => value.get("taskId")?.as_str(),
            _ => None,
        }
    }

    fn request_state(&self) -> Option<&str> {
        match self.result()? {
            Inner::InputRequired(result) => result.request_state.as_deref(),
            Inner::Raw(value) if self.outcome() == Outcome::InputRequired => {
                value.get("requestState")?.as_str()
            }
            _ => None,
        }
    }

    fn next_cursor(&self) -> Option<&str> {
        match self.result()? {
            Inner::ListTools(list) => list.next_cursor.as_deref(),
            Inner::ListResources(list) => list.next_cursor.as_deref(),
            Inner::ListResourceTemplates(list) => list.next_cursor.as_deref(),
            Inner::ListPrompts(list) => list.next_cursor.as_deref(),
            Inner::Raw(value) => value.get("nextCursor")?.as_str(),
            _ => None,
        }
    }

    fn cache_hint(&self) -> CacheHint {
        let hint = |ttl_ms: Option<u64>, scope: Option<protocol::CacheScope>| {
            CacheHint::new(ttl_ms, scope.map(cache_scope::read))
        };
        match self.result() {
            Some(Inner::ListTools(list)) => hint(list.ttl_ms, list.cache_scope),
            Some(Inner::ListResources(list)) => hint(list.ttl_ms, list.cache_scope),
            Some(Inner::ListResourceTemplates(list)) => hint(list.ttl_ms, list.cache_scope),
            Some(Inner::ListPrompts(list)) => hint(list.ttl_ms, list.cache_scope),
            Some(Inner::ReadResource(result)) => hint(result.ttl_ms, result.cache_scope),
            Some(Inner::Discover(result)) => hint(result.ttl_ms, result.cache_scope),
            Some(Inner::Raw(value)) => json_result::cache_hint(value),
            _ => CacheHint::default(),
        }
    }

    /// Only the results that the protocol calls cacheable have a place for the hint.
    fn set_cache_hint(&mut self, hint: CacheHint) -> bool {
        let (ttl_ms, scope) = match &mut self.inner.inner {
            Ok(Inner::ListTools(list)) => (&mut list.ttl_ms, &mut list.cache_scope),
            Ok(Inner::ListResources(list)) => (&mut list.ttl_ms, &mut list.cache_scope),
            Ok(Inner::ListResourceTemplates(list)) => (&mut list.ttl_ms, &mut list.cache_scope),
            Ok(Inner::ListPrompts(list)) => (&mut list.ttl_ms, &mut list.cache_scope),
            Ok(Inner::ReadResource(result)) => (&mut result.ttl_ms, &mut result.cache_scope),
            Ok(Inner::Discover(result)) => (&mut result.ttl_ms, &mut result.cache_scope),
            Ok(Inner::Raw(value)) => return json_result::set_cache_hint(value, hint),
            _ => return false,
        };
        *ttl_ms = hint.ttl_ms;
        *scope = hint.scope.map(cache_scope::write);
        true
    }

    /// False also for a key that the protocol does not allow: tower-mcp would send an error in
    /// place of the result.
    fn insert_meta(&mut self, key: &str, value: Value) -> bool {
        if validate_meta_key(key).is_err() {
            return false;
        }
        let Ok(result) = &mut self.inner.inner else {
            return false;
        };
        let meta = match result {
            Inner::Initialize(result) => &mut result.meta,
            Inner::ListTools(list) => &mut list.meta,
            Inner::CallTool(result) => &mut result.meta,
            Inner::InputRequired(result) => &mut result.meta,
            Inner::ListResources(list) => &mut list.meta,
            Inner::ListResourceTemplates(list) => &mut list.meta,
            Inner::ReadResource(result) => &mut result.meta,
            Inner::ListPrompts(list) => &mut list.meta,
            Inner::GetPrompt(result) => &mut result.meta,
            Inner::CreateTask(created) => &mut created.meta,
            Inner::GetTaskInfo(task) => &mut task.meta,
            Inner::Complete(result) => &mut result.meta,
            Inner::FinalCreateTask(created) => return insert(&mut created.meta, key, value),
            Inner::FinalGetTask(result) => return insert(&mut result.meta, key, value),
            Inner::FinalTaskAck(result) => return insert(&mut result.meta, key, value),
            Inner::Raw(result) => return json_result::insert_meta(result, key, value),
            _ => return false,
        };
        let meta = meta.get_or_insert_with(|| Value::Object(Map::new()));
        let Some(meta) = meta.as_object_mut() else {
            return false;
        };
        meta.insert(key.to_owned(), value);
        true
    }

    fn size_estimate(&self) -> usize {
        match &self.inner.inner {
            Ok(result) => serialized_size(result),
            Err(error) => serialized_size(error),
        }
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        match &self.inner.inner {
            Ok(result) => write_serialized(result, out),
            Err(error) => write_serialized(error, out),
        }
    }
}

impl StoredResponse for TowerMcpResponse {
    fn from_json(to: RequestId, method: Method<'_>, json: &[u8]) -> Option<Self> {
        let inner = read(method, json)?;
        Some(Self::new(RouterResponse {
            id: to,
            inner: Ok(inner),
        }))
    }
}

/// Reads a result as the type that the method's answers have. What does not fit it is kept as JSON.
fn read(method: Method<'_>, json: &[u8]) -> Option<Inner> {
    fn of<T: DeserializeOwned>(json: &[u8], wrap: fn(T) -> Inner) -> Option<Inner> {
        serde_json::from_slice(json).ok().map(wrap)
    }
    let typed = match method {
        Method::ListTools => of(json, Inner::ListTools),
        Method::CallTool => of(json, Inner::CallTool),
        Method::ListResources => of(json, Inner::ListResources),
        Method::ListResourceTemplates => of(json, Inner::ListResourceTemplates),
        Method::ReadResource => of(json, Inner::ReadResource),
        Method::ListPrompts => of(json, Inner::ListPrompts),
        Method::GetPrompt => of(json, Inner::GetPrompt),
        Method::Complete => of(json, Inner::Complete),
        _ => None,
    };
    typed.or_else(|| of(json, Inner::Raw))
}

fn insert(meta: &mut Option<Map<String, Value>>, key: &str, value: Value) -> bool {
    meta.get_or_insert_default().insert(key.to_owned(), value);
    true
}

/// The error of a failed task of 2025-11-25, which may have no error but its status message.
fn failure(task: &TaskObject) -> Option<McpError> {
    if task.status != TaskStatus::Failed {
        return None;
    }
    let status = || McpError::new(code::INTERNAL_ERROR, task.status_message.clone()?).into();
    task.error.clone().map(mcp_error).or_else(status)
}

fn set_failure(task: &mut TaskObject, error: McpError) -> bool {
    if failure(task).is_none() {
        return false;
    }
    replace_status(&mut task.status_message, &error);
    if let Some(had) = &mut task.error {
        *had = json_rpc_error(error);
    }
    true
}

fn replace_status(status: &mut Option<String>, error: &McpError) {
    if let Some(status) = status {
        *status = error.message.as_ref().to_owned();
    }
}

fn mcp_error(error: JsonRpcError) -> McpError {
    McpError::new(error.code, error.message).with_data(error.data)
}

fn json_rpc_error(error: McpError) -> JsonRpcError {
    JsonRpcError {
        code: error.code,
        message: error.message.into_owned(),
        data: error.data,
    }
}

/// Without the result and the error, which may hold secrets.
impl fmt::Debug for TowerMcpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TowerMcpResponse")
            .field("id", &self.inner.id)
            .field("code", &self.outcome().code())
            .field("trail", &self.trail)
            .finish_non_exhaustive()
    }
}
