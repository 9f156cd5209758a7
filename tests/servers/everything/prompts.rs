//! The prompt, and completion of its argument.

use rmcp::{
    ErrorData,
    model::{
        CompleteRequestParams, CompleteResult, CompletionInfo, GetPromptRequestParams,
        GetPromptResult, Prompt, PromptArgument, PromptMessage, Reference, Role,
    },
};
use serde_json::Value;

const GREET: &str = "greet";
const NAME: &str = "name";

/// The entries of `prompts/list`.
pub(crate) fn listed() -> Vec<Prompt> {
    let name = PromptArgument::new(NAME)
        .with_description("Whom to greet")
        .with_required(true);
    vec![Prompt::new(GREET, Some("Greets someone"), Some(vec![name]))]
}

/// The messages of the prompt.
///
/// # Errors
/// Invalid params for a prompt that does not exist, or without a name.
pub(crate) fn get(request: &GetPromptRequestParams) -> Result<GetPromptResult, ErrorData> {
    if request.name != GREET {
        let problem = format!("Unknown prompt: {}", request.name);
        return Err(ErrorData::invalid_params(problem, None));
    }
    let arguments = request.arguments.as_ref();
    let name = arguments.and_then(|arguments| arguments.get(NAME)?.as_str());
    let Some(name) = name else {
        let problem = "Argument name is missing or not a string";
        return Err(ErrorData::invalid_params(problem, None));
    };
    let message = PromptMessage::new_text(Role::User, format!("Say hello to {name}."));
    Ok(GetPromptResult::new(vec![message]))
}

/// The names that begin as the argument does.
///
/// # Errors
/// Invalid params for a prompt or an argument that does not exist.
pub(crate) fn complete(request: &CompleteRequestParams) -> Result<CompleteResult, ErrorData> {
    const NAMES: [&str; 4] = ["Ada", "Alan", "Barbara", "Grace"];
    let argument = &request.argument;
    match &request.r#ref {
        Reference::Prompt(prompt) if prompt.name == GREET && argument.name == NAME => {
            let matching = NAMES
                .iter()
                .filter(|name| name.starts_with(&argument.value));
            let matching = matching.map(ToString::to_string).collect();
            CompletionInfo::new(matching)
                .map(CompleteResult::new)
                .map_err(|problem| ErrorData::internal_error(problem, None))
        }
        reference => {
            let data = serde_json::to_value(reference).unwrap_or(Value::Null);
            Err(ErrorData::invalid_params(
                "Nothing to complete there",
                Some(data),
            ))
        }
    }
}
