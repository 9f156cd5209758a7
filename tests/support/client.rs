//! rmcp's own client, connected to `everything`.

use rmcp::{
    ClientHandler, ClientLifecycleMode, ClientServiceExt, RoleClient,
    model::{
        CallToolRequestParams, CallToolResult, ProtocolVersion, ResourceUpdatedNotificationParam,
    },
    service::{NotificationContext, RunningService, ServiceError},
    transport::{IntoTransport, TokioChildProcess},
};
use serde_json::Value;
use tokio::{process::Command, sync::mpsc, time::timeout};

use super::{PATIENCE, example};

pub type Client = RunningService<RoleClient, Listener>;

/// Passes on what the server announces.
pub struct Listener(mpsc::UnboundedSender<String>);

impl ClientHandler for Listener {
    async fn on_resource_updated(
        &self,
        params: ResourceUpdatedNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        let _ = self.0.send(params.uri);
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        let _ = self.0.send("tools".to_owned());
    }
}

/// Both generations of the protocol.
pub fn lifecycles() -> [ClientLifecycleMode; 2] {
    let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
    [
        ClientLifecycleMode::Initialize,
        ClientLifecycleMode::Discover { preferred_versions },
    ]
}

pub async fn connect<E, A>(
    transport: impl IntoTransport<RoleClient, E, A>,
    lifecycle: ClientLifecycleMode,
) -> (Client, mpsc::UnboundedReceiver<String>)
where
    E: std::error::Error + Send + Sync + 'static,
{
    let (sender, receiver) = mpsc::unbounded_channel();
    let connected = Listener(sender).serve_with_lifecycle(transport, lifecycle);
    let client = timeout(PATIENCE, connected).await.expect("in time");
    (client.unwrap(), receiver)
}

pub fn stdio(flags: &[&str]) -> TokioChildProcess {
    let mut command = Command::new(example("everything"));
    command.arg("--stdio").args(flags);
    TokioChildProcess::new(command).unwrap()
}

pub async fn try_call(
    client: &Client,
    tool: &str,
    arguments: Value,
) -> Result<CallToolResult, i32> {
    let mut params = CallToolRequestParams::new(tool.to_owned());
    if let Value::Object(arguments) = arguments {
        params = params.with_arguments(arguments);
    }
    let called = timeout(PATIENCE, client.call_tool(params)).await;
    called.expect(tool).map_err(|error| match error {
        ServiceError::McpError(error) => error.code.0,
        other => panic!("{tool}: {other}"),
    })
}

pub async fn call(client: &Client, tool: &str, arguments: Value) -> String {
    text(&try_call(client, tool, arguments).await.expect(tool))
}

pub fn text(result: &CallToolResult) -> String {
    result.content[0].as_text().unwrap().text.clone()
}
