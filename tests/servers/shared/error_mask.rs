//! The error mask and its flags.

use std::error::Error;

use mcp_layers::error_mask::{ErrorMaskLayer, Redactor};

use super::{
    layers::{PutAround, put},
    settings::{Flag, Settings},
};

const SCRUB: Flag = Flag {
    name: "--scrub",
    value: "WHAT",
    help: "error-mask: take out none, credentials (the default) or internals",
};

const SCRUB_RESULTS: Flag = Flag {
    name: "--scrub-results",
    value: "WHICH",
    help: "error-mask: scrub the results with errors (the default) or all",
};

pub(crate) const FLAGS: &[Flag] = &[SCRUB, SCRUB_RESULTS];

/// # Errors
/// A flag with an unknown value.
pub(crate) fn make(settings: &Settings) -> Result<PutAround, Box<dyn Error>> {
    let redactor = match settings.get(&SCRUB) {
        Some("none") => Redactor::none(),
        Some("credentials") | None => Redactor::credentials(),
        Some("internals") => Redactor::internals(),
        Some(other) => return Err(format!("--scrub {other:?} is not known").into()),
    };
    let mask = ErrorMaskLayer::new().redactor(redactor);
    let mask = match settings.get(&SCRUB_RESULTS) {
        Some("errors") | None => mask,
        Some("all") => mask.every_result(),
        Some(other) => return Err(format!("--scrub-results {other:?} is not known").into()),
    };
    put(mask)
}
