use std::fmt;

use mcp_layers_core::{McpNotification, Method};
use tower_mcp::{ServerNotification, protocol};

/// A tower-mcp notification, in either direction.
///
/// No transport of tower-mcp sends notifications through a stack. Those of a server go through a
/// channel ([`notification_channel`](tower_mcp::notification_channel)), so that a service can read
/// them between two such channels. Those of a client reach
/// [`McpRouter::handle_notification`](tower_mcp::McpRouter::handle_notification).
#[derive(Clone)]
#[non_exhaustive]
pub enum TowerMcpNotification {
    /// From the server to the client.
    Server(ServerNotification),
    /// From the client to the server.
    Client(protocol::McpNotification),
}

impl From<ServerNotification> for TowerMcpNotification {
    fn from(notification: ServerNotification) -> Self {
        Self::Server(notification)
    }
}

impl From<protocol::McpNotification> for TowerMcpNotification {
    fn from(notification: protocol::McpNotification) -> Self {
        Self::Client(notification)
    }
}

impl McpNotification for TowerMcpNotification {
    fn method(&self) -> Method<'_> {
        match self {
            Self::Server(notification) => server_method(notification),
            Self::Client(notification) => client_method(notification),
        }
    }

    fn resource_uri(&self) -> Option<&str> {
        match self {
            Self::Server(ServerNotification::ResourceUpdated { uri }) => Some(uri),
            _ => None,
        }
    }

    fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        None
    }
}

/// Without the params, which may hold secrets.
impl fmt::Debug for TowerMcpNotification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TowerMcpNotification")
            .field("method", &self.method().as_str())
            .finish_non_exhaustive()
    }
}

/// A notification that this version of tower-mcp does not have has no known name.
fn server_method(notification: &ServerNotification) -> Method<'_> {
    match notification {
        ServerNotification::Progress(_) => Method::Progress,
        ServerNotification::LogMessage(_) => Method::Message,
        ServerNotification::ResourceUpdated { .. } => Method::ResourceUpdated,
        ServerNotification::ResourcesListChanged => Method::ResourcesListChanged,
        ServerNotification::ToolsListChanged => Method::ToolsListChanged,
        ServerNotification::PromptsListChanged => Method::PromptsListChanged,
        ServerNotification::TaskStatusChanged(_)
        | ServerNotification::FinalTaskStatusChanged(_) => {
            Method::new(protocol::notifications::TASK_STATUS_CHANGED)
        }
        _ => Method::Other("notifications/unknown"),
    }
}

fn client_method(notification: &protocol::McpNotification) -> Method<'_> {
    match notification {
        protocol::McpNotification::Initialized => Method::Initialized,
        protocol::McpNotification::Cancelled(_) => Method::Cancelled,
        protocol::McpNotification::Progress(_) => Method::Progress,
        protocol::McpNotification::RootsListChanged => Method::RootsListChanged,
        protocol::McpNotification::Unknown { method, .. } => Method::new(method),
        _ => Method::Other("notifications/unknown"),
    }
}

#[cfg(test)]
#[path = "../tests/unit/notification.rs"]
mod tests;
