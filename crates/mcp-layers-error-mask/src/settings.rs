//! The settings of the layer, as plain values.

use std::{borrow::Cow, collections::BTreeSet};

use mcp_layers_core::Clock;
use mcp_layers_redact::Redactor;

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) message: Cow<'static, str>,
    pub(crate) mode: Mode,
    pub(crate) public_codes: BTreeSet<i32>,
    pub(crate) redactor: Redactor,
    pub(crate) every_result: bool,
    /// In bytes, of the texts of errors and of those of results.
    pub(crate) max_error_text: usize,
    pub(crate) max_result_text: usize,
    pub(crate) hide_echoed_values: bool,
    pub(crate) as_tool_error: bool,
    pub(crate) clock: Clock,
}

/// The treatment of errors that are neither public nor the protocol's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A constant text and an id.
    Masked,
    /// The error's own text and data, redacted.
    Redacted,
    /// Everything, for development.
    Unmasked,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            message: Cow::Borrowed("Internal error"),
            mode: Mode::Masked,
            public_codes: BTreeSet::new(),
            redactor: Redactor::credentials(),
            every_result: false,
            max_error_text: 8 << 10,
            max_result_text: 1 << 20,
            hide_echoed_values: false,
            as_tool_error: false,
            clock: Clock::system(),
        }
    }
}
