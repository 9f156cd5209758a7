//! The span of one call, from its start to its end.

use std::{borrow::Cow, sync::Arc, time::Instant};

use mcp_layers_core::{
    Catalog, End, Lesson, ListedKind, McpRequest, McpResponse, Method, Observer, Outcome, Trail,
    progress::Progress,
};
use mcp_layers_util::conventions::{CallOutcome, Side};
use opentelemetry::{KeyValue, trace::SpanKind};

use crate::{
    attributes::{self, ERROR_TYPE, RESULT_TYPE, STATUS_CODE},
    backend::{
        Start,
        sealed::{Backend, Span},
    },
    baggage, decisions,
    parent::Origin,
    settings::contain,
    state::State,
    summary::{Attributes, CallEnd, RequestSummary},
    trace_context,
};

/// The longest description of a status, in bytes.
const MAX_DESCRIPTION: usize = 1_024;

/// The span of one call. As an observer it ends the span, however the call ends.
pub(crate) struct CallSpan<B: Backend> {
    state: Arc<State<B>>,
    span: B::Span,
    request: RequestSummary,
    /// The start, if a callback asks for the duration.
    started: Option<Instant>,
    catalog: Catalog,
    lesson: Lesson,
    name: Name,
    /// Reports that a long-lived request was acknowledged.
    acknowledged: Option<Progress>,
    has_ended: bool,
}

/// The name of a span, which has the target in it once the catalog knows the target.
struct Name {
    /// The attribute that shows the target: of tools and prompts.
    key: Option<&'static str>,
    /// The target, as the name shows it.
    target: Option<(ListedKind, Arc<str>)>,
    is_known: bool,
}

impl<B: Backend> CallSpan<B> {
    pub(crate) fn start<Req: McpRequest>(state: &Arc<State<B>>, request: &mut Req) -> Self {
        let settings = &state.settings;
        let started = settings.on_end.is_some().then(|| settings.clock.now());
        let summary = RequestSummary::new(request);
        let catalog = Catalog::of(request, &state.catalog).clone();
        let mut origin = Origin::of(request, &summary, settings, &state.backend);
        if settings.baggage && settings.side == Side::Server {
            origin = origin.with_baggage(request);
        }
        let name = Name::of(request, &summary, settings.uri_in_name, &catalog);
        let span = if settings.skip_unsampled && origin.is_unsampled() {
            state.backend.unrecorded(origin.parent)
        } else {
            state.backend.start(Start {
                name: name.text(summary.method),
                kind: match settings.side {
                    Side::Server => SpanKind::Server,
                    Side::Client => SpanKind::Client,
                },
                attributes: start_attributes(request, &summary, &name, state),
                parent: origin.parent,
                link: origin.link,
            })
        };
        if settings.side == Side::Client {
            let context = span.context();
            trace_context::inject(request, &context);
            if settings.baggage {
                baggage::inject(request, &context);
            }
        }
        let is_long_lived = summary.method.is_long_lived() && !settings.long_spans;
        Self {
            lesson: catalog.lesson(request),
            acknowledged: is_long_lived.then(|| request.context_mut().watch_progress().clone()),
            state: Arc::clone(state),
            span,
            request: summary,
            started,
            catalog,
            name,
            has_ended: false,
        }
    }

    /// The span, for its scope.
    pub(crate) fn span(&self) -> B::Span {
        self.span.clone()
    }

    /// Ends the span of a long-lived request that has been acknowledged.
    pub(crate) fn end_if_acknowledged(&mut self) {
        let is_open = |progress: &Progress| progress.last().is_some();
        if !self.has_ended && self.acknowledged.as_ref().is_some_and(is_open) {
            let outcome = CallOutcome::Complete;
            self.end(outcome, None, &Trail::new(), Vec::new(), true);
        }
    }

    /// Ends the span. `attributes` has a captured result.
    fn end(
        &mut self,
        outcome: CallOutcome,
        message: Option<&str>,
        trail: &Trail,
        mut attributes: Vec<KeyValue>,
        is_opening: bool,
    ) {
        self.has_ended = true;
        let settings = &self.state.settings;
        let since = |started| settings.clock.now().saturating_duration_since(started);
        let end = CallEnd {
            request: &self.request,
            outcome,
            error_type: outcome.error_type(settings.side),
            message,
            trail,
            duration: self.started.map(since).unwrap_or_default(),
            is_opening,
        };
        if let Some(on_end) = &settings.on_end {
            let mut extra = Attributes::default();
            contain(|| on_end(&end, &mut extra));
            attributes.extend(extra.into_vec());
        }
        // An exporter that panics loses a span, and fails no request.
        contain(|| {
            if self.span.is_recording() {
                self.describe(end, attributes);
            }
        });
        contain(|| self.span.end());
    }

