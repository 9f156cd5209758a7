//! The layer and its setters.

use std::sync::{Arc, OnceLock};

use mcp_layers_core::{Clock, ConfigError};
use mcp_layers_redact::Redactor;
use tower_layer::Layer;

use crate::{
    handle::ErrorMaskHandle,
    log::TARGET,
    service::ErrorMask,
    settings::{Mode, Settings},
    state::{Counts, State},
};

/// Masks internal errors and redacts secrets in what callers of an MCP server read.
///
/// Clones, and the services that they make, share counts and log. Later settings do not change
/// that.
#[derive(Debug, Clone, Default)]
pub struct ErrorMaskLayer {
    settings: Settings,
    counts: Arc<Counts>,
    /// Made with the first service, and dropped by a setter.
    state: OnceLock<Arc<State>>,
}

impl ErrorMaskLayer {
    /// Masks every error that is neither public nor the protocol's own: callers read "Internal
    /// error (id …)" instead.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Masks **nothing**: callers read the messages, data and causes of every error, under the same
    /// ids and codes, and no text is redacted. For a developer's own machine; a warning in the log
    /// says so each time.
    #[must_use]
    pub fn unmasked_for_development() -> Self {
        tracing::warn!(
            target: TARGET,
            "errors are NOT masked: callers read internals and secrets; use `ErrorMaskLayer::new` \
             outside of development"
        );
        Self::new()
            .redactor(Redactor::none())
            .set(|settings| settings.mode = Mode::Unmasked)
    }

    /// Redacts errors instead of masking them: message and data stay, without secrets, and
    /// `data.errorId` is added. For servers that answer with -32603 what the model needs to correct
    /// itself. A secret without a known form is not found. Panics and errors of layers are masked
    /// all the same.
    #[must_use]
    pub fn keep_texts(self) -> Self {
        self.set(|settings| settings.mode = Mode::Redacted)
    }

    /// Answers `tools/call` with a result that has `isError: true` instead of a masked error, so
    /// that the model reads "Internal error (id …)".
    #[must_use]
    pub fn as_tool_error(self) -> Self {
        self.set(|settings| settings.as_tool_error = true)
    }

    /// Sets the redactor of texts that stay: [`Redactor::credentials`] by default.
    #[must_use]
    pub fn redactor(self, redactor: Redactor) -> Self {
        self.set(|settings| settings.redactor = redactor)
    }

    /// Redacts every result, not only those with `isError`. Lists and the answers of the lifecycle
    /// stay: the names in them have to be recognised.
    #[must_use]
    pub fn every_result(self) -> Self {
        self.set(|settings| settings.every_result = true)
    }

    /// Declares codes of the server's own as public: their message and data are meant for callers.
    /// A handler whose error type has no mark for public errors answers with one of these codes.
    /// With rmcp: `ErrorData::new(ErrorCode(1001), "None left until Monday", None)`.
    ///
    /// # Errors
    /// When the protocol reserves a code (-32768 to -32000, 2026-07-28, basic/index, "Error
    /// codes"). The protocol's own codes are public already, and -32603 cannot be.
    pub fn public_codes(self, codes: impl IntoIterator<Item = i32>) -> Result<Self, ConfigError> {
        let codes: Vec<_> = codes.into_iter().collect();
        if let Some(code) = codes.iter().find(|code| (-32768..=-32000).contains(*code)) {
            let problem = "is reserved by the protocol; choose one outside of -32768 to -32000";
            return Err(ConfigError::new(format!("public code {code} {problem}")));
        }
        Ok(self.set(|settings| settings.public_codes.extend(codes)))
    }

    /// Sets the message of masked errors, to which the id is added: "Internal error" by default.
    /// One concise sentence (2026-07-28, basic/index).
    #[must_use]
    pub fn message(self, message: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        self.set(|settings| settings.message = message.into())
    }

    /// Sets the maximum length in bytes of the message of an error that is kept, and of each text
    /// in its data: 8 KiB by default. The rest is cut off; `data.uri` is not cut.
    ///
    /// # Errors
    /// When it is zero.
    pub fn max_error_text(self, bytes: usize) -> Result<Self, ConfigError> {
        let bytes = at_least_one("max_error_text", bytes)?;
        Ok(self.set(|settings| settings.max_error_text = bytes))
    }

    /// Sets the maximum length in bytes of each text of a result that is redacted: 1 MiB by
    /// default. The rest is not looked at, and therefore cut off.
    ///
    /// # Errors
    /// When it is zero.
    pub fn max_result_text(self, bytes: usize) -> Result<Self, ConfigError> {
        let bytes = at_least_one("max_result_text", bytes)?;
        Ok(self.set(|settings| settings.max_result_text = bytes))
    }

    /// Hides the values that validation errors (-32602) repeat of the request: those in quotation
    /// marks, those that serde was given, and `data` except `uri`. What was expected stays.
    #[must_use]
    pub fn hide_echoed_values(self) -> Self {
        self.set(|settings| settings.hide_echoed_values = true)
    }

    /// Sets the clock by which the log is limited to one line a second: the system's by default.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        self.set(|settings| settings.clock = clock)
    }

    /// Returns a handle with the counts of this layer.
    #[must_use]
    pub fn handle(&self) -> ErrorMaskHandle {
        ErrorMaskHandle {
            counts: Arc::clone(&self.counts),
        }
    }

    fn set(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(&mut self.settings);
        self.state = OnceLock::new();
        self
    }
}

fn at_least_one(setting: &str, value: usize) -> Result<usize, ConfigError> {
    match value {
        0 => Err(ConfigError::new(format!("{setting} is 0; the least is 1"))),
        value => Ok(value),
    }
}

impl<S> Layer<S> for ErrorMaskLayer {
    type Service = ErrorMask<S>;

    fn layer(&self, inner: S) -> ErrorMask<S> {
        let state = self.state.get_or_init(|| {
            Arc::new(State {
                settings: self.settings.clone(),
                counts: Arc::clone(&self.counts),
            })
        });
        ErrorMask::with_state(inner, Arc::clone(state))
    }
}
