//! The notifications that a server sends.

use std::{borrow::Cow, fmt};

use mcp_layers_core::{McpNotification, Method};
use rmcp::{
    RoleServer,
    model::{GetExtensions, JsonRpcMessage, ServerNotification},
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::{IntoTransport, Transport},
};

/// A notification that the server sends, as layers read it.
#[derive(Clone, Copy)]
pub struct RmcpNotification<'a>(&'a ServerNotification);

impl<'a> RmcpNotification<'a> {
    /// A view of a notification.
    #[must_use]
    pub fn new(notification: &'a ServerNotification) -> Self {
        Self(notification)
    }

    /// rmcp's own type.
    #[must_use]
    pub fn notification(&self) -> &'a ServerNotification {
        self.0
    }
}

impl McpNotification for RmcpNotification<'_> {
    fn method(&self) -> Method<'_> {
        match self.0 {
            ServerNotification::CancelledNotification(_) => Method::Cancelled,
            ServerNotification::ProgressNotification(_) => Method::Progress,
            ServerNotification::LoggingMessageNotification(_) => Method::Message,
            ServerNotification::ResourceUpdatedNotification(_) => Method::ResourceUpdated,
            ServerNotification::ResourceListChangedNotification(_) => Method::ResourcesListChanged,
            ServerNotification::ToolListChangedNotification(_) => Method::ToolsListChanged,
            ServerNotification::PromptListChangedNotification(_) => Method::PromptsListChanged,
            ServerNotification::SubscriptionsAcknowledgedNotification(_) => {
                Method::SubscriptionsAcknowledged
            }
            ServerNotification::TaskStatusNotification(_) => Method::TaskUpdated,
            ServerNotification::CustomNotification(custom) => Method::new(&custom.method),
            // Only a kind that is newer than this list.
            _ => Method::Other("notifications/unknown"),
        }
    }

    fn resource_uri(&self) -> Option<&str> {
        match self.0 {
            ServerNotification::ResourceUpdatedNotification(updated) => Some(&updated.params.uri),
            _ => None,
        }
    }

    fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.0.extensions().get()
    }
}

/// Without the params, which may hold secrets.
impl fmt::Debug for RmcpNotification<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RmcpNotification")
            .field("method", &self.method().as_str())
            .finish_non_exhaustive()
    }
}

/// Calls `observer` with every notification that the server sends over `transport`, before it is
/// sent.
///
/// A server that announces changed tools, prompts or resources can so clear the catalog and drop
/// cached lists. It works where the server owns the transport (`.serve(..)`).
/// `StreamableHttpService` makes its transports itself; handlers behind it call the handle of the
/// layer, and [`Catalog::clear`](mcp_layers_core::Catalog::clear).
///
/// ```
/// # use mcp_layers_core::{Catalog, McpNotification, Method};
/// # fn example() {
/// let catalog = Catalog::new();
/// let cleared = catalog.clone();
/// let (client, server) = tokio::io::duplex(4096);
/// let transport = mcp_layers_rmcp::observe_notifications(server, move |notification| {
///     if notification.method() == Method::ToolsListChanged {
///         cleared.clear();
///     }
/// });
/// # let _ = (client, transport, catalog); }
/// ```
pub fn observe_notifications<T, E, A, F>(
    transport: T,
    observer: F,
) -> ObserveNotifications<impl Transport<RoleServer, Error = E> + 'static, F>
where
    T: IntoTransport<RoleServer, E, A>,
    E: std::error::Error + Send + Sync + 'static,
    F: FnMut(RmcpNotification<'_>) + Send,
{
    ObserveNotifications {
        inner: transport.into_transport(),
        observer,
    }
}

/// The transport of [`observe_notifications`].
#[derive(Debug)]
pub struct ObserveNotifications<T, F> {
    inner: T,
    observer: F,
}

impl<T, F> ObserveNotifications<T, F> {
    /// The transport inside.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// The transport inside.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// Returns the transport inside.
    pub fn into_inner(self) -> T {
        self.inner
    }
}

impl<T, F> Transport<RoleServer> for ObserveNotifications<T, F>
where
    T: Transport<RoleServer>,
    F: FnMut(RmcpNotification<'_>) + Send,
{
    type Error = T::Error;

    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), T::Error>> + Send + 'static {
        if let JsonRpcMessage::Notification(message) = &message {
            (self.observer)(RmcpNotification(&message.notification));
        }
        self.inner.send(message)
    }

    fn receive(&mut self) -> impl Future<Output = Option<RxJsonRpcMessage<RoleServer>>> + Send {
        self.inner.receive()
    }

    fn close(&mut self) -> impl Future<Output = Result<(), T::Error>> + Send {
        self.inner.close()
    }
}
