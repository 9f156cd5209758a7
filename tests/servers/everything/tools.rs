//! The tools. A description says what a tool returns; the annotations say what layers may do with
//! its calls, and are true except where a test needs them to be false.

use std::{hint::black_box, time::Duration};

use cpu_time::ThreadTime;
use rmcp::{
    ErrorData, RoleServer,
    handler::server::{router::tool::ToolRouter, wrapper::Json},
    model::{CallToolResult, ContentBlock},
    service::RequestContext,
    tool, tool_router,
};
use serde_json::json;

use crate::{
    arguments::{Flaky, Message, Parameters, Pause, Size, Sum, Terms, Text},
    server::Everything,
    whoami::{self, Caller},
};

/// The longest that `work` computes, in milliseconds.
const MAX_WORK_MS: u64 = 1_000;

/// The longest text that `big` makes, in bytes.
const MAX_BYTES: usize = 64 * 1024 * 1024;

impl Everything {
    pub(crate) fn tools() -> ToolRouter<Self> {
        Self::tool_router()
    }
}

#[tool_router]
impl Everything {
    /// Returns the text.
    #[tool(annotations(read_only_hint = true, idempotent_hint = true))]
    async fn echo(&self, Parameters(Text { text }): Parameters<Text>) -> String {
        text
    }

    /// Returns the sum, as structured content.
    #[tool(annotations(read_only_hint = true, idempotent_hint = true))]
    async fn add(&self, Parameters(Terms { a, b }): Parameters<Terms>) -> Json<Sum> {
        Json(Sum { sum: a + b })
    }

    /// Returns after that time.
    #[tool]
    async fn sleep(&self, Parameters(Pause { ms }): Parameters<Pause>) -> String {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        format!("slept {ms} ms")
    }

    /// Computes until it has used that much time of a processor.
    #[tool(annotations(read_only_hint = true))]
    async fn work(&self, Parameters(Pause { ms }): Parameters<Pause>) -> Result<String, ErrorData> {
        if ms > MAX_WORK_MS {
            let problem = format!("ms is {ms}, and must be at most {MAX_WORK_MS}");
            return Err(ErrorData::invalid_params(problem, None));
        }
        let work = move || {
            let start = ThreadTime::now();
            while start.elapsed() < Duration::from_millis(ms) {
                black_box((0..1_000_u64).fold(0, |sum, number| sum ^ black_box(number)));
            }
        };
        let worked = tokio::task::spawn_blocking(work).await;
        worked
            .map(|()| format!("worked {ms} ms"))
            .map_err(|error| ErrorData::internal_error(error.to_string(), None))
    }

    /// Returns how often it was called.
    #[tool]
    async fn count(&self) -> String {
        self.runs().of("count").to_string()
    }

    /// Returns how often it was called, although its annotations promise that calls change nothing.
    #[tool(annotations(read_only_hint = true, idempotent_hint = true))]
    async fn ticks(&self) -> String {
        self.runs().of("ticks").to_string()
    }

    /// Fails as often as asked, then returns how often it was called with the key.
    #[tool(annotations(read_only_hint = true, idempotent_hint = true))]
    async fn flaky(&self, Parameters(flaky): Parameters<Flaky>) -> Result<String, ErrorData> {
        self.fail_first("flaky", &flaky)
    }

    /// Does the same as flaky, and does not say that it may be called again.
    #[tool]
    async fn flaky_write(&self, Parameters(flaky): Parameters<Flaky>) -> Result<String, ErrorData> {
        self.fail_first("flaky_write", &flaky)
    }

    /// Fails with error -32603 and that message.
    #[tool]
    async fn fail(
        &self,
        Parameters(Message { message }): Parameters<Message>,
    ) -> Result<String, ErrorData> {
        Err(ErrorData::internal_error(message, None))
    }

    /// Returns a tool error with that message.
    #[tool]
    async fn tool_error(
        &self,
        Parameters(Message { message }): Parameters<Message>,
    ) -> CallToolResult {
        CallToolResult::error(vec![ContentBlock::text(message)])
    }

    /// Panics with that message.
    #[tool]
    async fn panic(&self, Parameters(Message { message }): Parameters<Message>) -> String {
        panic!("{message}")
    }

    /// Returns a text of that many bytes.
    #[tool(annotations(read_only_hint = true, idempotent_hint = true))]
    async fn big(&self, Parameters(Size { bytes }): Parameters<Size>) -> Result<String, ErrorData> {
        if bytes > MAX_BYTES {
            let problem = format!("bytes is {bytes}, and must be at most {MAX_BYTES}");
            return Err(ErrorData::invalid_params(problem, None));
        }
        Ok("x".repeat(bytes))
    }

    /// Returns who is calling, and the names of the HTTP headers that come this far.
    #[tool(annotations(read_only_hint = true))]
    async fn whoami(&self, context: RequestContext<RoleServer>) -> Json<Caller> {
        Json(whoami::caller(&context))
    }

    /// Sets every count to zero.
    #[tool(annotations(destructive_hint = true, idempotent_hint = true))]
    async fn admin_reset(&self) -> String {
        self.runs().reset();
        "reset".to_owned()
    }

    /// Announces that the resource test://public and the list of tools have changed.
    #[tool]
    async fn touch(&self, context: RequestContext<RoleServer>) -> String {
        self.announce_changes(&context).await;
        "touched".to_owned()
    }
}

impl Everything {
    fn fail_first(&self, tool: &str, flaky: &Flaky) -> Result<String, ErrorData> {
        let runs = self.runs().of(&format!("{tool} {}", flaky.key));
        if runs > flaky.failures {
            return Ok(runs.to_string());
        }
        let failures = flaky.failures;
        let message = format!("failure {runs} of {failures}");
        Err(ErrorData::internal_error(
            message,
            Some(json!({ "runs": runs })),
        ))
    }
}
