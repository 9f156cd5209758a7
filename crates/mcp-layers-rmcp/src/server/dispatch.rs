//! Calls the method of a `ServerHandler` that answers a request.
//!
//! rmcp checks a request before a `LayeredHandler` and shapes the result after it, so that neither
//! is repeated here.

use std::sync::Arc;

use rmcp::{
    ErrorData, RoleServer, ServerHandler, Service as _,
    model::{ClientRequest, ErrorCode, ServerResult, Tool},
    service::RequestContext,
};

use super::received::{Call, Handle, HandleFuture, Received};

/// A handler that requests carry with them.
pub(super) struct Dispatch<H>(pub(super) H);

impl<H: ServerHandler> Handle for Dispatch<H> {
    fn handle(self: Arc<Self>, received: Box<Received>) -> HandleFuture {
        Box::pin(async move {
            let modern = received.is_modern();
            let result = match received.call {
                Call::Request { request, context } => dispatch(&self.0, request, context).await,
                Call::Listen { subscription } => {
                    let ended = self.0.listen(subscription).await;
                    ended.map(ServerResult::empty)
                }
            };
            // Layers see the code that the client gets.
            result.map_err(|error| modern_code(error, modern))
        })
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.0.get_tool(name)
    }
}

#[expect(
    deprecated,
    reason = "legacy methods are forwarded for as long as rmcp has them"
)]
async fn dispatch<H: ServerHandler>(
    handler: &H,
    request: ClientRequest,
    context: RequestContext<RoleServer>,
) -> Result<ServerResult, ErrorData> {
    use ServerResult as Answer;
    match request {
        ClientRequest::CallToolRequest(request) => {
            let answer = handler.call_tool(request.params, context).await;
            answer.map(Answer::from)
        }
        ClientRequest::ListToolsRequest(request) => {
            let answer = handler.list_tools(request.params, context).await;
            answer.map(Answer::ListToolsResult)
        }
        ClientRequest::ReadResourceRequest(request) => {
            let answer = handler.read_resource(request.params, context).await;
            answer.map(Answer::from)
        }
        ClientRequest::ListResourcesRequest(request) => {
            let answer = handler.list_resources(request.params, context).await;
            answer.map(Answer::ListResourcesResult)
        }
        ClientRequest::ListResourceTemplatesRequest(request) => {
            let answer = handler.list_resource_templates(request.params, context);
            answer.await.map(Answer::ListResourceTemplatesResult)
        }
        ClientRequest::GetPromptRequest(request) => {
            let answer = handler.get_prompt(request.params, context).await;
            answer.map(Answer::from)
        }
        ClientRequest::ListPromptsRequest(request) => {
            let answer = handler.list_prompts(request.params, context).await;
            answer.map(Answer::ListPromptsResult)
        }
        ClientRequest::CompleteRequest(request) => {
            let answer = handler.complete(request.params, context).await;
            answer.map(Answer::CompleteResult)
        }
        ClientRequest::SetLevelRequest(request) => {
            let answer = handler.set_level(request.params, context).await;
            answer.map(Answer::empty)
        }
        ClientRequest::SubscribeRequest(request) => {
            let answer = handler.subscribe(request.params, context).await;
            answer.map(Answer::empty)
        }
        ClientRequest::UnsubscribeRequest(request) => {
            let answer = handler.unsubscribe(request.params, context).await;
            answer.map(Answer::empty)
        }
        ClientRequest::GetTaskRequest(request) => {
            let answer = handler.get_task(request.params, context).await;
            answer.map(Answer::GetTaskResult)
        }
        // rmcp makes the acknowledgement from nothing: there is no `_meta` to add to.
        ClientRequest::UpdateTaskRequest(request) => {
            let answer = handler.update_task(request.params, context).await;
            answer.map(Answer::empty)
        }
        ClientRequest::CancelTaskRequest(request) => {
            let answer = handler.cancel_task(request.params, context).await;
            answer.map(Answer::empty)
        }
        #[cfg(feature = "rmcp-3-9")]
        ClientRequest::ListSkillsRequest(request) => {
            let answer = handler.list_skills(request.params, context).await;
            answer.map(Answer::ListSkillsResult)
        }
        #[cfg(feature = "rmcp-3-9")]
        ClientRequest::GetSkillRequest(request) => {
            let answer = handler.get_skill(request.params, context).await;
            answer.map(Answer::GetSkillResult)
        }
        #[cfg(feature = "rmcp-3-9")]
        ClientRequest::ReadResourceDirectoryRequest(request) => {
            let answer = handler.read_resource_directory(request.params, context);
            answer.await.map(Answer::ListResourcesResult)
        }
        ClientRequest::InitializeRequest(request) => {
            let answer = handler.initialize(request.params, context).await;
            answer.map(Answer::InitializeResult)
        }
        ClientRequest::DiscoverRequest(_) => {
            let answer = handler.discover(context).await;
            answer.map(Answer::DiscoverResult)
        }
        ClientRequest::PingRequest(_) => handler.ping(context).await.map(Answer::empty),
        ClientRequest::CustomRequest(request) => {
            let answer = handler.on_custom_request(request, context).await;
            answer.map(Answer::CustomResult)
        }
        // A kind that is newer than this list, or a `subscriptions/listen` that rmcp did not turn
        // into an established subscription: left to rmcp's own dispatch.
        request => handler.handle_request(request, context).await,
    }
}

/// The error code for a client of this protocol version: a missing resource has a code of its own
/// only up to 2025-11-25.
pub(super) fn modern_code(mut error: ErrorData, modern: bool) -> ErrorData {
    if modern && error.code == ErrorCode::RESOURCE_NOT_FOUND {
        error.code = ErrorCode::INVALID_PARAMS;
    }
    error
}
