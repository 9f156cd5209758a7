//! The MCP server: replace these tools with your own.

use mcp_layers::Catalog;
use rmcp::{
    handler::server::{router::tool::ToolRouter, wrapper::Parameters},
    model::{Implementation, ServerCapabilities, ServerConfig},
    schemars::{self, JsonSchema},
    tool, tool_handler, tool_router,
};
use serde::Deserialize;
use std::time::{Duration, Instant};

/// The longest time of a `wait`, in milliseconds.
const MAX_WAIT: u64 = 60_000;

#[derive(Deserialize, JsonSchema)]
struct Text {
    /// The text to count the words of.
    text: String,
}

#[derive(Deserialize, JsonSchema)]
struct Wait {
    /// The time to wait, in milliseconds.
    ms: u64,
}

/// One value answers all requests; it is cloned for each.
#[derive(Clone)]
pub(crate) struct Tools {
    router: ToolRouter<Self>,
    started: Instant,
}

impl Tools {
    pub(crate) fn new() -> Self {
        Self {
            router: Self::tool_router(),
            started: Instant::now(),
        }
    }

    /// The names of the tools, by which layers tell them from names that callers invent.
    pub(crate) fn catalog() -> Catalog {
        let tools = Self::tool_router().list_all();
        Catalog::new().with_tools(tools.into_iter().map(|tool| tool.name.into_owned()))
    }
}

#[tool_router]
impl Tools {
    #[tool(
        description = "Counts the words of a text",
        annotations(read_only_hint = true, idempotent_hint = true)
    )]
    async fn count_words(&self, Parameters(Text { text }): Parameters<Text>) -> String {
        text.split_whitespace().count().to_string()
    }

    #[tool(description = "Waits, as a slow backend would, for at most a minute")]
    async fn wait(&self, Parameters(Wait { ms }): Parameters<Wait>) -> String {
        tokio::time::sleep(Duration::from_millis(ms.min(MAX_WAIT))).await;
        "done".to_owned()
    }

    #[tool(description = "Returns for how long this server has been running")]
    async fn admin_uptime(&self) -> String {
        format!("{} s", self.started.elapsed().as_secs())
    }
}

#[tool_handler(router = self.router)]
impl rmcp::ServerHandler for Tools {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        let version = env!("CARGO_PKG_VERSION");
        ServerConfig::new(capabilities).with_server_info(Implementation::new("production", version))
    }
}
