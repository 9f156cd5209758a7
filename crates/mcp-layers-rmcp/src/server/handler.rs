//! A layered handler that is a handler again.
#![expect(
    deprecated,
    reason = "legacy methods are forwarded for as long as rmcp has them"
)]

use std::{borrow::Cow, sync::Arc};

use mcp_layers_core::{BoxError, McpRequest, hidden_tool};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CancelTaskParams, CancelledNotificationParam,
        ClientRequest, CompleteRequestParams, CompleteResult, ConstString, CustomNotification,
        CustomRequest, CustomResult, DiscoverResult, GetPromptRequestParams, GetPromptResponse,
        GetTaskParams, GetTaskResult, InitializeRequestParams, InitializeResult, ListPromptsResult,
        ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
        ProgressNotificationParam, ProtocolVersion, ReadResourceRequestParams,
        ReadResourceResponse, Request, RequestOptionalParam, ServerResult, SetLevelRequestParams,
        SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
        UpdateTaskParams,
    },
    service::{NotificationContext, RequestContext, SubscriptionContext},
};
use tower_service::Service;

use super::{
    answer::{Whole, answer},
    dispatch::Dispatch,
    received::Call,
    request::RmcpRequest,
};
use crate::RmcpResponse;

/// A handler wrapped in a stack of layers. It is a [`ServerHandler`] again, for `.serve(transport)`
/// and `StreamableHttpService`.
///
/// Made by [`Stack::handler`](crate::Stack::handler) or [`Layered::layered`](crate::Layered). A
/// clone shares the handler and the layers' state.
///
/// rmcp makes its own checks (protocol version, required `_meta`, capabilities) before the stack,
/// and gives results the shape of the caller's protocol version after it. There it also refuses
/// answers that the caller cannot read, such as a task handle for a client that did not declare
/// tasks: layers saw the handle, the client gets the error. Notifications of the client, and
/// methods that describe the server, go straight to the handler.
pub struct LayeredHandler<S, H> {
    stack: Arc<Whole<S>>,
    handler: Arc<Dispatch<H>>,
}

impl<S, H> LayeredHandler<S, H> {
    pub(super) fn new(stack: Arc<Whole<S>>, handler: H) -> Self {
        Self {
            stack,
            handler: Arc::new(Dispatch(handler)),
        }
    }

    /// The handler inside. Clones share it.
    #[must_use]
    pub fn get_ref(&self) -> &H {
        &self.handler.0
    }
}

impl<S, H> Clone for LayeredHandler<S, H> {
    fn clone(&self) -> Self {
        Self {
            stack: Arc::clone(&self.stack),
            handler: Arc::clone(&self.handler),
        }
    }
}

impl<S, H> LayeredHandler<S, H>
where
    S: Service<RmcpRequest, Response = RmcpResponse> + Clone,
    S::Error: Into<BoxError>,
    H: ServerHandler,
{
    /// Answers a request. It is boxed here, before there is a future that it would have to be moved into.
    fn answer(
        &self,
        request: ClientRequest,
        context: RequestContext<RoleServer>,
    ) -> impl Future<Output = Result<ServerResult, ErrorData>> {
        let request = self.received(Call::Request { request, context });
        answer(&self.stack, request)
    }

    fn received(&self, call: Call) -> RmcpRequest {
        RmcpRequest::new(call, self.handler.clone())
    }
}

fn wrong_type() -> ErrorData {
    ErrorData::internal_error("A layer answered with a result of the wrong type", None)
}

