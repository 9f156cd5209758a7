//! Views of the params of tower-mcp's requests, one function for each question.
//!
//! tower-mcp's enum of requests is non-exhaustive. A method that is not in it yet keeps its name,
//! has no target and no params; `tests/variants.rs` says when there is one.

use mcp_layers_core::{Arguments, KeyWriter, ListedKind, Method, adapter::write_canonical};
use serde::Serialize;
use serde_json::{Map, Value};
use tower_mcp::protocol::{
    CompletionReference, ListPromptsParams, ListResourceTemplatesParams, ListResourcesParams,
    ListToolsParams, McpRequest, RequestMeta,
};

/// `_meta`, in the form in which tower-mcp holds it.
pub(crate) enum Meta<'a> {
    None,
    Typed(&'a RequestMeta),
    Object(&'a Map<String, Value>),
}

pub(crate) fn method(request: &McpRequest) -> Method<'_> {
    match request {
        McpRequest::Initialize(_) => Method::Initialize,
        McpRequest::ListTools(_) => Method::ListTools,
        McpRequest::CallTool(_) => Method::CallTool,
        McpRequest::ListResources(_) => Method::ListResources,
        McpRequest::ListResourceTemplates(_) => Method::ListResourceTemplates,
        McpRequest::ReadResource(_) => Method::ReadResource,
        McpRequest::SubscribeResource(_) => Method::Subscribe,
        McpRequest::UnsubscribeResource(_) => Method::Unsubscribe,
        McpRequest::ListPrompts(_) => Method::ListPrompts,
        McpRequest::GetPrompt(_) => Method::GetPrompt,
        McpRequest::GetTaskInfo(_) => Method::GetTask,
        McpRequest::UpdateTask(_) => Method::UpdateTask,
        McpRequest::CancelTask(_) => Method::CancelTask,
        McpRequest::Ping => Method::Ping,
        McpRequest::SetLoggingLevel(_) => Method::SetLevel,
        McpRequest::Complete(_) => Method::Complete,
        McpRequest::Discover(_) => Method::Discover,
        McpRequest::SubscriptionsListen(_) => Method::Listen,
        other => Method::new(other.method_name()),
    }
}

pub(crate) fn target(request: &McpRequest) -> Option<&str> {
    match request {
        McpRequest::CallTool(params) => Some(&params.name),
        McpRequest::ReadResource(params) => Some(&params.uri),
        McpRequest::SubscribeResource(params) => Some(&params.uri),
        McpRequest::UnsubscribeResource(params) => Some(&params.uri),
        McpRequest::GetPrompt(params) => Some(&params.name),
        McpRequest::GetTaskInfo(params) => Some(&params.task_id),
        McpRequest::UpdateTask(params) => Some(&params.task_id),
        McpRequest::CancelTask(params) => Some(&params.task_id),
        McpRequest::Complete(params) => match &params.reference {
            CompletionReference::Prompt { name } => Some(name),
            CompletionReference::Resource { uri } => Some(uri),
            _ => None,
        },
        McpRequest::Unknown { params, .. } => {
            let name = match method(request) {
                Method::TaskResult => "taskId",
                Method::ReadResourceDirectory | Method::GetSkill => "uri",
                _ => return None,
            };
            params.as_ref()?.get(name)?.as_str()
        }
        _ => None,
    }
}

pub(crate) fn target_kind(request: &McpRequest) -> Option<ListedKind> {
    match request {
        McpRequest::Complete(params) => match &params.reference {
            CompletionReference::Prompt { .. } => Some(ListedKind::Prompt),
            CompletionReference::Resource { .. } => Some(ListedKind::ResourceTemplate),
            _ => None,
        },
        _ => method(request).target_kind(),
    }
}

pub(crate) fn cursor(request: &McpRequest) -> Option<&str> {
    match request {
        McpRequest::ListTools(params) => params.cursor.as_deref(),
        McpRequest::ListResources(params) => params.cursor.as_deref(),
        McpRequest::ListResourceTemplates(params) => params.cursor.as_deref(),
        McpRequest::ListPrompts(params) => params.cursor.as_deref(),
        McpRequest::Unknown { params, .. } => params.as_ref()?.get("cursor")?.as_str(),
        _ => None,
    }
}

/// A request for one page of a list; `None` for other methods.
pub(crate) fn list_request(method: Method<'_>, cursor: Option<&str>) -> Option<McpRequest> {
    let cursor = cursor.map(ToOwned::to_owned);
    Some(match method {
        Method::ListTools => McpRequest::ListTools(ListToolsParams { cursor, meta: None }),
        Method::ListPrompts => McpRequest::ListPrompts(ListPromptsParams { cursor, meta: None }),
        Method::ListResources => {
            McpRequest::ListResources(ListResourcesParams { cursor, meta: None })
        }
        Method::ListResourceTemplates => {
            McpRequest::ListResourceTemplates(ListResourceTemplatesParams { cursor, meta: None })
        }
        _ => return None,
    })
}

