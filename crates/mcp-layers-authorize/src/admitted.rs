//! An allowed request that was sent on: the treatment of its response.

use std::sync::Arc;

use mcp_layers_core::{
    Catalog, Lesson, ListedKind, McpRequest, McpResponse, Outcome, Principal, code,
};

use crate::{list::ListFilter, rejection::UnknownName, state::Guard};

/// The parts of an allowed request that its response needs.
pub(crate) struct Admitted<To> {
    guard: Guard,
    principal: Arc<Principal>,
    lesson: Lesson,
    /// True if the target is known to exist.
    is_known: bool,
    target: UnknownName,
    reply_to: To,
}

impl<To> Admitted<To> {
    pub(crate) fn new<Req: McpRequest<ReplyTo = To>>(
        guard: Guard,
        principal: Arc<Principal>,
        request: &Req,
    ) -> Self {
        let catalog = Catalog::of(request, &guard.state.catalog);
        let is_known = match (request.target_kind(), request.target()) {
            (Some(ListedKind::Task), Some(id)) => guard.state.tasks.is_own(id, &principal),
            (Some(kind), Some(name)) => {
                guard.policy.knows(kind, name) || catalog.knows_target(request)
            }
            _ => true,
        };
        Self {
            lesson: catalog.lesson(request),
            is_known,
            target: UnknownName::of(request),
            reply_to: request.reply_to(),
            guard,
            principal,
        }
    }

    /// Gives the response the form that its caller gets; a list is still to be filtered.
    pub(crate) fn finish<R: McpResponse<ReplyTo = To>>(
        self,
        response: R,
    ) -> Result<R, ListFilter<R>> {
        self.lesson.learn(&response);
        match response.outcome() {
            Outcome::Protocol { code, data, .. }
                if self.is_about_unknown(code, self.target.is_named_by(data)) =>
            {
                return Ok(self.answer_unknown(response));
            }
            Outcome::Protocol { .. } => return Ok(response),
            Outcome::TaskCreated => {
                if let Some(task) = response.task_id() {
                    self.guard.state.tasks.bind(task, &self.principal);
                }
                return Ok(response);
            }
            Outcome::InputRequired => {
                if let Some(token) = response.request_state() {
                    self.guard.state.states.bind(token, &self.principal);
                }
                return Ok(response);
            }
            _ => {}
        }
        if !self.target.method.is_some_and(|method| method.is_list()) {
            return Ok(response);
        }
        let is_modern = self.target.is_modern;
        let filter = ListFilter::new(self.guard, &self.principal, is_modern, response);
        if filter.is_decided() {
            return Ok(filter.finish());
        }
        Err(filter)
    }

    /// True if the error can be the answer to an unknown name, and something of the kind is hidden
    /// from the caller. An error about a name that is known is about the arguments, unless it says that
    /// the resource was not found: a template vouches for more uris than exist.
    fn is_about_unknown(&self, code: i32, is_named: bool) -> bool {
        let is_about_name = match code {
            code::RESOURCE_NOT_FOUND => true,
            code::INVALID_PARAMS => is_named || !self.is_known,
            code::METHOD_NOT_FOUND => !self.is_known,
            _ => false,
        };
        let hides = |kind| self.guard.policy.hides(kind, &self.principal);
        match (self.target.kind, self.target.method) {
            // Otherwise the server is asked about the caller's own tasks alone.
            (Some(ListedKind::Task), _) => is_about_name && self.guard.settings.allow_unbound_tasks,
            (Some(kind), _) => is_about_name && hides(Some(kind)),
            (None, Some(_)) => false,
            (None, None) => code == code::METHOD_NOT_FOUND && hides(None),
        }
    }

    /// The answer that a hidden name gets, byte for byte.
    fn answer_unknown<R: McpResponse<ReplyTo = To>>(self, mut response: R) -> R {
        let earlier = std::mem::take(response.trail_mut());
        let mut answer = R::from_error(self.reply_to, self.target.error());
        answer.trail_mut().prepend(earlier);
        answer
    }
}
