//! The identifying parts of a request, read from rmcp's request enum.
#![expect(
    deprecated,
    reason = "legacy requests are read for as long as rmcp has them"
)]

#[cfg(feature = "server")]
use mcp_layers_core::request::RequestId;
use mcp_layers_core::{Arguments, ListedKind, Method, adapter::write_canonical};
#[cfg(feature = "server")]
use rmcp::model::NumberOrString;
use rmcp::model::{
    ClientRequest, ConstString, CustomRequest, PaginatedRequestParams, Reference,
    RequestOptionalParam, SubscriptionFilter,
};
#[cfg(feature = "client")]
use rmcp::model::{RequestMetaObject, RequestParamsMeta};
use serde::Serialize;
use serde_json::Value;

#[inline]
pub(crate) fn method(request: &ClientRequest) -> Method<'_> {
    match request {
        // What is asked about most, by every layer.
        ClientRequest::CallToolRequest(_) => Method::CallTool,
        request => Method::new(request.method()),
    }
}

pub(crate) fn target(request: &ClientRequest) -> Option<&str> {
    Some(match request {
        ClientRequest::CallToolRequest(request) => &request.params.name,
        ClientRequest::GetPromptRequest(request) => &request.params.name,
        ClientRequest::ReadResourceRequest(request) => &request.params.uri,
        #[cfg(feature = "rmcp-3-9")]
        ClientRequest::ReadResourceDirectoryRequest(request) => &request.params.uri,
        ClientRequest::SubscribeRequest(request) => &request.params.uri,
        ClientRequest::UnsubscribeRequest(request) => &request.params.uri,
        #[cfg(feature = "rmcp-3-9")]
        ClientRequest::GetSkillRequest(request) => &request.params.uri,
        ClientRequest::GetTaskRequest(request) => &request.params.task_id,
        ClientRequest::UpdateTaskRequest(request) => &request.params.task_id,
        ClientRequest::CancelTaskRequest(request) => &request.params.task_id,
        ClientRequest::CompleteRequest(request) => match &request.params.r#ref {
            Reference::Prompt(prompt) => &prompt.name,
            Reference::Resource(template) => &template.uri,
            _ => return None,
        },
        ClientRequest::CustomRequest(request) => return custom_target(request),
        _ => return None,
    })
}

pub(crate) fn target_kind(request: &ClientRequest) -> Option<ListedKind> {
    match request {
        ClientRequest::CompleteRequest(request) => match &request.params.r#ref {
            Reference::Prompt(_) => Some(ListedKind::Prompt),
            Reference::Resource(_) => Some(ListedKind::ResourceTemplate),
            _ => None,
        },
        _ => method(request).target_kind(),
    }
}

/// rmcp takes a request for a custom one when it does not know the method (the tasks of 2025-11-25)
/// or cannot read the params; both are still about something.
fn custom_target(request: &CustomRequest) -> Option<&str> {
    let name = match Method::new(&request.method) {
        Method::CallTool | Method::GetPrompt => "name",
        Method::ReadResource
        | Method::ReadResourceDirectory
        | Method::Subscribe
        | Method::Unsubscribe
        | Method::GetSkill => "uri",
        Method::GetTask | Method::TaskResult | Method::UpdateTask | Method::CancelTask => "taskId",
        Method::Complete => {
            let reference = custom_param(request, "ref")?;
            let named = reference.get("name").or_else(|| reference.get("uri"))?;
            return named.as_str();
        }
        _ => return None,
    };
    custom_param(request, name)?.as_str()
}

fn custom_param<'a>(request: &'a CustomRequest, name: &str) -> Option<&'a Value> {
    request.params.as_ref()?.get(name)
}