pub(crate) fn meta(request: &McpRequest) -> Meta<'_> {
    let typed = match request {
        McpRequest::ListTools(params) => &params.meta,
        McpRequest::CallTool(params) => &params.meta,
        McpRequest::ListResources(params) => &params.meta,
        McpRequest::ListResourceTemplates(params) => &params.meta,
        McpRequest::ReadResource(params) => &params.meta,
        McpRequest::SubscribeResource(params) => &params.meta,
        McpRequest::UnsubscribeResource(params) => &params.meta,
        McpRequest::ListPrompts(params) => &params.meta,
        McpRequest::GetPrompt(params) => &params.meta,
        McpRequest::GetTaskInfo(params) => &params.meta,
        McpRequest::UpdateTask(params) => &params.meta,
        McpRequest::CancelTask(params) => &params.meta,
        McpRequest::SetLoggingLevel(params) => &params.meta,
        McpRequest::Discover(params) => &params.meta,
        McpRequest::Initialize(params) => return object(params.meta.as_ref()),
        McpRequest::Complete(params) => return object(params.meta.as_ref()),
        McpRequest::SubscriptionsListen(params) => return object(params.meta.as_ref()),
        McpRequest::Unknown { params, .. } => {
            return object(params.as_ref().and_then(|params| params.get("_meta")));
        }
        _ => &None,
    };
    typed.as_ref().map_or(Meta::None, Meta::Typed)
}

fn object(meta: Option<&Value>) -> Meta<'_> {
    meta.and_then(Value::as_object)
        .map_or(Meta::None, Meta::Object)
}

pub(crate) fn is_continuation(request: &McpRequest) -> bool {
    match request {
        McpRequest::CallTool(params) => {
            params.input_responses.is_some() || params.request_state.is_some()
        }
        McpRequest::ReadResource(params) => {
            params.input_responses.is_some() || params.request_state.is_some()
        }
        McpRequest::GetPrompt(params) => {
            params.input_responses.is_some() || params.request_state.is_some()
        }
        McpRequest::UpdateTask(_) => true,
        McpRequest::Unknown {
            params: Some(params),
            ..
        } => params.get("inputResponses").is_some() || params.get("requestState").is_some(),
        _ => false,
    }
}

/// The state that a request hands back to the server, for methods that may ask for input.
pub(crate) fn request_state(request: &McpRequest) -> Option<&str> {
    match request {
        McpRequest::CallTool(params) => params.request_state.as_deref(),
        McpRequest::ReadResource(params) => params.request_state.as_deref(),
        McpRequest::GetPrompt(params) => params.request_state.as_deref(),
        McpRequest::Unknown { params, .. } => params.as_ref()?.get("requestState")?.as_str(),
        _ => None,
    }
}

/// The bytes of [`mcp_layers_core::McpRequest::write_params`].
pub(crate) fn write(request: &McpRequest, arguments: &Arguments<'_>, out: &mut Vec<u8>) {
    if let McpRequest::Unknown { params, .. } = request {
        return write_unknown(params.as_ref(), out);
    }
    let mut key = KeyWriter::new(out);
    key.optional(target(request)).optional(cursor(request));
    key.with(|out| arguments.write_canonical(out));
    match request {
        McpRequest::CallTool(params) => {
            part(&mut key, b'K', params.task.as_ref());
            part(&mut key, b'I', params.input_responses.as_ref());
            part(&mut key, b'S', params.request_state.as_ref());
        }
        McpRequest::ReadResource(params) => {
            part(&mut key, b'I', params.input_responses.as_ref());
            part(&mut key, b'S', params.request_state.as_ref());
        }
        McpRequest::GetPrompt(params) => {
            part(&mut key, b'I', params.input_responses.as_ref());
            part(&mut key, b'S', params.request_state.as_ref());
        }
        McpRequest::Initialize(params) => {
            part(&mut key, b'V', Some(&params.protocol_version));
            part(&mut key, b'A', Some(&params.capabilities));
            part(&mut key, b'N', Some(&params.client_info));
        }
        McpRequest::UpdateTask(params) => part(&mut key, b'I', Some(&params.input_responses)),
        McpRequest::CancelTask(params) => part(&mut key, b'R', params.reason.as_ref()),
        McpRequest::SetLoggingLevel(params) => part(&mut key, b'L', Some(&params.level)),
        McpRequest::Complete(params) => {
            part(&mut key, b'F', Some(&params.reference));
            part(&mut key, b'G', Some(&params.argument));
            part(&mut key, b'X', params.context.as_ref());
        }
        McpRequest::SubscriptionsListen(params) => {
            part(&mut key, b'N', params.notifications.as_ref());
        }
        _ => {}
    }
}

/// One more component of the key, under a tag, if it is there.
fn part<T: Serialize>(key: &mut KeyWriter<'_>, tag: u8, value: Option<&T>) {
    if let Some(value) = value {
        // None of these types can fail to serialise.
        let value = serde_json::to_value(value).unwrap_or_default();
        key.tag(tag).with(|out| write_canonical(&value, out));
    }
}

fn write_unknown(params: Option<&Value>, out: &mut Vec<u8>) {
    match params {
        None | Some(Value::Null) => out.extend_from_slice(b"{}"),
        Some(Value::Object(map)) if map.contains_key("_meta") => {
            let rest: Map<_, _> = map
                .iter()
                .filter(|(key, _)| *key != "_meta")
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            write_canonical(&Value::Object(rest), out);
        }
        Some(params) => write_canonical(params, out),
    }
}