    fn describe(&self, end: CallEnd<'_>, mut attributes: Vec<KeyValue>) {
        if let Some(result_type) = end.outcome.result_type() {
            attributes.push(KeyValue::new(RESULT_TYPE, result_type));
        }
        if let Some(code) = end.outcome.code() {
            attributes.push(KeyValue::new(STATUS_CODE, code.to_string()));
        }
        decisions::describe(end.trail, &mut attributes);
        if !self.name.is_known {
            self.rename(&mut attributes);
        }
        if let Some(error_type) = end.error_type {
            attributes.push(KeyValue::new(ERROR_TYPE, error_type));
            let message = end.message.unwrap_or_default();
            let message = self
                .state
                .settings
                .redactor
                .redact_cut(message, MAX_DESCRIPTION);
            self.span.fail(message.into_owned().into());
        }
        if !attributes.is_empty() {
            self.span.set(attributes);
        }
    }

    /// Looks again for a target that the catalog did not know before the call.
    fn rename(&self, attributes: &mut Vec<KeyValue>) {
        let target = self.name.target.as_ref();
        let target = target.filter(|(kind, _)| {
            let sent = self.request.target.as_ref();
            sent.is_some_and(|sent| self.catalog.knows(*kind, sent))
        });
        let target = target.map(|(_, target)| target);
        if target.is_some() {
            let name = attributes::span_name(self.request.method, target);
            self.span.rename(name);
        }
        if let Some(key) = self.name.key {
            attributes.push(attributes::of_target(key, target));
        }
    }
}

impl<B: Backend, Res: McpResponse> Observer<Res> for CallSpan<B> {
    fn on_end(&mut self, end: End<'_, Res>) {
        let outcome = CallOutcome::of(&end);
        let End::Answered(response) = end else {
            if !self.has_ended {
                self.end(outcome, None, &Trail::new(), Vec::new(), false);
            }
            return;
        };
        self.lesson.learn(&*response);
        if self.has_ended {
            return;
        }
        let mut result = Vec::new();
        if let (Some(capture), Method::CallTool, Some(tool)) = (
            &self.state.settings.capture,
            self.request.method,
            &self.request.target,
        ) && self.span.is_recording()
        {
            capture.of_result(tool, &*response, &mut result);
        }
        let message = match response.outcome() {
            Outcome::Protocol { message, .. } => Some(message),
            _ => None,
        };
        self.end(outcome, message, response.trail(), result, false);
    }
}

impl Name {
    fn of<Req: McpRequest>(
        request: &Req,
        summary: &RequestSummary,
        uri_in_name: bool,
        catalog: &Catalog,
    ) -> Self {
        let kind = summary.target_kind;
        let key = attributes::target_key(summary.method, kind);
        let key = key.filter(|_| summary.target.is_some());
        let target = match (key, &summary.target) {
            (Some(_), Some(target)) => Some(Arc::clone(target)),
            _ if uri_in_name => attributes::resource_uri(request).map(Arc::from),
            _ => None,
        };
        let target = target.filter(|target| attributes::is_shown(target));
        Self {
            is_known: target.is_none() && key.is_none() || catalog.knows_target(request),
            target: kind.zip(target),
            key,
        }
    }

    fn text(&self, method: Method<'static>) -> Cow<'static, str> {
        attributes::span_name(method, self.shown())
    }

    fn shown(&self) -> Option<&Arc<str>> {
        let (_, target) = self.target.as_ref().filter(|_| self.is_known)?;
        Some(target)
    }
}

fn start_attributes<B: Backend, Req: McpRequest>(
    request: &Req,
    summary: &RequestSummary,
    name: &Name,
    state: &State<B>,
) -> Vec<KeyValue> {
    let settings = &state.settings;
    let mut attributes = Vec::with_capacity(16);
    attributes::of_request(request, summary, settings, &mut attributes);
    if let Some(key) = name.key.filter(|_| name.is_known) {
        attributes.push(attributes::of_target(key, name.shown()));
    }
    if let (Some(capture), Some(target)) = (&settings.capture, request.target()) {
        let arguments = request.arguments();
        match request.method() {
            Method::CallTool => capture.of_arguments(target, arguments, &mut attributes),
            Method::GetPrompt => capture.of_variables(target, arguments, &mut attributes),
            _ => {}
        }
    }
    if let Some(on_start) = &settings.on_start {
        let mut extra = Attributes::default();
        contain(|| on_start(summary, &mut extra));
        attributes.extend(extra.into_vec());
    }
    attributes
}
