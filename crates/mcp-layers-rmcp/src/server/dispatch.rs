//! Calls the method of a `ServerHandler` that answers a request.
//!
//! rmcp checks a request before a `LayeredHandler` and shapes the result after it, so that neither
//! is repeated here.

use std::sync::Arc;

use rmcp::{
    ErrorData, ServerHandler, Service as _,
    model::{
        ClientRequest, ErrorCode, Request, RequestOptionalParam, ServerResult as Answer, Tool,
    },
};

use super::received::{Call, Handle, HandleFuture, Received};

/// A handler that requests carry with them.
pub(super) struct Dispatch<H>(pub(super) H);

/// Matches a call by its method. The params go from the box of the request straight into the future of
/// the handler: every copy on the way would make the future around it larger.
macro_rules! dispatch {
    ($call:expr, $handler:ident {
        $($(#[$attribute:meta])* $kind:ident($shape:ident) => $method:ident as $wrap:path;)+
    } $($others:tt)+) => {
        match $call {
            $($(#[$attribute])*
            Call::Request { request: ClientRequest::$kind($shape { params, .. }), context } => {
                $handler.$method(params, context).await.map($wrap)
            })+
            $($others)+
        }
    };
}

impl<H: ServerHandler> Handle for Dispatch<H> {
    #[expect(
        deprecated,
        reason = "legacy methods are forwarded for as long as rmcp has them"
    )]
    fn handle(self: Arc<Self>, received: Box<Received>) -> HandleFuture {
        Box::pin(async move {
            let (handler, modern) = (&self.0, received.is_modern());
            let result = dispatch! { received.call, handler {
                CallToolRequest(Request) => call_tool as Answer::from;
                ListToolsRequest(RequestOptionalParam) => list_tools as Answer::ListToolsResult;
                ReadResourceRequest(Request) => read_resource as Answer::from;
                ListResourcesRequest(RequestOptionalParam)
                    => list_resources as Answer::ListResourcesResult;
                ListResourceTemplatesRequest(RequestOptionalParam)
                    => list_resource_templates as Answer::ListResourceTemplatesResult;
                GetPromptRequest(Request) => get_prompt as Answer::from;
                ListPromptsRequest(RequestOptionalParam) => list_prompts as Answer::ListPromptsResult;
                CompleteRequest(Request) => complete as Answer::CompleteResult;
                SetLevelRequest(Request) => set_level as Answer::empty;
                SubscribeRequest(Request) => subscribe as Answer::empty;
                UnsubscribeRequest(Request) => unsubscribe as Answer::empty;
                GetTaskRequest(Request) => get_task as Answer::GetTaskResult;
                // rmcp makes the acknowledgement from nothing: there is no `_meta` to add to.
                UpdateTaskRequest(Request) => update_task as Answer::empty;
                CancelTaskRequest(Request) => cancel_task as Answer::empty;
                #[cfg(feature = "rmcp-3-9")]
                ListSkillsRequest(RequestOptionalParam) => list_skills as Answer::ListSkillsResult;
                #[cfg(feature = "rmcp-3-9")]
                GetSkillRequest(Request) => get_skill as Answer::GetSkillResult;
                #[cfg(feature = "rmcp-3-9")]
                ReadResourceDirectoryRequest(Request)
                    => read_resource_directory as Answer::ListResourcesResult;
                InitializeRequest(Request) => initialize as Answer::InitializeResult;
            }
                Call::Request { request: ClientRequest::DiscoverRequest(_), context } => {
                    handler.discover(context).await.map(Answer::DiscoverResult)
                }
                Call::Request { request: ClientRequest::PingRequest(_), context } => {
                    handler.ping(context).await.map(Answer::empty)
                }
                Call::Request { request: ClientRequest::CustomRequest(request), context } => {
                    let answer = handler.on_custom_request(request, context).await;
                    answer.map(Answer::CustomResult)
                }
                // A kind that is newer than this list, or a `subscriptions/listen` that rmcp did not
                // turn into an established subscription: left to rmcp's own dispatch, which is large.
                Call::Request { request, context } => {
                    Box::pin(handler.handle_request(request, context)).await
                }
                Call::Listen { subscription } => {
                    handler.listen(subscription).await.map(Answer::empty)
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

/// The error code for a client of this protocol version: a missing resource has a code of its own
/// only up to 2025-11-25.
pub(super) fn modern_code(mut error: ErrorData, modern: bool) -> ErrorData {
    if modern && error.code == ErrorCode::RESOURCE_NOT_FOUND {
        error.code = ErrorCode::INVALID_PARAMS;
    }
    error
}
