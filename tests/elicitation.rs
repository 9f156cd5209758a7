//! A tool that asks a person, in a stack with a timeout: the person's time does not count, and an
//! open question is withdrawn.
#![allow(clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use mcp_layers_rmcp::{Layered, ask};
use mcp_layers_timeout::TimeoutLayer;
use rmcp::{
    ClientHandler, ErrorData, RoleClient, RoleServer, ServerHandler, ServiceError, ServiceExt,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ClientConfig,
        ContentBlock, ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction,
        ElicitationSchema, Implementation,
    },
    service::{RequestContext, RunningService},
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

const SECOND: Duration = Duration::from_secs(1);

/// A tool that asks, and then works for four seconds.
#[derive(Default)]
struct Asks {
    in_another_task: bool,
}

impl ServerHandler for Asks {
    async fn call_tool(
        &self,
        _: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let form = ElicitRequestParams::FormElicitationParams {
            meta: None,
            message: "Really?".to_owned(),
            requested_schema: ElicitationSchema::builder().build().unwrap(),
        };
        let question = async move { ask(&context, ElicitRequest::new(form)).await };
        let answer = if self.in_another_task {
            tokio::spawn(question).await.unwrap()
        } else {
            question.await
        };
        answer.unwrap();
        sleep(4 * SECOND).await;
        let text = vec![ContentBlock::text("done")];
        Ok(CallToolResponse::Complete(CallToolResult::success(text)))
    }
}

/// A person who answers after a minute, unless the question is withdrawn.
#[derive(Clone, Default)]
struct Person {
    withdrawn: Arc<Notify>,
}

impl ClientHandler for Person {
    fn get_info(&self) -> ClientConfig {
        let capabilities = ClientCapabilities::builder().enable_elicitation().build();
        ClientConfig::new(capabilities, Implementation::new("person", "1"))
    }

    async fn create_elicitation(
        &self,
        _: ElicitRequestParams,
        context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        tokio::select! {
            () = context.ct.cancelled() => self.withdrawn.notify_one(),
            () = sleep(60 * SECOND) => {}
        }
        Ok(ElicitResult::new(ElicitationAction::Accept))
    }
}

async fn connect(timeout: TimeoutLayer) -> (RunningService<RoleClient, Person>, Arc<Notify>) {
    connect_to(Asks::default(), timeout).await
}

async fn connect_to(
    server: Asks,
    timeout: TimeoutLayer,
) -> (RunningService<RoleClient, Person>, Arc<Notify>) {
    let (here, there) = tokio::io::duplex(1 << 16);
    let server = server.layered(timeout);
    tokio::spawn(async move { server.serve(there).await.unwrap().waiting().await });
    let person = Person::default();
    let withdrawn = Arc::clone(&person.withdrawn);
    (person.serve(here).await.unwrap(), withdrawn)
}

#[tokio::test(start_paused = true)]
async fn a_persons_time_does_not_count_against_the_tool() {
    let (client, _) = connect(TimeoutLayer::new(10 * SECOND)).await;
    let started = Instant::now();
    let result = client.call_tool(CallToolRequestParams::new("ask")).await;
    assert_eq!(result.unwrap().is_error, Some(false));
    assert_eq!(started.elapsed().as_secs(), 64);
}

#[tokio::test(start_paused = true)]
async fn a_persons_time_does_not_count_if_another_task_asks() {
    let server = Asks {
        in_another_task: true,
    };
    let (client, _) = connect_to(server, TimeoutLayer::new(10 * SECOND)).await;
    let result = client.call_tool(CallToolRequestParams::new("ask")).await;
    assert_eq!(result.unwrap().is_error, Some(false));
}

#[tokio::test(start_paused = true)]
async fn a_person_who_takes_too_long_sees_the_question_withdrawn() {
    let (client, withdrawn) = connect(TimeoutLayer::new(10 * SECOND).input_wait(30 * SECOND)).await;
    let result = client.call_tool(CallToolRequestParams::new("ask")).await;
    let Err(ServiceError::McpError(error)) = result else {
        panic!("no error: {result:?}");
    };
    assert_eq!(error.code.0, 504);
    assert_eq!(
        error.message,
        "Request timed out after 30 s of waiting for the client"
    );
    withdrawn.notified().await;
}

#[tokio::test(start_paused = true)]
async fn the_tools_own_time_still_counts() {
    let (client, _) = connect(TimeoutLayer::new(3 * SECOND)).await;
    let result = client.call_tool(CallToolRequestParams::new("ask")).await;
    let Err(ServiceError::McpError(error)) = result else {
        panic!("no error: {result:?}");
    };
    assert_eq!(error.message, "Request timed out after 3 s");
}
