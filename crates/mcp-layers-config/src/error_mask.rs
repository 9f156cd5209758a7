//! The table `error_mask`.

use mcp_layers_error_mask::ErrorMaskLayer;
use serde::{Deserialize, Serialize};

use crate::{
    error::{ConfigError, at},
    redactor::RedactorSettings,
    table::Table,
    value::ByteSize,
};

/// Settings of an [`ErrorMaskLayer`]: `[error_mask]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ErrorMaskSettings {
    /// Masks nothing, and redacts nothing: for a developer's own machine.
    pub unmasked_for_development: bool,
    /// Redacts errors instead of masking them.
    pub keep_texts: bool,
    /// Answers calls of tools with a result that has `isError: true` instead of a masked error.
    pub as_tool_error: bool,
    /// The redactor of texts that stay.
    pub redactor: RedactorSettings,
    /// Redacts every result, not only those with `isError`.
    pub every_result: bool,
    /// Codes of the server's own whose messages are meant for callers.
    pub public_codes: Vec<i32>,
    /// The message of masked errors.
    pub message: String,
    /// The maximum length of each text of an error that is kept.
    pub max_error_text: ByteSize,
    /// The maximum length of each text of a result that is redacted.
    pub max_result_text: ByteSize,
    /// Hides the values that validation errors repeat of the request.
    pub hide_echoed_values: bool,
}

impl Default for ErrorMaskSettings {
    fn default() -> Self {
        Self {
            unmasked_for_development: false,
            keep_texts: false,
            as_tool_error: false,
            redactor: RedactorSettings::default(),
            every_result: false,
            public_codes: Vec::new(),
            message: "Internal error".to_owned(),
            max_error_text: ByteSize::new(8 << 10),
            max_result_text: ByteSize::new(1 << 20),
            hide_echoed_values: false,
        }
    }
}

impl ErrorMaskSettings {
    /// Builds the layer. `unmasked_for_development` logs a warning.
    ///
    /// # Errors
    /// As the setters of [`ErrorMaskLayer`], and if something is to be redacted of what is not masked.
    pub fn layer(&self) -> Result<ErrorMaskLayer, ConfigError> {
        let layer = self.masked()?;
        if !self.unmasked_for_development {
            return Ok(layer);
        }
        Ok(self.with_switches(ErrorMaskLayer::unmasked_for_development()))
    }

    fn masked(&self) -> Result<ErrorMaskLayer, ConfigError> {
        let redacts = self.keep_texts || self.redactor != RedactorSettings::default();
        if self.unmasked_for_development && redacts {
            let problem = "it cannot be combined with `keep_texts` or `redactor`";
            let path = "error_mask.unmasked_for_development";
            return Err(ConfigError::new(path, problem));
        }
        let mut layer = ErrorMaskLayer::new()
            .redactor(self.redactor.redactor("error_mask.redactor")?)
            .public_codes(self.public_codes.iter().copied())
            .map_err(at("error_mask.public_codes"))?
            .message(self.message.clone())
            .max_error_text(self.max_error_text.in_memory())
            .map_err(at("error_mask.max_error_text"))?
            .max_result_text(self.max_result_text.in_memory())
            .map_err(at("error_mask.max_result_text"))?;
        if self.keep_texts {
            layer = layer.keep_texts();
        }
        Ok(self.with_switches(layer))
    }

    fn with_switches(&self, mut layer: ErrorMaskLayer) -> ErrorMaskLayer {
        if self.as_tool_error {
            layer = layer.as_tool_error();
        }
        if self.every_result {
            layer = layer.every_result();
        }
        if self.hide_echoed_values {
            layer = layer.hide_echoed_values();
        }
        layer
    }
}

impl Table for ErrorMaskSettings {
    type Layer = ErrorMaskLayer;
    type Live = ();

    fn build(&self) -> Result<(ErrorMaskLayer, ()), ConfigError> {
        Ok((self.layer()?, ()))
    }

    /// Without the warning of an unmasked layer.
    fn check(&self) -> Result<(), ConfigError> {
        self.masked().map(drop)
    }
}
