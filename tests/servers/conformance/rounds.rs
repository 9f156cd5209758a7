//! Tools that ask for input through their result and go on when the call is repeated with the answer.

// Sampling and roots are deprecated in rmcp, and asked for by the suite.
#![expect(deprecated)]

use rmcp::{
    ErrorData,
    model::{
        CallToolRequestParams, CallToolResponse, ClientCapabilities, CreateMessageRequest,
        CreateMessageRequestParams, ElicitRequest, InputRequest, InputRequests,
        InputRequiredResult, InputResponses, ListRootsRequest, RequestStateCodec, SamplingMessage,
        SealOptions,
    },
};
use serde_json::{Value, json};

use crate::{client, server::ConformanceServer, tools};

/// A real server keeps its key secret; this one has nothing to protect, but proves that it looks.
const KEY: &[u8] = b"conformance example, not a secret";

/// Seals what a tool needs to remember between two calls.
pub(crate) fn codec() -> RequestStateCodec {
    RequestStateCodec::new_unchecked(KEY)
}

/// Runs one of the tools of this module.
pub(crate) fn call(
    server: &ConformanceServer,
    request: &CallToolRequestParams,
    capabilities: &ClientCapabilities,
) -> Result<CallToolResponse, ErrorData> {
    let answers = request.input_responses.as_ref();
    match request.name.as_ref() {
        "test_input_required_result_elicitation" => match field(answers, "user_name", "name") {
            Some(name) => Ok(tools::text(format!("Hello, {name}!"))),
            None => ask([("user_name", name()?)]),
        },
        "test_input_required_result_sampling" => match answer(answers, "capital_question") {
            Some(sampled) => {
                let said = sampled.pointer("/content/text").and_then(Value::as_str);
                Ok(tools::text(said.unwrap_or("(no text)")))
            }
            None => ask([("capital_question", sample("What is the capital of France?"))]),
        },
        "test_input_required_result_list_roots" => match answer(answers, "client_roots") {
            Some(listed) => Ok(tools::text(format!("Roots: {}", listed["roots"]))),
            None => ask([("client_roots", roots())]),
        },
        "test_input_required_result_request_state"
        | "test_input_required_result_tampered_state" => match round(server, request)? {
            0 => ask_with_state(server, request, 1, [("confirm", confirm()?)]),
            _ => Ok(tools::text("state-ok")),
        },
        "test_input_required_result_multiple_inputs" => {
            let wanted = ["user_name", "greeting", "client_roots"];
            let complete = wanted.iter().all(|key| answer(answers, key).is_some());
            if round(server, request)? == 1 && complete {
                return Ok(tools::text("All three answers arrived"));
            }
            let asked = [
                ("user_name", name()?),
                ("greeting", sample("Generate a greeting")),
                ("client_roots", roots()),
            ];
            ask_with_state(server, request, 1, asked)
        }
        "test_input_required_result_multi_round" => match round(server, request)? {
            0 => {
                let step = elicit("Step 1: What is your name?", "name", "string")?;
                ask_with_state(server, request, 1, [("step1", step)])
            }
            1 => {
                let step = elicit("Step 2: What is your favorite color?", "color", "string")?;
                ask_with_state(server, request, 2, [("step2", step)])
            }
            _ => Ok(tools::text("Both steps done")),
        },
        "test_input_required_result_capabilities" => {
            if answers.is_some_and(|answers| !answers.is_empty()) {
                return Ok(tools::text("Answered within the declared capabilities"));
            }
            let asked = [
                capabilities.elicitation.is_some().then(name).transpose()?,
                capabilities
                    .sampling
                    .is_some()
                    .then(|| sample("Generate a greeting")),
                capabilities.roots.is_some().then(roots),
            ];
            let keys = ["user_name", "greeting", "client_roots"];
            let asked: Vec<_> = keys
                .into_iter()
                .zip(asked)
                .filter_map(|(key, question)| Some((key, question?)))
                .collect();
            if asked.is_empty() {
                return Ok(tools::text("The client can answer no question"));
            }
            ask(asked)
        }
        "test_streaming_elicitation" => match answer(answers, "value") {
            Some(_) => Ok(tools::text("Answered")),
            None => ask([("value", elicit("Provide a value", "value", "string")?)]),
        },
        _ => Err(tools::unknown(&request.name)),
    }
}

/// The question of `test_input_required_result_prompt`.
pub(crate) fn ask_prompt_context() -> Result<InputRequiredResult, ErrorData> {
    let question = elicit("What context should the prompt use?", "context", "string")?;
    Ok(questions([("user_context", question)]))
}

/// The question for a user's name, on its own.
pub(crate) fn ask_name() -> Result<CallToolResponse, ErrorData> {
    ask([("user_name", name()?)])
}

/// A string the user filled into a form, if that form was answered.
pub(crate) fn field<'a>(
    answers: Option<&'a InputResponses>,
    key: &str,
    field: &str,
) -> Option<&'a str> {
    answer(answers, key)?.get("content")?.get(field)?.as_str()
}

/// A form with one required field.
pub(crate) fn elicit(message: &str, field: &str, kind: &str) -> Result<InputRequest, ErrorData> {
    let form = client::form(
        message,
        json!({
            "type": "object",
            "properties": { field: { "type": kind } },
            "required": [field],
        }),
    )?;
    Ok(InputRequest::Elicitation(ElicitRequest::new(form)))
}

/// The answer to one question; anything but an object counts as no answer.
fn answer<'a>(answers: Option<&'a InputResponses>, key: &str) -> Option<&'a Value> {
    answers?.get(key).filter(|value| value.is_object())
}

fn name() -> Result<InputRequest, ErrorData> {
    elicit("What is your name?", "name", "string")
}

fn confirm() -> Result<InputRequest, ErrorData> {
    elicit("Please confirm", "ok", "boolean")
}

fn sample(prompt: &str) -> InputRequest {
    let messages = vec![SamplingMessage::user_text(prompt)];
    InputRequest::CreateMessage(CreateMessageRequest::new(CreateMessageRequestParams::new(
        messages, 100,
    )))
}

fn roots() -> InputRequest {
    InputRequest::ListRoots(ListRootsRequest::default())
}

fn questions<'a>(asked: impl IntoIterator<Item = (&'a str, InputRequest)>) -> InputRequiredResult {
    let requests: InputRequests = asked
        .into_iter()
        .map(|(key, question)| (key.to_owned(), question))
        .collect();
    InputRequiredResult::from_input_requests(requests)
}

fn ask<'a>(
    asked: impl IntoIterator<Item = (&'a str, InputRequest)>,
) -> Result<CallToolResponse, ErrorData> {
    Ok(questions(asked).into())
}

fn ask_with_state<'a>(
    server: &ConformanceServer,
    request: &CallToolRequestParams,
    round: u64,
    asked: impl IntoIterator<Item = (&'a str, InputRequest)>,
) -> Result<CallToolResponse, ErrorData> {
    let options = SealOptions::new().associated_data(request.name.as_bytes());
    let sealed = server
        .state
        .seal_json_with(&round, &options)
        .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
    let mut result = questions(asked);
    result.request_state = Some(sealed);
    Ok(result.into())
}

/// The round this call continues with: 0 without a state, else what was sealed for this very tool.
fn round(server: &ConformanceServer, request: &CallToolRequestParams) -> Result<u64, ErrorData> {
    let Some(sealed) = &request.request_state else {
        return Ok(0);
    };
    server
        .state
        .open_json_with(sealed, request.name.as_bytes())
        .map_err(|_| ErrorData::invalid_params("requestState is not one this tool gave out", None))
}
