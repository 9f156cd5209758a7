//! A layered handler that is a handler again.
#![expect(
    deprecated,
    reason = "legacy methods are forwarded for as long as rmcp has them"
)]

use std::{borrow::Cow, convert::Infallible, fmt, sync::Arc};

use mcp_layers_core::{McpRequest, hidden_tool};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CancelTaskParams, CancelledNotificationParam,
        ClientRequest, CompleteRequestParams, CompleteResult, CustomNotification, CustomRequest,
        CustomResult, DiscoverResult, GetPromptRequestParams, GetPromptResponse,
        GetSkillRequestParams, GetSkillResult, GetTaskParams, GetTaskResult,
        InitializeRequestParams, InitializeResult, ListPromptsResult, ListResourceTemplatesResult,
        ListResourcesResult, ListSkillsResult, ListToolsResult, PaginatedRequestParams,
        ProgressNotificationParam, ProtocolVersion, ReadResourceDirectoryRequestParams,
        ReadResourceRequestParams, ReadResourceResponse, Request, RequestOptionalParam,
        ServerConfig, ServerResult, SetLevelRequestParams, SubscribeRequestParams,
        SubscriptionFilter, Tool, UnsubscribeRequestParams, UpdateTaskParams,
    },
    service::{NotificationContext, RequestContext, SubscriptionContext},
};
use tower_service::Service;

use super::{
    direct::Direct,
    request::{Call, RmcpRequest},
    spares::Spares,
    stack::{Answer, answer},
};
use crate::RmcpResponse;

/// A handler with a stack of layers around it: again a [`ServerHandler`], so that it goes wherever
/// the bare one goes: `.serve(transport)`, `StreamableHttpService`.
///
/// Made by [`Stack::handler`](crate::Stack::handler) or [`Layered::layered`](crate::Layered). A
/// clone shares the handler and the layers' state.
///
/// rmcp makes its own checks (protocol version, required `_meta`, capabilities) before the stack,
/// and gives results the shape of the caller's protocol version after it. There it also refuses
/// answers that the caller cannot read, such as a task handle for a client that did not declare
/// tasks: layers saw the handle, the client gets the error. Notifications of the client, and the
/// methods that only say what the server is, go straight to the handler.
pub struct LayeredHandler<S, H> {
    stack: Arc<Spares<S>>,
    handler: Arc<Direct<H>>,
}

impl<S, H> LayeredHandler<S, H> {
    pub(super) fn new(stack: Arc<Spares<S>>, handler: H) -> Self {
        Self {
            stack,
            handler: Arc::new(Direct(handler)),
        }
    }

