//! A layered `rmcp::Service`, whose stack sees every request before rmcp's own checks.

use std::{borrow::Cow, sync::Arc};

use mcp_layers_core::{BoxError, McpRequest};
use rmcp::{
    ErrorData, RoleServer,
    model::{
        ClientNotification, ClientRequest, InitializeResult, ProtocolVersion, ServerResult, Tool,
    },
    service::{NotificationContext, RequestContext},
};
use tower_service::Service;

use super::{
    answer::{Whole, answer},
    dispatch::modern_code,
    received::{Call, Handle, HandleFuture, Received},
    request::RmcpRequest,
};
use crate::RmcpResponse;

/// An `rmcp::Service` wrapped in a stack of layers, for `.serve(transport)`.
///
/// Made by [`Stack::service`](crate::Stack::service). The stack sees every request before rmcp
/// checks it: one with a wrong protocol version too, and `subscriptions/listen` before it is
/// acknowledged. `StreamableHttpService` does not take it; use
/// [`LayeredHandler`](crate::LayeredHandler) there.
pub struct LayeredService<S, T> {
    stack: Arc<Whole<S>>,
    service: Arc<Serve<T>>,
}

impl<S, T> LayeredService<S, T> {
    pub(super) fn new(stack: Arc<Whole<S>>, service: T) -> Self {
        Self {
            stack,
            service: Arc::new(Serve(service)),
        }
    }

    /// The service inside. Clones share it.
    #[must_use]
    pub fn get_ref(&self) -> &T {
        &self.service.0
    }
}

impl<S, T> Clone for LayeredService<S, T> {
    fn clone(&self) -> Self {
        Self {
            stack: Arc::clone(&self.stack),
            service: Arc::clone(&self.service),
        }
    }
}

struct Serve<T>(T);

impl<T: rmcp::Service<RoleServer>> Handle for Serve<T> {
    fn handle(self: Arc<Self>, received: Box<Received>) -> HandleFuture {
        Box::pin(async move {
            match received.call {
                Call::Request { request, context } => self.0.handle_request(request, context).await,
                Call::Listen { .. } => {
                    unreachable!("rmcp gives established subscriptions to a `ServerHandler` alone")
                }
            }
        })
    }

    fn get_tool(&self, _: &str) -> Option<Tool> {
        None
    }
}

impl<S, T> rmcp::Service<RoleServer> for LayeredService<S, T>
where
    S: Service<RmcpRequest, Response = RmcpResponse> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError> + Send,
    S::Future: Send,
    T: rmcp::Service<RoleServer>,
{
    async fn handle_request(
        &self,
        request: ClientRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        let request = RmcpRequest::new(Call::Request { request, context }, self.service.clone());
        let modern = request.is_modern();
        // rmcp does this for the handler's answers; those that layers make or change need it too.
        match answer(&self.stack, request).await {
            Ok(mut result) => {
                if modern {
                    #[cfg(feature = "rmcp-3-9")]
                    result.fill_missing_cache_hints();
                } else {
                    result.strip_result_type_for_legacy_peer();
                }
                Ok(result)
            }
            Err(error) => Err(modern_code(error, modern)),
        }
    }

    async fn handle_notification(
        &self,
        notification: ClientNotification,
        context: NotificationContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.get_ref()
            .handle_notification(notification, context)
            .await
    }

    fn get_info(&self) -> InitializeResult {
        self.get_ref().get_info()
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        self.get_ref().supported_protocol_versions()
    }
}

mcp_layers_core::opaque_debug!(LayeredService<S, T>);
