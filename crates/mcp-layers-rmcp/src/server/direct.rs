//! From a request to the method of a `ServerHandler` that answers it.
//!
//! Behind `LayeredHandler`, rmcp has made its checks before the stack and shapes the result after
//! it; here nothing of that is done a second time.

use std::sync::Arc;

use rmcp::{
    ErrorData, ServerHandler, Service as _,
    model::{ClientRequest, ErrorCode, ServerResult},
};

use super::{
    leaf::{Handle, HandleFuture},
    request::{Call, Received},
};

pub(super) struct Direct<H>(pub(super) H);

impl<H: ServerHandler> Handle for Direct<H> {
    /// Every method has a box of its own, which is as large as that method's future. One for all
    /// would be as large as the largest, several kilobytes to be allocated and filled each time.
    ///
    /// The request stays in its own box until the method is called.
    #[expect(
        deprecated,
        reason = "legacy methods are forwarded for as long as rmcp has them"
    )]
    fn handle(self: Arc<Self>, received: Box<Received>) -> HandleFuture {
        let modern = received.is_modern();
        // What rmcp would send: layers see the code that the client gets.
        macro_rules! answer {
            ($pattern:pat => $handler:ident.$method:ident($($argument:expr),*) => $result:path) => {
                Box::pin(async move {
                    let $pattern = received.call else {
                        return Err(mistaken());
                    };
                    let $handler = &self.0;
                    let result = $handler.$method($($argument),*).await;
                    result
                        .map($result)
                        .map_err(|error| modern_code(error, modern))
                })
            };
        }
        macro_rules! with_params {
            ($kind:ident, $method:ident => $result:path) => {
                answer!(
                    Call::Request { request: ClientRequest::$kind(request), context }
                        => handler.$method(request.params, context) => $result
                )
            };
        }
        macro_rules! without_params {
            ($method:ident => $result:path) => {
                answer!(Call::Request { context, .. } => handler.$method(context) => $result)
            };
        }
        let request = match &received.call {
            Call::Request { request, .. } => request,
            Call::Listen { .. } => {
                return answer!(
                    Call::Listen { subscription } => handler.listen(subscription) => ServerResult::empty
                );
            }
        };
        match request {
            ClientRequest::CallToolRequest(_) => {
                with_params!(CallToolRequest, call_tool => ServerResult::from)
            }
            ClientRequest::ListToolsRequest(_) => {
                with_params!(ListToolsRequest, list_tools => ServerResult::ListToolsResult)
            }
            ClientRequest::ReadResourceRequest(_) => {
                with_params!(ReadResourceRequest, read_resource => ServerResult::from)
            }
            ClientRequest::ListResourcesRequest(_) => {
                with_params!(ListResourcesRequest, list_resources => ServerResult::ListResourcesResult)
            }
            ClientRequest::ListResourceTemplatesRequest(_) => {
                with_params!(ListResourceTemplatesRequest, list_resource_templates => ServerResult::ListResourceTemplatesResult)
            }
            ClientRequest::ReadResourceDirectoryRequest(_) => {
                with_params!(ReadResourceDirectoryRequest, read_resource_directory => ServerResult::ListResourcesResult)
            }
            ClientRequest::GetPromptRequest(_) => {
                with_params!(GetPromptRequest, get_prompt => ServerResult::from)
            }
            ClientRequest::ListPromptsRequest(_) => {
                with_params!(ListPromptsRequest, list_prompts => ServerResult::ListPromptsResult)
            }
            ClientRequest::CompleteRequest(_) => {
                with_params!(CompleteRequest, complete => ServerResult::CompleteResult)
            }
            ClientRequest::SetLevelRequest(_) => {
                with_params!(SetLevelRequest, set_level => ServerResult::empty)
            }
            ClientRequest::SubscribeRequest(_) => {
                with_params!(SubscribeRequest, subscribe => ServerResult::empty)
            }
            ClientRequest::UnsubscribeRequest(_) => {
                with_params!(UnsubscribeRequest, unsubscribe => ServerResult::empty)
            }
            ClientRequest::GetTaskRequest(_) => {
                with_params!(GetTaskRequest, get_task => ServerResult::GetTaskResult)
            }
            // rmcp makes the acknowledgement itself, from nothing: there is no `_meta` to add to.
            ClientRequest::UpdateTaskRequest(_) => {
                with_params!(UpdateTaskRequest, update_task => ServerResult::empty)
            }
            ClientRequest::CancelTaskRequest(_) => {
                with_params!(CancelTaskRequest, cancel_task => ServerResult::empty)
            }
            ClientRequest::ListSkillsRequest(_) => {
                with_params!(ListSkillsRequest, list_skills => ServerResult::ListSkillsResult)
            }
            ClientRequest::GetSkillRequest(_) => {
                with_params!(GetSkillRequest, get_skill => ServerResult::GetSkillResult)
            }
            ClientRequest::InitializeRequest(_) => {
                with_params!(InitializeRequest, initialize => ServerResult::InitializeResult)
            }
            ClientRequest::DiscoverRequest(_) => {
                without_params!(discover => ServerResult::DiscoverResult)
            }
            ClientRequest::PingRequest(_) => without_params!(ping => ServerResult::empty),
            ClientRequest::CustomRequest(_) => answer!(
                Call::Request { request: ClientRequest::CustomRequest(request), context }
                    => handler.on_custom_request(request, context) => ServerResult::CustomResult
            ),
            // A request of a kind that is newer than this list, or a `subscriptions/listen` that
            // rmcp did not turn into an established subscription: rmcp's own dispatch knows what
            // to do.
            _ => answer!(
                Call::Request { request, context }
                    => handler.handle_request(request, context) => std::convert::identity
            ),
        }
    }
}

/// Each arm is for a kind of request that it has just seen.
#[cold]
fn mistaken() -> ErrorData {
    ErrorData::internal_error("Internal error", None)
}

/// A resource that does not exist has a code of its own only up to 2025-11-25.
pub(super) fn modern_code(mut error: ErrorData, modern: bool) -> ErrorData {
    if modern && error.code == ErrorCode::RESOURCE_NOT_FOUND {
        error.code = ErrorCode::INVALID_PARAMS;
    }
    error
}
