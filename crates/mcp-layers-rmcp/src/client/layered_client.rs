//! A client whose calls pass a stack of layers.

use std::{convert::Infallible, fmt, future::poll_fn, sync::Arc};

use mcp_layers_core::{
    Catalog, CatalogLayer, McpError, McpRequest, McpResponse, catalog_layer::Cataloged,
};
use mcp_layers_util::CatchErrorLayer;
use rmcp::{
    RoleClient,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ClientRequest,
        CompleteRequestParams, CompleteResult, GetPromptRequestParams, GetPromptResponse,
        ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
        PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse, Request,
        RequestOptionalParam, ServerResult, TaskAckResult,
    },
    service::Peer,
};
use tower::util::BoxCloneSyncService;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    layers::UpstreamLayers, progress::ProgressTokens, request::UpstreamRequest, upstream::Upstream,
};
use crate::RmcpResponse;

/// A connected rmcp client whose calls pass a stack of layers. A clone shares the connection and the
/// layers' state.
///
/// The type of the layers is no part of this one, so that a client can be a field of a struct.
///
/// The methods return what the upstream or a layer answered; a failed transport is an error by the
/// rules of [`CatchErrorLayer`], without its cause: the error may be sent on to somebody else. The cause
/// is in the log ([`Upstream`]), and in the trail of [`LayeredClient::call`] as
/// [`Event::Failed`](mcp_layers_core::Event::Failed). Each is one request: [`LayeredClient::call`] is the same for
/// requests that have no method of their own here.
#[derive(Clone)]
pub struct LayeredClient {
    stack: Cataloged<BoxCloneSyncService<UpstreamRequest, RmcpResponse, Infallible>>,
    peer: Peer<RoleClient>,
    protocol_version: Option<Arc<str>>,
    watches_progress: bool,
}

impl LayeredClient {
    /// Wraps the calls of a connected client, `client.peer().clone()`, in layers.
    pub fn new(peer: Peer<RoleClient>, layers: impl UpstreamLayers) -> Self {
        Self::over(Upstream::new(peer), layers, false)
    }

    /// The same with layers that watch the upstream's progress, which the client's handler reports to
    /// `progress`.
    pub fn watching(
        peer: Peer<RoleClient>,
        progress: ProgressTokens,
        layers: impl UpstreamLayers,
    ) -> Self {
        Self::over(Upstream::new(peer).watching(progress), layers, true)
    }

    fn over(upstream: Upstream, layers: impl UpstreamLayers, watches_progress: bool) -> Self {
        let peer = upstream.peer().clone();
        let info = peer.peer_info();
        let protocol_version = info.map(|info| info.protocol_version.as_str().into());
        let stack = CatchErrorLayer::new().layer(layers.layer(upstream));
        Self {
            stack: CatalogLayer::new(Catalog::new()).layer(BoxCloneSyncService::new(stack)),
            peer,
            protocol_version,
            watches_progress,
        }
    }

    /// Sets the catalog of the names that the upstream offers. Every client has one of its own until
    /// then.
    ///
    /// It learns from the lists and the successful answers that pass. Unknown names are not looked
    /// up, because each look-up is a request to the upstream; for that, put
    /// [`CatalogLayer::look_up_at`] with a clone of the [`Upstream`] into the layers.
    #[must_use]
    pub fn catalog(mut self, catalog: Catalog) -> Self {
        self.stack = CatalogLayer::new(catalog).layer(self.stack.into_inner());
        self
    }

    /// The connection, past the layers.
    #[must_use]
    pub fn peer(&self) -> &Peer<RoleClient> {
        &self.peer
    }

    /// Sends one request through the layers; the response has the trail of what they decided.
    pub async fn call(&self, mut request: UpstreamRequest) -> RmcpResponse {
        if request.protocol_version.is_none() {
            request.protocol_version.clone_from(&self.protocol_version);
        }
        if self.watches_progress {
            request.context_mut().watch_progress();
        }
        let mut stack = self.stack.clone();
        let Ok::<(), Infallible>(()) = poll_fn(|cx| stack.poll_ready(cx)).await;
        let answer = stack.call(request);
        drop(stack);
        let Ok(response) = answer.await;
        response
    }

