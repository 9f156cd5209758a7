//! The state that all services of a layer share, and the decision about one error.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use mcp_layers_core::{Event, McpError, Trail, adapter::visit_json_texts, code};
use mcp_layers_redact::{Lines, sanitize};
use serde_json::{Value, json};

use crate::{
    error_id::make_error_id,
    log::{self, Log, TARGET},
    request::Request,
    settings::{Mode, Settings},
    validation,
};

/// The member of an error's data with the outcome of a call, as `mcp-layers-retry` writes it.
const OUTCOME: &str = "outcome";

const UNKNOWN_OUTCOME: &str =
    "the outcome is unknown, the call may have taken effect: check before you repeat it";

/// The settings and the counts.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) counts: Arc<Counts>,
}

/// The counts and the log, which a change of settings does not reset.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) masked: AtomicU64,
    pub(crate) unlogged: AtomicU64,
    warned: AtomicBool,
    log: Log,
}

/// An error as the caller may see it.
pub(crate) struct Shown {
    pub(crate) error: McpError,
    /// The id, where the error was masked.
    pub(crate) error_id: Option<String>,
}

impl State {
    /// Decides about one error. A masked one goes into the log and into the trail, both under the
    /// id that the caller gets.
    pub(crate) fn error(
        &self,
        error: McpError,
        public: bool,
        request: &Request,
        trail: &mut Trail,
    ) -> Shown {
        if self.stays(error.code, public, trail) {
            let error = self.kept(error, public);
            return Shown {
                error,
                error_id: None,
            };
        }
        let error_id = make_error_id();
        self.record(&error_id, request, &error, trail);
        // An error of a layer that has a cause says nothing itself.
        let shown = match self.settings.mode {
            Mode::Redacted if !public => self.redacted(&error, &error_id),
            Mode::Unmasked => self.revealed(&error, &error_id, trail),
            Mode::Masked | Mode::Redacted => self.masked(&error, &error_id, trail),
        };
        trail.push(Event::Masked {
            error_id: error_id.as_str().into(),
            original: Box::new(error),
        });
        Shown {
            error: shown,
            error_id: Some(error_id),
        }
    }

    /// Returns whether code, message and data are for the caller. An internal error says nothing
    /// itself, but behind it there may be a cause that has to be found again.
    fn stays(&self, code: i32, public: bool, trail: &Trail) -> bool {
        let has_cause = code == code::INTERNAL_ERROR && log::causes(trail).next().is_some();
        let is_of_protocol =
            code != code::INTERNAL_ERROR && (code::is_json_rpc(code) || code::is_mcp(code));
        (public && !has_cause) || is_of_protocol || self.settings.public_codes.contains(&code)
    }

    fn record(&self, error_id: &str, request: &Request, error: &McpError, trail: &Trail) {
        let counts = &self.counts;
        counts.masked.fetch_add(1, Relaxed);
        if !tracing::enabled!(target: TARGET, tracing::Level::ERROR) {
            counts.unlogged.fetch_add(1, Relaxed);
            if !counts.warned.swap(true, Relaxed) {
                // The log cannot say that it is off.
                eprintln!(
                    "mcp-layers-error-mask: errors are masked, but the log target `{TARGET}` is \
                     disabled: nobody can look up the ids that callers get"
                );
            }
            return;
        }
        counts
            .log
            .masked(self.settings.clock.now(), error_id, request, error, trail);
    }

    /// A panic that left no trace in the answer, such as one while the future was dropped: no other
    /// layer would log it.
    pub(crate) fn report_panics(&self, request: &Request, trail: &Trail) {
        let masked = |event: &&Event| matches!(event, Event::Masked { .. });
        let mut since = trail.events().rev().take_while(|event| !masked(event));
        if since.any(|event| matches!(event, Event::Panicked { .. })) {
            let error_id = make_error_id();
            log::survived(&error_id, request, trail);
        }
    }

    /// An unknown outcome is what a layer found, not what the server wrote into its data.
    fn masked(&self, error: &McpError, error_id: &str, trail: &Trail) -> McpError {
        let mut message = format!("{} (id {error_id})", self.settings.message);
        let is_unknown = trail
            .events()
            .any(|event| matches!(event, Event::OutcomeUnknown));
        if is_unknown {
            message = format!("{message}: {UNKNOWN_OUTCOME}");
        }
        let shown = McpError::public(allowed(error.code), message).with("errorId", error_id);
        if is_unknown {
            shown.with(OUTCOME, "unknown")
        } else {
            shown
        }
    }

    fn redacted(&self, error: &McpError, error_id: &str) -> McpError {
        let kept = self.kept(error.clone(), false);
        let kept = match kept.data.clone() {
            Some(data) if !data.is_object() => kept.with("data", data),
            _ => kept,
        };
        kept.with("errorId", error_id)
    }

    fn revealed(&self, error: &McpError, error_id: &str, trail: &Trail) -> McpError {
        let message = sanitize(&error.message, self.settings.max_error_text, Lines::Joined);
        let causes: Vec<_> = log::causes(trail).collect();
        let data = json!({
            "errorId": error_id,
            "unmasked": { "data": error.data, "causes": causes },
        });
        McpError::public(allowed(error.code), message.into_owned()).with_data(data)
    }

    fn kept(&self, mut error: McpError, public: bool) -> McpError {
        let settings = &self.settings;
        error.code = allowed(error.code);
        if settings.mode == Mode::Unmasked {
            return error;
        }
        if settings.hide_echoed_values && error.code == code::INVALID_PARAMS && !public {
            validation::hide(&mut error);
        }
        error.message = self.text(&error.message, Lines::Joined, public).into();
        if let Some(data) = &mut error.data {
            self.kept_data(data, error.code, public);
        }
        error
    }

    /// Data as it is, except secrets and characters that do not show. `uri`, and what the protocol
    /// itself puts there, the client needs to the letter.
    fn kept_data(&self, data: &mut Value, code: i32, public: bool) {
        let uri = data.as_object_mut().and_then(|map| map.remove("uri"));
        let is_free = !code::is_mcp(code) || code == code::RESOURCE_NOT_FOUND;
        let public = public || !is_free;
        if !public {
            self.settings.redactor.redact_json(data);
        }
        visit_json_texts(data, &mut |text| {
            *text = self.text(text, Lines::Kept, public);
        });
        if let (Some(map), Some(uri)) = (data.as_object_mut(), uri) {
            map.insert("uri".to_owned(), uri);
        }
    }

    fn text(&self, text: &str, lines: Lines, public: bool) -> String {
        let max = self.settings.max_error_text;
        if public {
            return sanitize(text, max, lines).into_owned();
        }
        sanitize(&self.settings.redactor.redact_cut(text, max), max, lines).into_owned()
    }
}

/// The code itself where a server may choose it, else -32603.
fn allowed(code: i32) -> i32 {
    if code::is_reserved(code) {
        code::INTERNAL_ERROR
    } else {
        code
    }
}
