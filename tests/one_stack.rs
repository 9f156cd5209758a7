//! The same stack of layers around rmcp, tower-mcp and a hand-made server: each gives the same
//! answers to its own client, and the layers see the same of each.
#![allow(clippy::unwrap_used)]

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpRequest, McpResponse, Outcome};
use mcp_layers_rmcp::Layered as _;
use mcp_layers_timing::TimingLayer;
use mcp_layers_util::{CancelLayer, CatchErrorLayer, CatchPanicLayer, SelectLayer, short_lived};
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt as _, model, service};
use serde_json::{Value, json};
use tower::{
    Layer, Service, ServiceBuilder, ServiceExt as _,
    layer::util::{Identity, Stack},
    limit::GlobalConcurrencyLimitLayer,
    timeout::TimeoutLayer,
};

/// The outcome of one call: the code of the error, or the text of the result.
type Answer = Result<String, i32>;

/// The calls that the layers saw: the method, the tool, how it ended.
type Seen = Arc<Mutex<Vec<(String, Option<String>, String)>>>;

/// The stack, from the outermost to the innermost.
fn stack(seen: &Seen) -> Layers {
    ServiceBuilder::new()
        .layer(LookLayer(Arc::clone(seen)))
        .layer(TimingLayer::server())
        .layer(CatchErrorLayer::new())
        .layer(CatchPanicLayer::new())
        .layer(CancelLayer::new())
        .layer(short_lived(GlobalConcurrencyLimitLayer::new(2)))
        .layer(short_lived(TimeoutLayer::new(Duration::from_secs(5))))
}

type Layers = ServiceBuilder<
    Around<
        SelectLayer<TimeoutLayer>,
        Around<
            SelectLayer<GlobalConcurrencyLimitLayer>,
            Around<
                CancelLayer,
                Around<
                    CatchPanicLayer,
                    Around<CatchErrorLayer, Around<TimingLayer, Around<LookLayer, Identity>>>,
                >,
            >,
        >,
    >,
>;
type Around<Inner, Outer> = Stack<Inner, Outer>;

const CALLS: [&str; 4] = ["echo", "refuse", "panic", "hang"];

#[tokio::test(start_paused = true)]
async fn three_implementations_answer_alike_and_look_alike() {
    let mut runs = Vec::new();
    for run in ["hand-made", "rmcp", "tower-mcp"] {
        let seen = Seen::default();
        let answers = match run {
            "hand-made" => hand_made(stack(&seen)).await,
            "rmcp" => rmcp(stack(&seen)).await,
            _ => tower_mcp(stack(&seen)).await,
        };
        let mut seen = seen.lock().unwrap().clone();
        seen.retain(|(method, ..)| method == "tools/call");
        runs.push((run, answers, seen));
    }
    let expected = [
        Ok("hello".to_owned()),
        Ok("no".to_owned()),
        Err(-32603),
        Err(504),
    ];
    let ends = ["success", "tool error", "-32603", "504"];
    for (run, answers, seen) in runs {
        assert_eq!(answers, expected, "{run}");
        let expected: Vec<_> = CALLS
            .iter()
            .zip(ends)
            .map(|(tool, end)| {
                (
                    "tools/call".to_owned(),
                    Some((*tool).to_owned()),
                    end.to_owned(),
                )
            })
            .collect();
        assert_eq!(seen, expected, "{run}");
    }
}

async fn hand_made(layers: Layers) -> Vec<Answer> {
    let service = layers.service_fn(|request: JsonRpcRequest| async move {
        let answer = match request.target() {
            Some("echo") => JsonRpcResponse::success(
                &request,
                json!({ "content": [{ "type": "text", "text": "hello" }] }),
            ),
            Some("refuse") => {
                let content = json!([{ "type": "text", "text": "no" }]);
                let result = json!({ "content": content, "isError": true });
                JsonRpcResponse::success(&request, result)
            }
            Some("panic") => panic!("the handler panics"),
            _ => std::future::pending().await,
        };
        Ok::<_, Infallible>(answer)
    });
    let mut answers = Vec::new();
    for tool in CALLS {
        let request = JsonRpcRequest::call_tool(1, tool, json!({}));
        let response = service.clone().oneshot(request).await.unwrap();
        answers.push(match response.result() {
            Ok(result) => Ok(text(result)),
            Err(error) => Err(error.code),
        });
    }
    answers
}

