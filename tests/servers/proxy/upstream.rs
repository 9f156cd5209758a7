//! The connection to the upstream: made when it is needed, and again when it is lost.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers::{
    BoxError,
    rmcp::{ProgressTokens, RmcpResponse, Upstream, UpstreamRequest},
};
use rmcp::{
    ClientHandler, ClientLifecycleMode, ClientServiceExt, RoleClient,
    model::{ProgressNotificationParam, ProtocolVersion},
    service::{NotificationContext, RunningService},
    transport::StreamableHttpClientTransport,
};
use tokio::sync::Mutex;
use tower::{Service, ServiceExt};

/// An upstream by its URL. Clones share the connection.
#[derive(Clone)]
pub(crate) struct Reconnect(Arc<Shared>);

struct Shared {
    url: String,
    progress: ProgressTokens,
    connection: Mutex<Option<RunningService<RoleClient, Handler>>>,
}

/// Hears what the upstream says while it works.
struct Handler(ProgressTokens);

impl ClientHandler for Handler {
    async fn on_progress(
        &self,
        params: ProgressNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.0.received(&params);
    }
}

impl Reconnect {
    pub(crate) fn new(url: &str, progress: ProgressTokens) -> Self {
        Self(Arc::new(Shared {
            url: url.to_owned(),
            progress,
            connection: Mutex::new(None),
        }))
    }
}

impl Shared {
    async fn upstream(&self) -> Result<Upstream, BoxError> {
        let mut connection = self.connection.lock().await;
        let lost = |running: &RunningService<_, _>| {
            running.is_closed() || running.peer().is_transport_closed()
        };
        let running = match connection.take() {
            Some(running) if !lost(&running) => running,
            _ => {
                let transport = StreamableHttpClientTransport::from_uri(self.url.clone());
                let lifecycle = ClientLifecycleMode::Discover {
                    preferred_versions: vec![ProtocolVersion::V_2026_07_28],
                };
                let handler = Handler(self.progress.clone());
                handler.serve_with_lifecycle(transport, lifecycle).await?
            }
        };
        let upstream = Upstream::new(running.peer().clone()).watching(self.progress.clone());
        *connection = Some(running);
        Ok(upstream)
    }
}

impl Service<UpstreamRequest> for Reconnect {
    type Response = RmcpResponse;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<RmcpResponse, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: UpstreamRequest) -> Self::Future {
        let shared = Arc::clone(&self.0);
        Box::pin(async move {
            let upstream = shared.upstream().await?;
            upstream.oneshot(request).await.map_err(Into::into)
        })
    }
}
