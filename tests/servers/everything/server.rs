//! The handler: which capability exists, and which module answers it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mcp_layers::{Catalog, authorize::SignedIds, cache::CacheHandle, rmcp::RmcpNotification};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    handler::server::router::tool::ToolRouter,
    model::*,
    service::{RequestContext, SubscriptionContext},
    tool_handler,
};

use crate::{prompts, resources, shared::subscriptions::Subscriptions, signed};

/// Clones share their state, so one value serves every session and every stateless request.
#[derive(Clone)]
pub(crate) struct Everything {
    tools: Arc<ToolRouter<Self>>,
    runs: Arc<Runs>,
    subscriptions: Subscriptions,
    /// The cache in front, if there is one: behind HTTP only the server notifies it of changes.
    cache: Option<CacheHandle>,
    /// The ids that other replicas accept, if there is a key for them.
    signed_ids: Option<SignedIds>,
}

/// The number of runs of each tool and resource in this process.
#[derive(Default)]
pub(crate) struct Runs(Mutex<HashMap<String, u64>>);

impl Runs {
    /// Counts one more run, and returns how many that makes.
    pub(crate) fn of(&self, what: &str) -> u64 {
        let mut counts = self.lock();
        let count = counts.entry(what.to_owned()).or_default();
        *count += 1;
        *count
    }

    pub(crate) fn reset(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Everything {
    pub(crate) fn new(cache: Option<CacheHandle>, signed_ids: Option<SignedIds>) -> Self {
        let mut tools = Self::tools();
        if signed_ids.is_some() {
            tools += Self::signed_tools();
        }
        Self {
            cache,
            tools: Arc::new(tools),
            runs: Arc::default(),
            subscriptions: Subscriptions::default(),
            signed_ids,
        }
    }

    /// Declares the names that the server offers, so that layers tell them from invented ones.
    pub(crate) fn catalog(&self) -> Catalog {
        let tools = self.tools.list_all().into_iter();
        let resources = resources::listed().into_iter();
        let templates = resources::templates().into_iter();
        Catalog::new()
            .with_tools(tools.map(|tool| tool.name.into_owned()))
            .with_prompts(prompts::listed().into_iter().map(|prompt| prompt.name))
            .with_resources(resources.map(|resource| resource.uri.clone()))
            .with_resource_templates(templates.map(|template| template.uri_template.clone()))
    }

    /// The ids that other replicas accept.
    ///
    /// # Errors
    /// There is no key for them.
    pub(crate) fn signed_ids(&self) -> Result<&SignedIds, ErrorData> {
        let missing = || ErrorData::internal_error("There is no --signing-key", None);
        self.signed_ids.as_ref().ok_or_else(missing)
    }

    pub(crate) fn runs(&self) -> &Runs {
        &self.runs
    }

    /// Tells the caller, if its protocol version has no subscriptions, and every stream of
    /// `subscriptions/listen`.
    pub(crate) async fn announce_changes(&self, context: &RequestContext<RoleServer>) {
        let updated = ResourceUpdatedNotificationParam::new(resources::PUBLIC);
        let changes = [
            ServerNotification::ResourceUpdatedNotification(Notification::new(updated)),
            ServerNotification::ToolListChangedNotification(Default::default()),
        ];
        let version = context.protocol_version();
        let legacy = version.is_none_or(|version| version < ProtocolVersion::V_2026_07_28);
        for change in changes {
            if let Some(cache) = &self.cache {
                cache.observe(&RmcpNotification::new(&change));
            }
            self.subscriptions.tell(&change).await;
            if legacy {
                // A peer that is gone needs no word.
                let _ = context.peer.send_notification(change).await;
            }
        }
    }
}

#[tool_handler(router = self.tools)]
impl ServerHandler for Everything {
    fn get_info(&self) -> ServerConfig {
        let mut capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_prompts()
            .enable_completions();
        if self.signed_ids.is_some() {
            capabilities = capabilities.enable_tasks();
        }
        ServerConfig::new(capabilities.build())
            .with_server_info(Implementation::new("mcp-layers-everything", "0.0.0"))
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(resources::listed()))
    }

    async fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let templates = resources::templates();
        Ok(ListResourceTemplatesResult::with_all_items(templates))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        resources::read(&request.uri, &self.runs).map(Into::into)
    }

    /// Every caller of `touch` is told anyway, so that there is nothing to remember.
    async fn subscribe(
        &self,
        _request: SubscribeRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(
        &self,
        _request: UnsubscribeRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        self.subscriptions.hold(&context).await;
        Ok(())
    }

    async fn list_prompts(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(prompts::listed()))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        prompts::get(&request).map(Into::into)
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        signed::task(self, request.task_id, &context)
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        prompts::complete(&request)
    }
}
