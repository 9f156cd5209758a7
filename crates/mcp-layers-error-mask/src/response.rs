//! The treatment of one response: its error, the error of a failed task, its texts.

use mcp_layers_core::{McpResponse, Method, Outcome};
use mcp_layers_redact::{Lines, sanitize};

use crate::{request::Request, state::State};

/// The key in a result's `_meta` with the id of a failed task's error.
const ERROR_ID_META: &str = "mcp-layers.error-mask/errorId";

/// The response as the caller may see it.
pub(crate) fn mask<R: McpResponse>(
    state: &State,
    request: &Request,
    to: R::ReplyTo,
    mut response: R,
) -> R {
    match response.outcome() {
        Outcome::Protocol { .. } => return error(state, request, to, response),
        Outcome::ToolError => redact(state, &mut response, true),
        _ if is_about_tasks(request.method) => task(state, request, &mut response),
        _ if covers(state, request.method) => redact(state, &mut response, false),
        _ => {}
    }
    if !response.trail().is_empty() {
        state.report_panics(request, response.trail());
    }
    response
}

fn error<R: McpResponse>(state: &State, request: &Request, to: R::ReplyTo, mut response: R) -> R {
    let mut trail = std::mem::take(response.trail_mut());
    match response.into_error() {
        Ok(error) => {
            let shown = state.error(error, trail.is_public(), request, &mut trail);
            let as_tool_error = state.settings.as_tool_error && request.method == Method::CallTool;
            response = if as_tool_error && shown.error_id.is_some() {
                R::from_tool_error(to, shown.error.message.into_owned())
            } else {
                R::from_error(to, shown.error)
            };
            // What is left is meant to be read, and another mask leaves it as it is.
            trail.set_public(true);
        }
        Err(result) => response = result,
    }
    *response.trail_mut() = trail;
    response
}

/// Masks the error that a failed task hides in a result, and its status message with it.
fn task<R: McpResponse>(state: &State, request: &Request, response: &mut R) {
    if let Some(error) = response.task_error() {
        let mut trail = std::mem::take(response.trail_mut());
        let shown = state.error(error, false, request, &mut trail);
        if let Some(error_id) = shown.error_id {
            response.insert_meta(ERROR_ID_META, error_id.into());
        }
        *response.trail_mut() = trail;
        response.set_task_error(shown.error);
    }
    redact(state, response, false);
}

/// Redacts the texts and the JSON of a result. The texts of an error are also sanitized; another text in
/// which nothing is found stays as it is.
fn redact<R: McpResponse>(state: &State, response: &mut R, is_error: bool) {
    let redactor = &state.settings.redactor;
    if redactor.is_none() {
        return;
    }
    response.visit_json_mut(&mut |value| {
        redactor.redact_json(value);
    });
    let max = state.settings.max_result_text;
    response.visit_texts_mut(&mut |_, text| {
        let redacted = redactor.redact_cut(text, max);
        if !is_error && *redacted == **text {
            return;
        }
        let clean = sanitize(&redacted, max, Lines::Kept);
        if *clean != **text {
            *text = clean.into_owned();
        }
    });
}

/// Returns whether a result of the method can hold the error or the result of a task.
fn is_about_tasks(method: Method<'_>) -> bool {
    matches!(
        method,
        Method::GetTask
            | Method::ListTasks
            | Method::CancelTask
            | Method::UpdateTask
            | Method::TaskResult
    )
}

/// Returns whether results of the method are redacted even when they are no errors.
fn covers(state: &State, method: Method<'_>) -> bool {
    state.settings.every_result && !method.is_list() && !method.is_lifecycle()
}
