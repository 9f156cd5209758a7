//! A client and a server in one thread, with a pipe in memory between them.

use rmcp::{
    RoleClient, RoleServer, ServiceExt,
    model::{CallToolRequestParams, CallToolResult},
    service::{ClientLifecycleMode, ClientServiceExt, Peer, RunningService},
};
use tokio::runtime::{Builder, Runtime};

use super::{Echo, Era, params};

/// A connection, ready for calls.
pub(crate) struct Pipe {
    runtime: Runtime,
    client: RunningService<RoleClient, ()>,
    server: Peer<RoleServer>,
}

impl Pipe {
    /// Connects a client to a server of this era.
    pub(crate) fn connect<T: rmcp::Service<RoleServer>>(service: T, era: Era) -> Self {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let (client_end, server_end) = tokio::io::duplex(64 * 1024);
        let lifecycle = match era {
            Era::Legacy => ClientLifecycleMode::Initialize,
            Era::Modern => ClientLifecycleMode::Discover {
                preferred_versions: vec![era.version()],
            },
        };
        let (client, server) = runtime.block_on(async {
            let client = async {
                let client = ().serve_with_lifecycle(client_end, lifecycle).await.unwrap();
                // Without a handshake, the server is connected when the first call has come.
                client.call_tool(params()).await.unwrap();
                client
            };
            tokio::join!(client, service.serve(server_end))
        });
        let server = server.unwrap();
        let peer = server.peer().clone();
        runtime.spawn(server.waiting());
        Self {
            runtime,
            client,
            server: peer,
        }
    }

    /// A connection to a bare server, for calls past the transport.
    pub(crate) fn bare(era: Era) -> Self {
        Self::connect(Echo, era)
    }

    /// What the server knows of its client.
    pub(crate) fn server_peer(&self) -> &Peer<RoleServer> {
        &self.server
    }

    /// Calls the tool: to the server and back.
    pub(crate) fn call(&self, params: CallToolRequestParams) -> CallToolResult {
        self.runtime
            .block_on(self.client.call_tool(params))
            .unwrap()
    }
}