/// Defines methods of `ServerHandler` whose requests pass the stack: params, request, result, and
/// the variants of rmcp's enum that are such a result.
macro_rules! through_stack {
    ($(
        $(#[$attribute:meta])*
        fn $method:ident($params:ty) as $make:ident($kind:ident) -> $result:ty {
            $($variant:ident => $wrap:path),+ $(,)?
        }
    )+) => { $(
        $(#[$attribute])*
        async fn $method(
            &self,
            params: $params,
            context: RequestContext<RoleServer>,
        ) -> Result<$result, ErrorData> {
            match self.answer(ClientRequest::$kind($make(params)), context).await? {
                $(ServerResult::$variant(result) => Ok($wrap(result)),)+
                _ => Err(wrong_type()),
            }
        }
    )+ };
}

/// The same for methods that answer without a result.
macro_rules! acknowledged {
    ($(fn $method:ident($params:ty) as $kind:ident;)+) => { $(
        async fn $method(
            &self,
            params: $params,
            context: RequestContext<RoleServer>,
        ) -> Result<(), ErrorData> {
            let request = ClientRequest::$kind(Request::new(params));
            self.answer(request, context).await.map(drop)
        }
    )+ };
}

type Page = Option<PaginatedRequestParams>;

fn with<M: ConstString, P>(params: P) -> Request<M, P> {
    Request::new(params)
}

fn page<M: ConstString>(params: Page) -> RequestOptionalParam<M, PaginatedRequestParams> {
    RequestOptionalParam {
        method: M::default(),
        params,
        extensions: Default::default(),
    }
}

fn same<T>(result: T) -> T {
    result
}

impl<S, H> ServerHandler for LayeredHandler<S, H>
where
    S: Service<RmcpRequest, Response = RmcpResponse> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError> + Send,
    S::Future: Send,
    H: ServerHandler,
{
    through_stack! {
        fn call_tool(CallToolRequestParams) as with(CallToolRequest) -> CallToolResponse {
            CallToolResult => CallToolResponse::Complete,
            CreateTaskResult => CallToolResponse::Task,
            InputRequiredResult => CallToolResponse::InputRequired,
        }
        fn list_tools(Page) as page(ListToolsRequest) -> ListToolsResult {
            ListToolsResult => same
        }
        fn read_resource(ReadResourceRequestParams) as with(ReadResourceRequest)
            -> ReadResourceResponse {
            ReadResourceResult => ReadResourceResponse::Complete,
            InputRequiredResult => ReadResourceResponse::InputRequired,
        }
        fn list_resources(Page) as page(ListResourcesRequest) -> ListResourcesResult {
            ListResourcesResult => same
        }
        fn list_resource_templates(Page) as page(ListResourceTemplatesRequest)
            -> ListResourceTemplatesResult {
            ListResourceTemplatesResult => same
        }
        fn get_prompt(GetPromptRequestParams) as with(GetPromptRequest) -> GetPromptResponse {
            GetPromptResult => GetPromptResponse::Complete,
            InputRequiredResult => GetPromptResponse::InputRequired,
        }
        fn list_prompts(Page) as page(ListPromptsRequest) -> ListPromptsResult {
            ListPromptsResult => same
        }
        fn complete(CompleteRequestParams) as with(CompleteRequest) -> CompleteResult {
            CompleteResult => same
        }
        fn get_task(GetTaskParams) as with(GetTaskRequest) -> GetTaskResult {
            GetTaskResult => same
        }
        fn initialize(InitializeRequestParams) as with(InitializeRequest) -> InitializeResult {
            InitializeResult => same
        }
        #[cfg(feature = "rmcp-3-9")]
        fn list_skills(Page) as page(ListSkillsRequest) -> rmcp::model::ListSkillsResult {
            ListSkillsResult => same
        }
        #[cfg(feature = "rmcp-3-9")]
        fn get_skill(rmcp::model::GetSkillRequestParams) as with(GetSkillRequest)
            -> rmcp::model::GetSkillResult {
            GetSkillResult => same
        }
        #[cfg(feature = "rmcp-3-9")]
        fn read_resource_directory(rmcp::model::ReadResourceDirectoryRequestParams) as with(ReadResourceDirectoryRequest)
            -> ListResourcesResult {
            ListResourcesResult => same
        }
    }

    acknowledged! {
        fn update_task(UpdateTaskParams) as UpdateTaskRequest;
        fn cancel_task(CancelTaskParams) as CancelTaskRequest;
        fn set_level(SetLevelRequestParams) as SetLevelRequest;
        fn subscribe(SubscribeRequestParams) as SubscribeRequest;
        fn unsubscribe(UnsubscribeRequestParams) as UnsubscribeRequest;
    }

    async fn ping(&self, context: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        let request = ClientRequest::PingRequest(Default::default());
        self.answer(request, context).await.map(drop)
    }

    async fn discover(
        &self,
        context: RequestContext<RoleServer>,
    ) -> Result<DiscoverResult, ErrorData> {
        let request = ClientRequest::DiscoverRequest(Request::new(Default::default()));
        match self.answer(request, context).await? {
            ServerResult::DiscoverResult(result) => Ok(result),
            _ => Err(wrong_type()),
        }
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let request = ClientRequest::CustomRequest(request);
        let request = self.received(Call::Request { request, context });
        let modern = request.is_modern();
        match answer(&self.stack, request).await? {
            ServerResult::CustomResult(result) => Ok(result),
            // The answer of a layer. rmcp sends custom results without shaping them.
            mut other => {
                if !modern {
                    other.strip_result_type_for_legacy_peer();
                }
                serde_json::to_value(other)
                    .map(CustomResult::new)
                    .map_err(|_| ErrorData::internal_error("Internal error", None))
            }
        }
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        let request = self.received(Call::Listen { subscription });
        answer(&self.stack, request).await.map(drop)
    }

    // The methods below do not pass the stack.

    fn get_info(&self) -> InitializeResult {
        ServerHandler::get_info(self.get_ref())
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        // rmcp's HTTP transport asks before any layer sees the request.
        if hidden_tool::is_hidden(name) {
            return None;
        }
        self.get_ref().get_tool(name)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        ServerHandler::supported_protocol_versions(self.get_ref())
    }

    #[cfg(feature = "rmcp-3-9")]
    fn negotiate_initialize(
        &self,
        request: &InitializeRequestParams,
    ) -> Result<InitializeResult, ErrorData> {
        self.get_ref().negotiate_initialize(request)
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        self.get_ref().accepted_subscription_filter(requested)
    }

    async fn on_cancelled(
        &self,
        notification: CancelledNotificationParam,
        context: NotificationContext<RoleServer>,
    ) {
        self.get_ref().on_cancelled(notification, context).await;
    }

    async fn on_progress(
        &self,
        notification: ProgressNotificationParam,
        context: NotificationContext<RoleServer>,
    ) {
        self.get_ref().on_progress(notification, context).await;
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        self.get_ref().on_initialized(context).await;
    }

    async fn on_roots_list_changed(&self, context: NotificationContext<RoleServer>) {
        self.get_ref().on_roots_list_changed(context).await;
    }

    async fn on_custom_notification(
        &self,
        notification: CustomNotification,
        context: NotificationContext<RoleServer>,
    ) {
        self.get_ref()
            .on_custom_notification(notification, context)
            .await;
    }
}

mcp_layers_core::opaque_debug!(LayeredHandler<S, H>);
