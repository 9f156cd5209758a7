//! The outcome of a request, as far as metrics show it.

use mcp_layers_core::{End, McpResponse, code};
use mcp_layers_util::conventions::{CallOutcome, Side};

use crate::{
    attributes::{ERROR_TYPE, OTHER, RESULT_TYPE, STATUS_CODE},
    recorder::Attribute,
};

/// The outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    Shown(CallOutcome),
    /// A protocol error whose code is not shown.
    OtherCode {
        failed: bool,
    },
}

impl Outcome {
    pub(crate) fn of<R: McpResponse>(end: &End<'_, R>) -> Self {
        Self::Shown(CallOutcome::of(end))
    }

    /// The same without the code.
    pub(crate) fn without_code(self, side: Side) -> Self {
        match self {
            Self::Shown(outcome @ CallOutcome::Code(_)) => Self::OtherCode {
                failed: outcome.error_type(side).is_some(),
            },
            other => other,
        }
    }

    pub(crate) fn describe(self, side: Side, attributes: &mut Vec<Attribute>) {
        let mut add = |name, value: String| attributes.push(Attribute::new(name, value));
        match self {
            Self::Shown(outcome) => {
                if let Some(result_type) = outcome.result_type() {
                    add(RESULT_TYPE, result_type.to_owned());
                }
                if let Some(error_type) = outcome.error_type(side) {
                    add(ERROR_TYPE, error_type.into_owned());
                }
                if let Some(code) = outcome.code() {
                    add(STATUS_CODE, code.to_string());
                }
            }
            Self::OtherCode { failed } => {
                if failed {
                    add(ERROR_TYPE, OTHER.to_owned());
                }
                add(STATUS_CODE, OTHER.to_owned());
            }
        }
    }
}

/// Codes of the protocol and of the layers, which are always shown.
pub(crate) fn is_always_shown(code: i32) -> bool {
    code::is_json_rpc(code) || code::is_mcp(code) || code::is_of_layers(code)
}
