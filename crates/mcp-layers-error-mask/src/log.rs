//! What the operator reads under the id that the caller got.

use std::panic::{AssertUnwindSafe, catch_unwind};

use mcp_layers_core::{Event, McpError, Method, Trail};

use crate::neutral::cut;

/// How many bytes of one text go into the log.
const MAX_TEXT: usize = 64 * 1024;

/// Writes what was masked. Texts are escaped as Rust escapes them, so that one record is one line.
pub(crate) fn masked(error_id: &str, method: Method<'_>, original: &McpError, trail: &Trail) {
    contained(|| {
        let data = original.data.as_ref().map(ToString::to_string);
        tracing::error!(
            target: crate::TARGET,
            error_id,
            method = %bounded(method.as_str()),
            code = original.code,
            error = ?bounded(&original.message),
            data = data.as_deref().map(bounded),
            causes = ?causes(trail).map(bounded).collect::<Vec<_>>(),
            "an error was masked"
        );
    });
}

/// Writes what went wrong without a trace in the answer.
pub(crate) fn survived(error_id: &str, method: Method<'_>, trail: &Trail) {
    contained(|| {
        tracing::error!(
            target: crate::TARGET,
            error_id,
            method = %bounded(method.as_str()),
            causes = ?causes(trail).map(bounded).collect::<Vec<_>>(),
            "a panic did not change the answer"
        );
    });
}

/// What panics and errors of layers said since the last mask.
pub(crate) fn causes(trail: &Trail) -> impl Iterator<Item = &str> {
    let masked = |event: &&Event| matches!(event, Event::Masked { .. });
    let since = trail.events().rev().take_while(move |event| !masked(event));
    since.filter_map(|event| match event {
        Event::Panicked { message } => Some(&**message),
        Event::Failed { cause } => Some(&**cause),
        _ => None,
    })
}

fn bounded(text: &str) -> String {
    let mut text = text.to_owned();
    cut(&mut text, MAX_TEXT);
    text
}

/// A subscriber that panics takes no answer with it.
fn contained(log: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(log));
}
