//! A real tower-mcp server, and JSON in and out of it.
#![allow(dead_code)]

use std::{collections::HashMap, convert::Infallible, sync::Arc};

use mcp_layers_core::Principal;
use serde_json::{Value, json};
use tower::Service;
use tower_mcp::{
    CallToolResult, CompleteResult, Error, Extensions, GetPromptResult, JsonRpcError,
    JsonRpcRequest, JsonRpcService, McpRouter, PromptBuilder, ReadResourceResult, RequestContext,
    ResourceBuilder, ResourceTemplateBuilder, RouterRequest, RouterResponse, TaskSupportMode,
    ToolBuilder,
    extract::{Context, RawArgs},
};

/// A secret that no caller may read.
pub(crate) const SECRET: &str = "hunter2";

pub(crate) fn router() -> McpRouter {
    let echo = ToolBuilder::new("echo")
        .description("Says it again")
        .read_only()
        .idempotent()
        .extractor_handler((), |RawArgs(arguments): RawArgs| async move {
            Ok(CallToolResult::text(arguments.to_string()))
        })
        .build();
    let structured = ToolBuilder::new("structured")
        .no_params_handler(|| async {
            Ok(CallToolResult::json(
                json!({"password": SECRET, SECRET: ["kept"]}),
            ))
        })
        .build();
    let says_no = ToolBuilder::new("says_no")
        .no_params_handler(|| async { Ok(CallToolResult::error(format!("no, {SECRET}"))) })
        .build();
    let breaks = ToolBuilder::new("breaks")
        .no_params_handler(|| async {
            let error = JsonRpcError::internal_error(format!("db: {SECRET}"));
            Err::<CallToolResult, _>(Error::JsonRpc(
                error.with_data(json!({"dsn": format!("pg://{SECRET}@db")})),
            ))
        })
        .build();
    let panics = ToolBuilder::new("panics")
        .extractor_handler((), |RawArgs(arguments): RawArgs| async move {
            assert!(arguments.get("calm").is_some(), "{SECRET}");
            Ok(CallToolResult::text("calm"))
        })
        .build();
    let sleeps = ToolBuilder::new("sleeps")
        .no_params_handler(std::future::pending)
        .build();
    let who = ToolBuilder::new("who")
        .extractor_handler((), |context: Context| async move {
            let name = context.extension::<Arc<Principal>>();
            Ok(CallToolResult::text(
                name.map_or("nobody", |principal| principal.subject()),
            ))
        })
        .build();
    let task = ToolBuilder::new("task")
        .task_support(TaskSupportMode::Optional)
        .extractor_handler((), |RawArgs(_): RawArgs| async move {
            Err::<CallToolResult, _>(Error::JsonRpc(JsonRpcError::internal_error(SECRET)))
        })
        .build();
    let greet = PromptBuilder::new("greet")
        .description("Greets")
        .required_arg("name", "Whom")
        .handler(|arguments: HashMap<String, String>| async move {
            Ok(GetPromptResult::user_message(format!(
                "Hello {}",
                arguments["name"]
            )))
        })
        .build();
    let template = ResourceTemplateBuilder::new("db://users/{id}")
        .name("users")
        .handler(|uri: String, parts: HashMap<String, String>| async move {
            Ok(ReadResourceResult::text(
                uri,
                format!("{} {SECRET}", parts["id"]),
            ))
        });
    McpRouter::new()
        .server_info("server", "1.0.0")
        .tools([echo, structured, says_no, breaks, panics, sleeps, who, task])
        .resource(
            ResourceBuilder::new("file:///readme")
                .name("readme")
                .text("Read me"),
        )
        .resource(
            ResourceBuilder::new("file:///hidden")
                .name("hidden")
                .text("Hidden"),
        )
        .resource_template(template)
        .prompt(greet)
        .completion_handler_with_context(|_: RequestContext, params| async move {
            Ok(CompleteResult::new(vec![params.argument.value]))
        })
}

/// A server behind tower-mcp's JSON-RPC, with a client that has initialised.
pub(crate) struct Client<S> {
    service: JsonRpcService<S>,
    next: i64,
}

impl<S> Client<S>
where
    S: Service<RouterRequest, Response = RouterResponse, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
{
    /// `router` is that which `service` is around.
    pub(crate) async fn legacy(router: &McpRouter, service: S) -> Self {
        let mut client = Self::new(service);
        let hello = json!({
            "protocolVersion": "2025-06-18",
            "capabilities": {"roots": {}},
            "clientInfo": {"name": "client", "version": "7"},
        });
        client.send("initialize", hello).await;
        router.handle_notification(tower_mcp::protocol::McpNotification::Initialized);
        client
    }

    pub(crate) fn new(service: S) -> Self {
        let service = JsonRpcService::new(service);
        Self { service, next: 0 }
    }

    pub(crate) fn with_extension<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        let mut extensions = Extensions::new();
        extensions.insert(value);
        self.service = self.service.with_extensions(extensions);
        self
    }

    /// The bytes of the answer.
    pub(crate) async fn bytes(&mut self, method: &str, params: Value) -> String {
        self.next += 1;
        let request =
            json!({"jsonrpc": "2.0", "id": self.next, "method": method, "params": params});
        let request: JsonRpcRequest =
            serde_json::from_slice(request.to_string().as_bytes()).unwrap();
        let response = self.service.call_single(request).await.unwrap();
        serde_json::to_string(&response).unwrap()
    }

    pub(crate) async fn send(&mut self, method: &str, params: Value) -> Value {
        serde_json::from_str(&self.bytes(method, params).await).unwrap()
    }

    pub(crate) async fn call(&mut self, tool: &str) -> Value {
        self.send("tools/call", json!({"name": tool, "arguments": {}}))
            .await
    }
}

/// The `_meta` of a modern request.
pub(crate) fn modern() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "modern", "version": "8"},
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
        "progressToken": "p",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    })
}

/// Params of a modern request.
pub(crate) fn modern_params(mut params: Value) -> Value {
    params["_meta"] = modern();
    params
}
