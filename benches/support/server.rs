//! A server that does next to nothing, so that what is around it shows.

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, JsonObject, Tool,
    },
    service::RequestContext,
};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Echo;

impl ServerHandler for Echo {
    /// The tool that every bench calls, so that the catalog finds it without a list.
    fn get_tool(&self, name: &str) -> Option<Tool> {
        (name == "dig").then(|| Tool::new("dig", "Digs", JsonObject::new()))
    }

    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let content = ContentBlock::text("Seven layers of earth, and under them a city.");
        Ok(CallToolResponse::Complete(CallToolResult::success(vec![
            content,
        ])))
    }
}

/// What the client asks: a tool with about 100 bytes of arguments.
pub(crate) fn params() -> CallToolRequestParams {
    let arguments = JsonObject::from_iter([
        (
            "place".to_owned(),
            "Hisarlik, trench H, square A 8/9".into(),
        ),
        ("depth".to_owned(), 14.into()),
        ("tools".to_owned(), vec!["spade", "brush", "sieve"].into()),
    ]);
    CallToolRequestParams::new("dig").with_arguments(arguments)
}