/// A request for one page of a list; `None` for other methods.
pub(crate) fn list_request(method: Method<'_>, cursor: Option<&str>) -> Option<ClientRequest> {
    fn page<M: ConstString>(
        cursor: Option<&str>,
    ) -> RequestOptionalParam<M, PaginatedRequestParams> {
        let mut params = PaginatedRequestParams::default();
        params.cursor = cursor.map(ToOwned::to_owned);
        RequestOptionalParam {
            method: M::default(),
            params: Some(params),
            extensions: Default::default(),
        }
    }
    Some(match method {
        Method::ListTools => ClientRequest::ListToolsRequest(page(cursor)),
        Method::ListPrompts => ClientRequest::ListPromptsRequest(page(cursor)),
        Method::ListResources => ClientRequest::ListResourcesRequest(page(cursor)),
        Method::ListResourceTemplates => ClientRequest::ListResourceTemplatesRequest(page(cursor)),
        #[cfg(feature = "rmcp-3-9")]
        Method::ListSkills => ClientRequest::ListSkillsRequest(page(cursor)),
        _ => return None,
    })
}

pub(crate) fn arguments(request: &ClientRequest) -> Arguments<'_> {
    match request {
        ClientRequest::CallToolRequest(request) => request
            .params
            .arguments
            .as_ref()
            .map_or(Arguments::None, Arguments::Map),
        ClientRequest::GetPromptRequest(request) => request
            .params
            .arguments
            .as_ref()
            .map_or(Arguments::None, Arguments::Map),
        ClientRequest::CustomRequest(request) => request
            .params
            .as_ref()
            .map_or(Arguments::None, Arguments::Value),
        _ => Arguments::None,
    }
}

pub(crate) fn cursor(request: &ClientRequest) -> Option<&str> {
    let params = match request {
        ClientRequest::ListToolsRequest(request) => request.params.as_ref(),
        ClientRequest::ListPromptsRequest(request) => request.params.as_ref(),
        ClientRequest::ListResourcesRequest(request) => request.params.as_ref(),
        ClientRequest::ListResourceTemplatesRequest(request) => request.params.as_ref(),
        #[cfg(feature = "rmcp-3-9")]
        ClientRequest::ListSkillsRequest(request) => request.params.as_ref(),
        #[cfg(feature = "rmcp-3-9")]
        ClientRequest::ReadResourceDirectoryRequest(request) => {
            return request.params.cursor.as_deref();
        }
        ClientRequest::CustomRequest(request) => return custom_param(request, "cursor")?.as_str(),
        _ => return None,
    };
    params?.cursor.as_deref()
}

