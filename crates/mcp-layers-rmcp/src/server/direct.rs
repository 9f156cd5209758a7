//! From a request to the method of a `ServerHandler` that answers it.
//!
//! Behind `LayeredHandler`, rmcp has made its checks before the stack and shapes the result after
//! it; here nothing of that is done a second time.

use std::sync::Arc;

use mcp_layers_core::{MODERN, member, meta_key};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{ClientRequest, EmptyResult, ErrorCode, ServerResult},
    service::RequestContext,
};
use serde_json::Value;

use super::{
    leaf::{Handle, HandleFuture},
    request::Call,
};

pub(super) struct Direct<H>(pub(super) H);

impl<H: ServerHandler> Handle for Direct<H> {
    /// Every method has a box of its own, which is as large as that method's future. One for all
    /// would be as large as the largest, several kilobytes to be allocated and filled each time.
    #[expect(
        deprecated,
        reason = "legacy methods are forwarded for as long as rmcp has them"
    )]
    fn handle(self: Arc<Self>, call: Call) -> HandleFuture {
        let (request, context) = match call {
            Call::Request { request, context } => (request, context),
            Call::Listen { subscription } => {
                return Box::pin(async move {
                    let result = self.0.listen(subscription).await;
                    result.map(|()| ServerResult::EmptyResult(EmptyResult {}))
                });
            }
        };
        let modern = is_modern(&context);
        // What rmcp would send: layers see the code that the client gets.
        macro_rules! answer {
            ($method:ident($params:expr) => $result:path) => {{
                let params = $params;
                Box::pin(async move {
                    let result = self.0.$method(params, context).await;
                    result
                        .map($result)
                        .map_err(|error| modern_code(error, modern))
                })
            }};
            ($method:ident() => $result:path) => {
                Box::pin(async move {
                    let result = self.0.$method(context).await;
                    result
                        .map($result)
                        .map_err(|error| modern_code(error, modern))
                })
            };
        }
        match request {
            ClientRequest::CallToolRequest(request) => {
                answer!(call_tool(request.params) => ServerResult::from)
            }
            ClientRequest::ListToolsRequest(request) => {
                answer!(list_tools(request.params) => ServerResult::ListToolsResult)
            }
            ClientRequest::ReadResourceRequest(request) => {
                answer!(read_resource(request.params) => ServerResult::from)
            }
            ClientRequest::ListResourcesRequest(request) => {
                answer!(list_resources(request.params) => ServerResult::ListResourcesResult)
            }
            ClientRequest::ListResourceTemplatesRequest(request) => {
                answer!(list_resource_templates(request.params) => ServerResult::ListResourceTemplatesResult)
            }
            ClientRequest::ReadResourceDirectoryRequest(request) => {
                answer!(read_resource_directory(request.params) => ServerResult::ListResourcesResult)
            }
            ClientRequest::GetPromptRequest(request) => {
                answer!(get_prompt(request.params) => ServerResult::from)
            }
            ClientRequest::ListPromptsRequest(request) => {
                answer!(list_prompts(request.params) => ServerResult::ListPromptsResult)
            }
            ClientRequest::CompleteRequest(request) => {
                answer!(complete(request.params) => ServerResult::CompleteResult)
            }
            ClientRequest::SetLevelRequest(request) => {
                answer!(set_level(request.params) => ServerResult::empty)
            }
            ClientRequest::SubscribeRequest(request) => {
                answer!(subscribe(request.params) => ServerResult::empty)
            }
            ClientRequest::UnsubscribeRequest(request) => {
                answer!(unsubscribe(request.params) => ServerResult::empty)
            }
            ClientRequest::GetTaskRequest(request) => {
                answer!(get_task(request.params) => ServerResult::GetTaskResult)
            }
            // rmcp makes the acknowledgement itself, from nothing: there is no `_meta` to add to.
            ClientRequest::UpdateTaskRequest(request) => {
                answer!(update_task(request.params) => ServerResult::empty)
            }
            ClientRequest::CancelTaskRequest(request) => {
                answer!(cancel_task(request.params) => ServerResult::empty)
            }
            ClientRequest::ListSkillsRequest(request) => {
                answer!(list_skills(request.params) => ServerResult::ListSkillsResult)
            }
            ClientRequest::GetSkillRequest(request) => {
                answer!(get_skill(request.params) => ServerResult::GetSkillResult)
            }
            ClientRequest::InitializeRequest(request) => {
                answer!(initialize(request.params) => ServerResult::InitializeResult)
            }
            ClientRequest::DiscoverRequest(_) => {
                answer!(discover() => ServerResult::DiscoverResult)
            }
            ClientRequest::PingRequest(_) => answer!(ping() => ServerResult::empty),
            ClientRequest::CustomRequest(request) => {
                answer!(on_custom_request(request) => ServerResult::CustomResult)
            }
            // A request of a kind that is newer than this list, or a `subscriptions/listen` that
            // rmcp did not turn into an established subscription: rmcp's own dispatch knows what
            // to do.
            other => Box::pin(async move {
                let result = rmcp::Service::handle_request(&self.0, other, context).await;
                result.map_err(|error| modern_code(error, modern))
            }),
        }
    }
}

/// A resource that does not exist has a code of its own only up to 2025-11-25.
pub(super) fn modern_code(mut error: ErrorData, modern: bool) -> ErrorData {
    if modern && error.code == ErrorCode::RESOURCE_NOT_FOUND {
        error.code = ErrorCode::INVALID_PARAMS;
    }
    error
}

pub(super) fn is_modern(context: &RequestContext<RoleServer>) -> bool {
    let own = member(&context.meta.0.0, meta_key::PROTOCOL_VERSION);
    match own.and_then(Value::as_str) {
        Some(own) => own >= MODERN,
        None => {
            let info = context.peer.peer_info();
            info.is_some_and(|info| info.protocol_version.as_str() >= MODERN)
        }
    }
}