    /// The handler inside.
    #[must_use]
    pub fn inner(&self) -> &H {
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
    S: Service<RmcpRequest, Response = RmcpResponse, Error = Infallible> + Clone,
    H: ServerHandler,
{
    fn request(
        &self,
        request: impl Into<ClientRequest>,
        context: RequestContext<RoleServer>,
    ) -> Answer<'_, S, S::Future> {
        let call = Call::Request {
            request: request.into(),
            context,
        };
        answer(&self.stack, self.received(call))
    }

    fn received(&self, call: Call) -> RmcpRequest {
        RmcpRequest::new(call, self.handler.clone())
    }
}

/// Takes the expected results out of rmcp's enum.
macro_rules! expect {
    ($result:expr, $($variant:ident => $make:expr),+ $(,)?) => {
        match $result? {
            $(ServerResult::$variant(result) => Ok($make(result)),)+
            _ => Err(ErrorData::internal_error("A layer answered with a result of the wrong type", None)),
        }
    };
}

fn same<T>(result: T) -> T {
    result
}

fn page<M: Default>(
    params: Option<PaginatedRequestParams>,
) -> RequestOptionalParam<M, PaginatedRequestParams> {
    RequestOptionalParam {
        method: M::default(),
        params,
        extensions: Default::default(),
    }
}

impl<S, H> ServerHandler for LayeredHandler<S, H>
where
    S: Service<RmcpRequest, Response = RmcpResponse, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
    H: ServerHandler,
{
    async fn call_tool(
        &self,
        params: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        expect!(
            self.request(Request::new(params), context).await,
            CallToolResult => CallToolResponse::Complete,
            CreateTaskResult => CallToolResponse::Task,
            InputRequiredResult => CallToolResponse::InputRequired,
        )
    }

    async fn list_tools(
        &self,
        params: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let request = ClientRequest::ListToolsRequest(page(params));
        expect!(self.request(request, context).await, ListToolsResult => same)
    }

    async fn read_resource(
        &self,
        params: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        expect!(
            self.request(Request::new(params), context).await,
            ReadResourceResult => ReadResourceResponse::Complete,
            InputRequiredResult => ReadResourceResponse::InputRequired,
        )
    }

    async fn list_resources(
        &self,
        params: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let request = ClientRequest::ListResourcesRequest(page(params));
        expect!(self.request(request, context).await, ListResourcesResult => same)
    }

    async fn list_resource_templates(
        &self,
        params: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let request = ClientRequest::ListResourceTemplatesRequest(page(params));
        expect!(self.request(request, context).await, ListResourceTemplatesResult => same)
    }

    async fn read_resource_directory(
        &self,
        params: ReadResourceDirectoryRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        expect!(self.request(Request::new(params), context).await, ListResourcesResult => same)
    }

    async fn get_prompt(
        &self,
        params: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        expect!(
            self.request(Request::new(params), context).await,
            GetPromptResult => GetPromptResponse::Complete,
            InputRequiredResult => GetPromptResponse::InputRequired,
        )
    }

    async fn list_prompts(
        &self,
        params: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let request = ClientRequest::ListPromptsRequest(page(params));
        expect!(self.request(request, context).await, ListPromptsResult => same)
    }

    async fn complete(
        &self,
        params: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        expect!(self.request(Request::new(params), context).await, CompleteResult => same)
    }

    async fn get_task(
        &self,
        params: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        expect!(self.request(Request::new(params), context).await, GetTaskResult => same)
    }

    async fn update_task(
        &self,
        params: UpdateTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.request(Request::new(params), context).await.map(drop)
    }

    async fn cancel_task(
        &self,
        params: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.request(Request::new(params), context).await.map(drop)
    }

    async fn list_skills(
        &self,
        params: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListSkillsResult, ErrorData> {
        let request = ClientRequest::ListSkillsRequest(page(params));
        expect!(self.request(request, context).await, ListSkillsResult => same)
    }

    async fn get_skill(
        &self,
        params: GetSkillRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetSkillResult, ErrorData> {
        expect!(self.request(Request::new(params), context).await, GetSkillResult => same)
    }

    async fn set_level(
        &self,
        params: SetLevelRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.request(Request::new(params), context).await.map(drop)
    }

    async fn subscribe(
        &self,
        params: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.request(Request::new(params), context).await.map(drop)
    }

    async fn unsubscribe(
        &self,
        params: UnsubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.request(Request::new(params), context).await.map(drop)
    }

    async fn ping(&self, context: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        self.request(ClientRequest::PingRequest(Default::default()), context)
            .await
            .map(drop)
    }

    async fn initialize(
        &self,
        params: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        expect!(self.request(Request::new(params), context).await, InitializeResult => same)
    }

    async fn discover(
        &self,
        context: RequestContext<RoleServer>,
    ) -> Result<DiscoverResult, ErrorData> {
        let request = ClientRequest::DiscoverRequest(Request::new(Default::default()));
        expect!(self.request(request, context).await, DiscoverResult => same)
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let request = self.received(Call::Request {
            request: ClientRequest::CustomRequest(request),
            context,
        });
        let modern = request.is_modern();
        match answer(&self.stack, request).await? {
            ServerResult::CustomResult(result) => Ok(result),
            // A layer's own answer: rmcp sends what is custom as it is.
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

    // What follows does not pass the stack.

    fn get_info(&self) -> ServerConfig {
        ServerHandler::get_info(self.inner())
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        // rmcp's HTTP transport asks before any layer sees the request.
        if hidden_tool::is_hidden(name) {
            return None;
        }
        self.inner().get_tool(name)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        ServerHandler::supported_protocol_versions(self.inner())
    }

    fn negotiate_initialize(
        &self,
        request: &InitializeRequestParams,
    ) -> Result<InitializeResult, ErrorData> {
        self.inner().negotiate_initialize(request)
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        self.inner().accepted_subscription_filter(requested)
    }

    async fn on_cancelled(
        &self,
        notification: CancelledNotificationParam,
        context: NotificationContext<RoleServer>,
    ) {
        self.inner().on_cancelled(notification, context).await;
    }

    async fn on_progress(
        &self,
        notification: ProgressNotificationParam,
        context: NotificationContext<RoleServer>,
    ) {
        self.inner().on_progress(notification, context).await;
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        self.inner().on_initialized(context).await;
    }

    async fn on_roots_list_changed(&self, context: NotificationContext<RoleServer>) {
        self.inner().on_roots_list_changed(context).await;
    }

    async fn on_custom_notification(
        &self,
        notification: CustomNotification,
        context: NotificationContext<RoleServer>,
    ) {
        self.inner()
            .on_custom_notification(notification, context)
            .await;
    }
}

impl<S, H> fmt::Debug for LayeredHandler<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayeredHandler").finish_non_exhaustive()
    }
}
