//! State of a layer, and of a request in flight.

use std::{sync::Arc, time::Instant};

use mcp_layers_core::{Catalog, Clock, End, Lesson, McpRequest, McpResponse, Method, Observer};

use crate::{
    attributes::{self, Wire},
    labels::Labels,
    outcome::Outcome,
    series::{Key, Name, Series},
    settings::Settings,
};

/// State that all services of a layer share.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) clock: Clock,
    pub(crate) series: Arc<Series>,
    /// The names that the server is known to have, where the request carries no catalog.
    pub(crate) catalog: Catalog,
}

impl State {
    fn labels(&self, method: Method<'_>) -> Option<&Labels> {
        match method {
            Method::CallTool => Some(&self.series.tools),
            Method::GetPrompt => Some(&self.series.prompts),
            _ => None,
        }
    }
}

/// The measurement of one request in flight.
#[derive(Debug)]
pub struct Measurement {
    state: Arc<State>,
    method: Method<'static>,
    name: Name,
    wire: Wire,
    started: Instant,
    lesson: Lesson,
    /// The name of a tool or prompt that the catalog did not know before the call.
    unknown: Option<(Catalog, Box<str>)>,
}

impl Measurement {
    pub(crate) fn start<Req: McpRequest>(state: &Arc<State>, request: &Req) -> Self {
        let started = state.clock.now();
        let method = attributes::method_of(request);
        let catalog = Catalog::of(request, &state.catalog);
        let mut name = Name::None;
        let mut unknown = None;
        if let (Some(labels), Some(target)) = (state.labels(method), request.target()) {
            if catalog.knows_target(request) {
                name = labels.of(target, state.settings.max_names).into();
            } else {
                name = Name::Other;
                unknown = Some((catalog.clone(), target.into()));
            }
        }
        state.series.count_active(state.settings.side, method, 1);
        Self {
            method,
            name,
            wire: Wire::of(request),
            started,
            lesson: catalog.lesson(request),
            unknown,
            state: Arc::clone(state),
        }
    }

    /// Learns from the answer, and looks again for a name that was not known before the call.
    fn learn<Res: McpResponse>(&mut self, end: &End<'_, Res>) {
        if let End::Answered(response) = end {
            self.lesson.learn(&**response);
        }
        if let (Some(labels), Some(kind), Some((catalog, name))) = (
            self.state.labels(self.method),
            self.method.target_kind(),
            &self.unknown,
        ) && catalog.knows(kind, name)
        {
            self.name = labels.of(name, self.state.settings.max_names).into();
        }
    }
}

impl<Res: McpResponse> Observer<Res> for Measurement {
    fn on_end(&mut self, end: End<'_, Res>) {
        let duration = self.state.clock.now();
        let duration = duration.saturating_duration_since(self.started);
        self.learn(&end);
        let key = Key {
            method: self.method,
            name: self.name.clone(),
            wire: self.wire,
            outcome: Outcome::of(&end),
        };
        let State {
            settings, series, ..
        } = &*self.state;
        series.record(settings, key, duration);
        series.count_active(settings.side, self.method, -1);
    }
}
