//! A layer that breaks the protocol, to prove that the comparison with the bare server sees it.

use std::task::{Context, Poll};

use futures::{FutureExt, future::BoxFuture};
use mcp_layers::{
    McpRequest, Method,
    rmcp::{RmcpRequest, RmcpResponse},
};
use rmcp::model::{CallToolResult, ContentBlock, ServerResult};
use tower::{Layer, Service};

/// Loses the data of every error, and answers one tool itself, with something else.
#[derive(Clone, Copy)]
pub(crate) struct FaultyLayer;

impl<S> Layer<S> for FaultyLayer {
    type Service = Faulty<S>;

    fn layer(&self, inner: S) -> Faulty<S> {
        Faulty(inner)
    }
}

#[derive(Clone)]
pub(crate) struct Faulty<S>(S);

impl<S> Service<RmcpRequest> for Faulty<S>
where
    S: Service<RmcpRequest, Response = RmcpResponse>,
    S::Future: Send + 'static,
{
    type Response = RmcpResponse;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<RmcpResponse, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: RmcpRequest) -> Self::Future {
        let replaced =
            request.method() == Method::CallTool && request.target() == Some("test_image_content");
        let answer = self.0.call(request);
        let spoil = move |mut response: RmcpResponse| {
            match response.result_mut() {
                Err(error) => error.data = None,
                Ok(result) if replaced => *result = ServerResult::CallToolResult(no_image()),
                Ok(_) => {}
            }
            response
        };
        answer.map(move |answer| answer.map(spoil)).boxed()
    }
}

fn no_image() -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text("an image")])
}