async fn rmcp(layers: Layers) -> Vec<Answer> {
    struct Handler;

    impl ServerHandler for Handler {
        async fn call_tool(
            &self,
            request: model::CallToolRequestParams,
            _: service::RequestContext<RoleServer>,
        ) -> Result<model::CallToolResponse, ErrorData> {
            match &*request.name {
                "echo" => {
                    let content = vec![model::ContentBlock::text("hello")];
                    Ok(model::CallToolResult::success(content).into())
                }
                "refuse" => {
                    let content = vec![model::ContentBlock::text("no")];
                    Ok(model::CallToolResult::error(content).into())
                }
                "panic" => panic!("the handler panics"),
                _ => std::future::pending().await,
            }
        }
    }

    let (client_end, server_end) = tokio::io::duplex(4096);
    let _serving = tokio::spawn(Handler.layered(layers).serve(server_end));
    let client = ().serve(client_end).await.unwrap();
    let mut answers = Vec::new();
    for tool in CALLS {
        let answer = client
            .call_tool(model::CallToolRequestParams::new(tool))
            .await;
        answers.push(match answer {
            Ok(result) => Ok(text(&serde_json::to_value(result).unwrap())),
            Err(service::ServiceError::McpError(error)) => Err(error.code.0),
            Err(error) => panic!("{error}"),
        });
    }
    answers
}

async fn tower_mcp(layers: Layers) -> Vec<Answer> {
    use tower_mcp::{CallToolResult, ChannelTransport, Error, McpClient, McpRouter, ToolBuilder};

    let echo = ToolBuilder::new("echo")
        .no_params_handler(|| async { Ok(CallToolResult::text("hello")) })
        .build();
    let refuse = ToolBuilder::new("refuse")
        .no_params_handler(|| async { Ok(CallToolResult::error("no")) })
        .build();
    let panic = ToolBuilder::new("panic")
        .no_params_handler(|| async { panic!("the handler panics") })
        .build();
    let hang = ToolBuilder::new("hang")
        .no_params_handler(std::future::pending)
        .build();
    let router = [echo, refuse, panic, hang].into_iter().fold(
        McpRouter::new().server_info("server", "1.0.0"),
        McpRouter::tool,
    );
    let layer = mcp_layers_tower_mcp::layered(layers);
    let client = McpClient::connect(ChannelTransport::layer(router, layer))
        .await
        .unwrap();
    client.initialize("client", "1.0.0").await.unwrap();
    let mut answers = Vec::new();
    for tool in CALLS {
        answers.push(match client.call_tool(tool, json!({})).await {
            Ok(result) => Ok(text(&serde_json::to_value(result).unwrap())),
            Err(Error::JsonRpc(error)) => Err(error.code),
            Err(error) => panic!("{error}"),
        });
    }
    answers
}

fn text(result: &Value) -> String {
    result["content"][0]["text"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// Remembers what a layer sees.
#[derive(Clone)]
struct LookLayer(Seen);

impl<S> Layer<S> for LookLayer {
    type Service = Look<S>;

    fn layer(&self, inner: S) -> Look<S> {
        Look {
            inner,
            seen: Arc::clone(&self.0),
        }
    }
}

#[derive(Clone)]
struct Look<S> {
    inner: S,
    seen: Seen,
}

impl<S, Req> Service<Req> for Look<S>
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response>,
    S::Future: Send + 'static,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Req::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let method = request.method().to_string();
        let target = request.target().map(ToOwned::to_owned);
        let seen = Arc::clone(&self.seen);
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            let end = match response.outcome() {
                Outcome::Success => "success".to_owned(),
                Outcome::ToolError => "tool error".to_owned(),
                other => other
                    .code()
                    .map_or("other".to_owned(), |code| code.to_string()),
            };
            seen.lock().unwrap().push((method, target, end));
            Ok(response)
        })
    }
}