    async fn send(&self, request: impl Into<ClientRequest>) -> Result<ServerResult, McpError> {
        let response = self.call(UpstreamRequest::new(request)).await;
        match response.into_error() {
            Ok(error) => Err(error),
            Err(response) => response.into_result().map_err(|_| McpError::internal()),
        }
    }
}

/// Takes the expected results out of rmcp's enum.
macro_rules! expect {
    ($result:expr, $($variant:ident => $make:expr),+ $(,)?) => {
        match $result? {
            $(ServerResult::$variant(result) => Ok($make(result)),)+
            _ => Err(McpError::public(
                mcp_layers_core::code::INTERNAL_ERROR,
                "The upstream answered with a result of another type",
            )),
        }
    };
}

/// One page of a list.
macro_rules! list {
    ($(#[$doc:meta])* $name:ident, $request:ident => $result:ident) => {
        $(#[$doc])*
        ///
        /// # Errors
        /// What the upstream or a layer answered instead of a result.
        pub async fn $name(
            &self,
            params: Option<PaginatedRequestParams>,
        ) -> Result<$result, McpError> {
            let request = RequestOptionalParam {
                method: Default::default(),
                params,
                extensions: Default::default(),
            };
            expect!(self.send(ClientRequest::$request(request)).await, $result => std::convert::identity)
        }
    };
}

impl LayeredClient {
    /// Calls a tool.
    ///
    /// # Errors
    /// What the upstream or a layer answered instead of a result.
    pub async fn call_tool(
        &self,
        params: CallToolRequestParams,
    ) -> Result<CallToolResponse, McpError> {
        expect!(
            self.send(Request::new(params)).await,
            CallToolResult => CallToolResponse::Complete,
            CreateTaskResult => CallToolResponse::Task,
            InputRequiredResult => CallToolResponse::InputRequired,
            // A result without content, which rmcp reads as one of these.
            EmptyResult => |_| CallToolResult::default().into(),
            TaskAckResult => |ack: TaskAckResult| {
                let mut result = CallToolResult::default();
                result.result_type = Some(ack.result_type);
                result.meta = ack.meta;
                result.into()
            },
        )
    }

    /// Reads a resource.
    ///
    /// # Errors
    /// What the upstream or a layer answered instead of a result.
    pub async fn read_resource(
        &self,
        params: ReadResourceRequestParams,
    ) -> Result<ReadResourceResponse, McpError> {
        expect!(
            self.send(Request::new(params)).await,
            ReadResourceResult => ReadResourceResponse::Complete,
            InputRequiredResult => ReadResourceResponse::InputRequired,
        )
    }

    /// Gets a prompt.
    ///
    /// # Errors
    /// What the upstream or a layer answered instead of a result.
    pub async fn get_prompt(
        &self,
        params: GetPromptRequestParams,
    ) -> Result<GetPromptResponse, McpError> {
        expect!(
            self.send(Request::new(params)).await,
            GetPromptResult => GetPromptResponse::Complete,
            InputRequiredResult => GetPromptResponse::InputRequired,
        )
    }

    /// Completes an argument.
    ///
    /// # Errors
    /// What the upstream or a layer answered instead of a result.
    pub async fn complete(
        &self,
        params: CompleteRequestParams,
    ) -> Result<CompleteResult, McpError> {
        expect!(self.send(Request::new(params)).await, CompleteResult => std::convert::identity)
    }

    list! {
        /// Lists one page of the tools.
        list_tools, ListToolsRequest => ListToolsResult
    }

    list! {
        /// Lists one page of the resources.
        list_resources, ListResourcesRequest => ListResourcesResult
    }

    list! {
        /// Lists one page of the resource templates.
        list_resource_templates, ListResourceTemplatesRequest => ListResourceTemplatesResult
    }

    list! {
        /// Lists one page of the prompts.
        list_prompts, ListPromptsRequest => ListPromptsResult
    }
}

impl fmt::Debug for LayeredClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayeredClient")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}
