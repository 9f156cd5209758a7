//! The prompts, and completion of their arguments.

use rmcp::{
    ErrorData,
    model::{
        CompleteRequestParams, CompleteResult, CompletionInfo, ContentBlock,
        GetPromptRequestParams, GetPromptResponse, GetPromptResult, JsonObject, Prompt,
        PromptArgument, PromptMessage, ResourceContents, Role,
    },
};
use serde_json::{Value, json};

use crate::{rounds, tools::PIXEL};

/// The entries of `prompts/list`.
pub(crate) fn listed() -> Vec<Prompt> {
    let required = |name: &str, description: &str| {
        PromptArgument::new(name)
            .with_description(description)
            .with_required(true)
    };
    let prompt = |name: &str, description: &str, arguments: Vec<PromptArgument>| {
        let arguments = (!arguments.is_empty()).then_some(arguments);
        Prompt::new(name, Some(description), arguments)
    };
    vec![
        prompt("test_simple_prompt", "A prompt without arguments", vec![]),
        prompt(
            "test_prompt_with_arguments",
            "A prompt that repeats its arguments",
            vec![
                required("arg1", "First argument"),
                required("arg2", "Second argument"),
            ],
        ),
        prompt(
            "test_prompt_with_embedded_resource",
            "A prompt that carries a resource",
            vec![required("resourceUri", "The uri the resource shall have")],
        ),
        prompt(
            "test_prompt_with_image",
            "A prompt that carries an image",
            vec![],
        ),
        prompt(
            "test_input_required_result_prompt",
            "A prompt that asks the user for its context first",
            vec![],
        ),
    ]
}

/// The messages of one prompt.
///
/// # Errors
///
/// Invalid params for a prompt that does not exist or an argument that is missing.
pub(crate) fn get(request: GetPromptRequestParams) -> Result<GetPromptResponse, ErrorData> {
    let arguments = request.arguments.unwrap_or_default();
    let messages = match request.name.as_str() {
        "test_simple_prompt" => vec![user_text("This is a simple prompt for testing.")],
        "test_prompt_with_arguments" => {
            let (first, second) = (text(&arguments, "arg1")?, text(&arguments, "arg2")?);
            vec![user_text(format!(
                "Prompt with arguments: arg1='{first}', arg2='{second}'"
            ))]
        }
        "test_prompt_with_embedded_resource" => {
            let uri = text(&arguments, "resourceUri")?;
            let resource = ResourceContents::text("Embedded resource content for testing.", uri);
            vec![
                PromptMessage::new(Role::User, ContentBlock::resource(resource)),
                user_text("Please process the embedded resource above."),
            ]
        }
        "test_prompt_with_image" => vec![
            PromptMessage::new(Role::User, ContentBlock::image(PIXEL, "image/png")),
            user_text("Please analyze the image above."),
        ],
        "test_input_required_result_prompt" => {
            let answered =
                rounds::field(request.input_responses.as_ref(), "user_context", "context");
            let Some(context) = answered else {
                return rounds::ask_prompt_context().map(Into::into);
            };
            vec![user_text(format!("Answer in this context: {context}"))]
        }
        unknown => {
            return Err(ErrorData::invalid_params(
                format!("Unknown prompt: {unknown}"),
                None,
            ));
        }
    };
    Ok(GetPromptResult::new(messages).into())
}

/// Suggests the words that start with what was typed.
///
/// # Errors
///
/// Internal error if rmcp refuses the number of values, which is fixed here.
pub(crate) fn complete(request: &CompleteRequestParams) -> Result<CompleteResult, ErrorData> {
    const WORDS: [&str; 3] = ["paris", "park", "party"];
    let matching = WORDS
        .iter()
        .filter(|word| word.starts_with(&request.argument.value))
        .map(|word| (*word).to_owned())
        .collect();
    CompletionInfo::new(matching)
        .map(CompleteResult::new)
        .map_err(|problem| ErrorData::internal_error(problem, None))
}

fn user_text(text: impl Into<String>) -> PromptMessage {
    PromptMessage::new_text(Role::User, text)
}

fn text<'a>(arguments: &'a JsonObject, name: &str) -> Result<&'a str, ErrorData> {
    arguments.get(name).and_then(Value::as_str).ok_or_else(|| {
        ErrorData::invalid_params(
            format!("Argument {name} is missing or not a string"),
            Some(json!({ "argument": name })),
        )
    })
}
