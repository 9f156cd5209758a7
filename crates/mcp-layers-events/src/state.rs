//! Reports of a layer, and the observer of one call.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use mcp_layers_core::{End, Event, McpRequest, McpResponse, Method, Observer};
use tracing::Level;

use crate::{
    description::Description,
    names::{Names, OTHER},
    recorder::{Label, Recorder},
};

/// State that all services of a layer share.
#[derive(Clone)]
pub(crate) struct State {
    /// The most values of each label.
    pub(crate) max_names: usize,
    pub(crate) names: Arc<Names>,
    pub(crate) recorder: Arc<dyn Recorder>,
}

impl State {
    fn report(&self, method: &str, event: &Event) {
        let description = Description::of(event);
        let label = description.label.as_ref().map(|label| {
            let value = self.names.bounded(label.key, &label.value, self.max_names);
            (label.key, value)
        });
        self.recorder.count(description.event, label);
        let error_id = match event {
            Event::Masked { error_id, .. } => Some(&**error_id),
            _ => None,
        };
        log(&description, label, method, error_id);
    }
}

mcp_layers_core::opaque_debug!(State);

fn log(
    description: &Description<'_>,
    label: Option<Label<'_>>,
    method: &str,
    error_id: Option<&str>,
) {
    let value_of = |key| label.and_then(|(of, value)| (of == key).then_some(value));
    // The level belongs to the call site of a `tracing` event.
    macro_rules! emit {
        ($level:expr) => {
            tracing::event!(
                target: "mcp_layers::events",
                $level,
                event = description.event,
                rule = value_of("rule"),
                circuit = value_of("circuit"),
                reason = value_of("reason"),
                layer = value_of("layer"),
                error_id,
                method,
            )
        };
    }
    match description.level {
        Level::WARN => emit!(Level::WARN),
        Level::INFO => emit!(Level::INFO),
        _ => emit!(Level::DEBUG),
    }
}

/// The observer of one call.
#[derive(Debug)]
pub struct Report {
    state: State,
    method: Method<'static>,
}

impl Report {
    pub(crate) fn new<Req: McpRequest>(state: &State, request: &Req) -> Self {
        Self {
            state: state.clone(),
            method: request.method().known().unwrap_or(Method::Other(OTHER)),
        }
    }
}

impl<Res: McpResponse> Observer<Res> for Report {
    fn on_end(&mut self, end: End<'_, Res>) {
        let End::Answered(response) = end else {
            return;
        };
        for event in response.trail().events() {
            let report = || self.state.report(self.method.as_str(), event);
            // A recorder or a subscriber that panics loses an event, and fails no request.
            let _ = catch_unwind(AssertUnwindSafe(report));
        }
    }
}
