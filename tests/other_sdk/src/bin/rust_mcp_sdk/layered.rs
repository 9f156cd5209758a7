//! The adapter: layers around the one function through which rust-mcp-sdk sends every request.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use mcp_layers::{
    BoxError, JsonRpcRequest, JsonRpcResponse, McpError, McpRequest, code,
    json_rpc::JsonRpcMessage, request::Transport,
};
use rust_mcp_sdk::{
    McpServer,
    error::SdkResult,
    mcp_server::McpServerHandler,
    schema::{
        ClientJsonrpcNotification, ClientJsonrpcRequest, Result as AnyResult, RpcError,
        ServerResult,
    },
};
use serde_json::{json, to_value};
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};

/// A handler of the SDK with layers around it: the stack ends in [`call`].
pub struct Layered<S> {
    stack: S,
    handler: Arc<dyn McpServerHandler>,
    /// The requests in flight, by the JSON of their ids.
    in_flight: Mutex<HashMap<String, CancellationToken>>,
}

impl<S> Layered<S> {
    pub fn new(stack: S, handler: Arc<dyn McpServerHandler>) -> Arc<Self> {
        Arc::new(Self {
            stack,
            handler,
            in_flight: Mutex::default(),
        })
    }
}

/// The innermost service: the handler, in the types of the SDK.
pub async fn call(
    handler: Arc<dyn McpServerHandler>,
    request: JsonRpcRequest,
) -> Result<JsonRpcResponse, BoxError> {
    let runtime = request.extension::<Arc<dyn McpServer>>().cloned();
    let runtime = runtime.ok_or("the request did not come through `Layered`")?;
    let message = json!({
        "jsonrpc": "2.0",
        "id": request.id(),
        "method": request.method().as_str(),
        "params": request.params(),
    });
    let answer = handler
        .handle_request(serde_json::from_value(message)?, runtime)
        .await;
    Ok(match answer {
        Ok(result) => JsonRpcResponse::success(&request, to_value(result)?),
        Err(error) => {
            let code = i32::try_from(error.code).unwrap_or(code::INTERNAL_ERROR);
            let error = McpError::new(code, error.message).with_data(error.data);
            JsonRpcResponse::error(&request, error)
        }
    })
}

#[async_trait]
impl<S> McpServerHandler for Layered<S>
where
    S: Service<JsonRpcRequest, Response = JsonRpcResponse, Error = Infallible>
        + Clone
        + Send
        + Sync,
    S::Future: Send,
{
    async fn handle_request(
        &self,
        request: ClientJsonrpcRequest,
        runtime: Arc<dyn McpServer>,
    ) -> Result<ServerResult, RpcError> {
        let broken = |_| RpcError::invalid_request();
        let message = JsonRpcMessage::from_value(to_value(request).map_err(broken)?);
        let Ok(JsonRpcMessage::Request(request)) = message else {
            return Err(RpcError::invalid_request());
        };
        // The SDK has no word of the transport here: this server is on standard input and output.
        let mut request = request.with_transport(Transport::Pipe);
        request.insert_extension(runtime);

        let (id, token) = (
            json!(request.id()).to_string(),
            request.cancellation().clone(),
        );
        self.in_flight.lock().unwrap().insert(id.clone(), token);
        let Ok(response) = self.stack.clone().oneshot(request).await;
        self.in_flight.lock().unwrap().remove(&id);

        match response.result() {
            Ok(result) => {
                let result = serde_json::from_value::<AnyResult>(result.clone());
                result
                    .map(ServerResult::Result)
                    .map_err(|_| RpcError::internal_error())
            }
            Err(error) => Err(RpcError {
                code: error.code.into(),
                message: error.message.to_string(),
                data: error.data.clone(),
            }),
        }
    }

    async fn handle_notification(
        &self,
        notification: ClientJsonrpcNotification,
        runtime: Arc<dyn McpServer>,
    ) -> SdkResult<()> {
        if let Ok(message) = to_value(&notification)
            && message["method"] == "notifications/cancelled"
        {
            let id = message["params"]["requestId"].to_string();
            self.in_flight
                .lock()
                .unwrap()
                .get(&id)
                .inspect(|token| token.cancel());
        }
        self.handler
            .handle_notification(notification, runtime)
            .await
    }

    async fn handle_error(&self, error: &RpcError, runtime: Arc<dyn McpServer>) -> SdkResult<()> {
        self.handler.handle_error(error, runtime).await
    }
}
