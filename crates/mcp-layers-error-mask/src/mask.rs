//! What a caller gets to see of an error.

use std::{borrow::Cow, collections::BTreeSet, num::NonZeroUsize, sync::Arc};

use mcp_layers_core::{Event, McpError, Method, Trail, code, visit_json_texts};
use serde_json::{Value, json};

use crate::{
    MakeErrorId, Scrub, code as codes, echo, error_id, log,
    neutral::{Lines, tidy},
};

/// The settings of a layer, shared by all its services.
pub(crate) struct Mask {
    pub(crate) message: &'static str,
    pub(crate) error_id: Arc<dyn MakeErrorId>,
    pub(crate) public_codes: BTreeSet<i32>,
    pub(crate) scrub: Scrub,
    pub(crate) max_text: NonZeroUsize,
    pub(crate) hide_echoed_values: bool,
    pub(crate) unmasked: bool,
}

impl Mask {
    /// The error as the caller may see it. What was hidden goes into the log and into the trail,
    /// both under the id that the caller gets.
    pub(crate) fn error(
        &self,
        error: McpError,
        public: bool,
        method: Method<'_>,
        trail: &mut Trail,
    ) -> McpError {
        if self.stays(error.code, public, trail) {
            return self.kept(error, public);
        }
        let error_id = error_id::make(&*self.error_id);
        log::masked(&error_id, method, &error, trail);
        let code = codes::allowed(error.code);
        let shown = if self.unmasked {
            self.revealed(code, &error, &error_id, trail)
        } else {
            McpError::public(code, self.message).with("errorId", error_id.as_str())
        };
        trail.push(Event::Masked {
            error_id: error_id.into(),
            original: Box::new(error),
        });
        shown
    }

    /// Whether code, message and data are for the caller. An internal error says nothing by
    /// itself, but behind it there may be a cause that has to be found again.
    fn stays(&self, code: i32, public: bool, trail: &Trail) -> bool {
        let has_cause = code == code::INTERNAL_ERROR && log::causes(trail).next().is_some();
        (public && !has_cause) || codes::is_of_protocol(code) || self.public_codes.contains(&code)
    }

    fn kept(&self, mut error: McpError, public: bool) -> McpError {
        error.code = codes::allowed(error.code);
        if self.unmasked {
            return error;
        }
        if self.hide_echoed_values && error.code == code::INVALID_PARAMS && !public {
            echo::hide(&mut error);
        }
        let mut message = error.message.into_owned();
        if !public && !self.scrub.is_none() {
            self.scrub.scrub(&mut message);
        }
        tidy(&mut message, self.max_text.get(), Lines::Joined);
        error.message = message.into();
        error.data = error
            .data
            .map(|data| self.kept_data(data, error.code, public));
        error
    }

    /// Data as it is, but for secrets and for characters that do not show. What the protocol itself
    /// puts there, the client needs to the letter.
    fn kept_data(&self, mut data: Value, code: i32, public: bool) -> Value {
        let uri = data.as_object_mut().and_then(|map| map.remove("uri"));
        let is_free = !matches!(
            code,
            code::HEADER_MISMATCH
                | code::MISSING_CLIENT_CAPABILITY
                | code::UNSUPPORTED_PROTOCOL_VERSION
                | code::URL_ELICITATION_REQUIRED
        );
        if is_free && !public && !self.scrub.is_none() {
            self.scrub.json(&mut data);
        }
        visit_json_texts(&mut data, &mut |text| {
            tidy(text, self.max_text.get(), Lines::Kept);
        });
        if let (Some(map), Some(uri)) = (data.as_object_mut(), uri) {
            map.insert("uri".to_owned(), uri);
        }
        data
    }

    fn revealed(&self, code: i32, error: &McpError, error_id: &str, trail: &Trail) -> McpError {
        let mut message = error.message.to_string();
        tidy(&mut message, self.max_text.get(), Lines::Joined);
        let data = json!({
            "errorId": error_id,
            "unmasked": { "data": error.data, "causes": log::causes(trail).collect::<Vec<_>>() },
        });
        McpError::public(code, Cow::Owned(message)).with_data(data)
    }
}
