//! A layer of your own, for any MCP implementation: it refuses tools that delete something.

use std::task::{Context, Poll};

use mcp_layers::{
    Event, JsonRpcRequest, JsonRpcResponse, McpError, McpRequest, McpService, Method, Refusal,
    ReplyFuture,
};
use serde_json::json;
use tower::{Service, ServiceBuilder, ServiceExt, layer::layer_fn};

#[derive(Clone)]
struct NoDeletion<S>(S);

impl<S: McpService<Req>, Req: McpRequest> Service<Req> for NoDeletion<S> {
    type Response = Req::Response;
    type Error = S::Error;
    type Future = ReplyFuture<S::Future, Req::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let tool = request.target().unwrap_or_default();
        if request.method() == Method::CallTool && tool.starts_with("delete_") {
            let error = McpError::public(403, "Forbidden: deletion is switched off");
            // With the event, the audit and the events layer outside report the denial.
            let rule = "no deletion".into();
            let answer = Refusal::new().answer(&request, error, Event::Denied { rule });
            return ReplyFuture::ready(answer);
        }
        ReplyFuture::inner(self.0.call(request))
    }
}

async fn server(request: JsonRpcRequest) -> Result<JsonRpcResponse, mcp_layers::BoxError> {
    let result = json!({ "content": [{ "type": "text", "text": "done" }] });
    Ok(JsonRpcResponse::success(&request, result))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), mcp_layers::BoxError> {
    let service = ServiceBuilder::new()
        .layer(layer_fn(NoDeletion))
        .service_fn(server);

    for tool in ["read_note", "delete_note"] {
        let request = JsonRpcRequest::call_tool(1, tool, json!({ "id": 7 }));
        let response = service.clone().oneshot(request).await?;
        println!("{tool:11}  {}", serde_json::to_string(&response)?);
    }
    Ok(())
}