/// The params that target, cursor and arguments do not show.
pub(crate) fn write_other(request: &ClientRequest, out: &mut Vec<u8>) {
    match request {
        ClientRequest::CallToolRequest(request) => write_round(
            request.params.input_responses.as_ref(),
            request.params.request_state.as_deref(),
            out,
        ),
        ClientRequest::GetPromptRequest(request) => write_round(
            request.params.input_responses.as_ref(),
            request.params.request_state.as_deref(),
            out,
        ),
        ClientRequest::ReadResourceRequest(request) => write_round(
            request.params.input_responses.as_ref(),
            request.params.request_state.as_deref(),
            out,
        ),
        ClientRequest::CompleteRequest(request) => {
            write_serialized(&request.params.r#ref, out);
            write_serialized(&request.params.argument, out);
            write_serialized(&request.params.context, out);
        }
        ClientRequest::SetLevelRequest(request) => write_serialized(&request.params.level, out),
        ClientRequest::SubscriptionsListenRequest(request) => {
            write_serialized(&request.params.notifications, out);
        }
        ClientRequest::InitializeRequest(request) => {
            write_serialized(&request.params.protocol_version, out);
            write_serialized(&request.params.capabilities, out);
            write_serialized(&request.params.client_info, out);
        }
        ClientRequest::UpdateTaskRequest(request) => {
            write_serialized(&request.params.input_responses, out);
        }
        _ => {}
    }
}

/// The params that make a request the continuation of an earlier one; nothing for a first round.
fn write_round(
    input_responses: Option<&impl Serialize>,
    request_state: Option<&str>,
    out: &mut Vec<u8>,
) {
    if input_responses.is_some() || request_state.is_some() {
        write_serialized(&input_responses, out);
        write_serialized(&request_state, out);
    }
}

pub(crate) fn write_serialized(value: &impl Serialize, out: &mut Vec<u8>) {
    // rmcp's params are JSON by construction.
    write_canonical(&serde_json::to_value(value).unwrap_or(Value::Null), out);
}

pub(crate) fn visit_subscriptions(filter: &SubscriptionFilter, visit: &mut dyn FnMut(&str)) {
    filter
        .resource_subscriptions
        .iter()
        .flatten()
        .for_each(|uri| visit(uri));
}

pub(crate) fn is_continuation(request: &ClientRequest) -> bool {
    match request {
        ClientRequest::CallToolRequest(request) => {
            request.params.input_responses.is_some() || request.params.request_state.is_some()
        }
        ClientRequest::GetPromptRequest(request) => {
            request.params.input_responses.is_some() || request.params.request_state.is_some()
        }
        ClientRequest::ReadResourceRequest(request) => {
            request.params.input_responses.is_some() || request.params.request_state.is_some()
        }
        ClientRequest::UpdateTaskRequest(_) => true,
        ClientRequest::CustomRequest(request) => {
            custom_param(request, "inputResponses").is_some()
                || custom_param(request, "requestState").is_some()
        }
        _ => false,
    }
}

#[cfg(feature = "server")]
pub(crate) fn request_state(request: &ClientRequest) -> Option<&str> {
    match request {
        ClientRequest::CallToolRequest(request) => request.params.request_state.as_deref(),
        ClientRequest::GetPromptRequest(request) => request.params.request_state.as_deref(),
        ClientRequest::ReadResourceRequest(request) => request.params.request_state.as_deref(),
        ClientRequest::CustomRequest(request) => custom_param(request, "requestState")?.as_str(),
        _ => None,
    }
}

/// Takes `_meta` out of the typed params, where only a request that is still to be sent has any.
#[cfg(feature = "client")]
pub(crate) fn take_typed_meta(request: &mut ClientRequest) -> Option<RequestMetaObject> {
    fn of(params: &mut impl RequestParamsMeta) -> Option<RequestMetaObject> {
        params.meta_mut().take()
    }
    match request {
        ClientRequest::InitializeRequest(request) => of(&mut request.params),
        ClientRequest::CompleteRequest(request) => of(&mut request.params),
        ClientRequest::SetLevelRequest(request) => of(&mut request.params),
        ClientRequest::GetPromptRequest(request) => of(&mut request.params),
        ClientRequest::ListPromptsRequest(request) => of(request.params.as_mut()?),
        ClientRequest::ListResourcesRequest(request) => of(request.params.as_mut()?),
        ClientRequest::ListResourceTemplatesRequest(request) => of(request.params.as_mut()?),
        ClientRequest::ReadResourceRequest(request) => of(&mut request.params),
        ClientRequest::SubscriptionsListenRequest(request) => of(&mut request.params),
        ClientRequest::SubscribeRequest(request) => of(&mut request.params),
        ClientRequest::UnsubscribeRequest(request) => of(&mut request.params),
        ClientRequest::CallToolRequest(request) => of(&mut request.params),
        ClientRequest::ListToolsRequest(request) => of(request.params.as_mut()?),
        ClientRequest::GetTaskRequest(request) => of(&mut request.params),
        ClientRequest::UpdateTaskRequest(request) => of(&mut request.params),
        ClientRequest::CancelTaskRequest(request) => of(&mut request.params),
        #[cfg(feature = "rmcp-3-9")]
        ClientRequest::ListSkillsRequest(request) => of(request.params.as_mut()?),
        #[cfg(feature = "rmcp-3-9")]
        ClientRequest::GetSkillRequest(request) => of(&mut request.params),
        #[cfg(feature = "rmcp-3-9")]
        ClientRequest::ReadResourceDirectoryRequest(request) => of(&mut request.params),
        ClientRequest::CustomRequest(request) => {
            let params = request.params.as_mut()?.as_object_mut()?;
            match params.remove("_meta")? {
                Value::Object(meta) => Some(meta.into()),
                other => {
                    params.insert("_meta".to_owned(), other);
                    None
                }
            }
        }
        _ => None,
    }
}

#[cfg(feature = "server")]
pub(crate) fn request_id(id: &NumberOrString) -> RequestId<'_> {
    match id {
        NumberOrString::Number(number) => RequestId::Number(*number),
        NumberOrString::String(text) => RequestId::String(text),
    }
}
