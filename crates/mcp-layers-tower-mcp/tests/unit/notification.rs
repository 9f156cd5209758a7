use super::TowerMcpNotification;
use mcp_layers_core::{McpNotification, Method};
use tower_mcp::{ServerNotification, protocol};

#[test]
fn an_update_names_its_resource() {
    let updated = ServerNotification::ResourceUpdated {
        uri: "file:///a".to_owned(),
    };
    let updated = TowerMcpNotification::from(updated);
    assert_eq!(updated.method(), Method::ResourceUpdated);
    assert_eq!(updated.resource_uri(), Some("file:///a"));
    let changed = TowerMcpNotification::from(ServerNotification::ToolsListChanged);
    assert_eq!(changed.method(), Method::ToolsListChanged);
    assert_eq!(changed.resource_uri(), None);
}

#[test]
fn an_unknown_notification_of_a_client_keeps_its_name() {
    let unknown = protocol::McpNotification::Unknown {
        method: "notifications/vendor".to_owned(),
        params: None,
    };
    let unknown = TowerMcpNotification::from(unknown);
    assert_eq!(unknown.method(), Method::Other("notifications/vendor"));
}
