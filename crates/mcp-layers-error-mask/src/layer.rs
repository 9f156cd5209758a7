//! The settings.

use std::{collections::BTreeSet, fmt, num::NonZeroUsize, sync::Arc};

use mcp_layers_core::ConfigError;
use tower_layer::Layer;

use crate::{ErrorMask, MakeErrorId, RandomErrorId, Scrub, code, mask::Mask};

/// Keeps what happened inside out of what the caller reads.
///
/// Clones, and the services that they make, share their settings. The layer has no other state.
#[derive(Clone)]
pub struct ErrorMaskLayer {
    mask: Arc<Mask>,
}

impl ErrorMaskLayer {
    /// How many bytes the text of an error may have unless [`ErrorMaskLayer::max_text`] says
    /// otherwise: 8 KiB.
    pub const DEFAULT_MAX_TEXT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(8 * 1024 - 1);

    /// Masks every error that is neither public nor the protocol's own.
    #[must_use]
    pub fn new() -> Self {
        Self {
            mask: Arc::new(Mask {
                message: "Internal error",
                error_id: Arc::new(RandomErrorId),
                public_codes: BTreeSet::new(),
                scrub: Scrub::credentials(),
                max_text: Self::DEFAULT_MAX_TEXT,
                hide_echoed_values: false,
                unmasked: false,
            }),
        }
    }

    /// Masks **nothing**: callers read the messages, data and causes of every error, under the same
    /// ids and codes, and no text is scrubbed. For a developer's own machine; a warning in the log
    /// says so each time.
    #[must_use]
    pub fn unmasked_for_development() -> Self {
        tracing::warn!(
            target: crate::TARGET,
            "errors are NOT masked: callers read internals and secrets; use `ErrorMaskLayer::new` \
             outside of development"
        );
        Self::new().set(|mask| {
            mask.unmasked = true;
            mask.scrub = Scrub::none();
        })
    }

    /// What is taken out of texts that stay: [`Scrub::credentials`] by default.
    #[must_use]
    pub fn scrub(self, scrub: Scrub) -> Self {
        self.set(|mask| mask.scrub = scrub)
    }

    /// Declares codes of the server's own as public: their message and data are meant for callers.
    /// This is how a handler says so whose error type has no mark for it: it answers with one of
    /// these codes. Of rmcp: `ErrorData::new(ErrorCode(1001), "None left until Monday", None)`.
    ///
    /// # Errors
    /// When the protocol reserves a code (-32768 to -32000, 2026-07-28, basic/index, "Error
    /// codes"). The codes in which it speaks itself are public already, and -32603 cannot be.
    pub fn public_codes(self, codes: impl IntoIterator<Item = i32>) -> Result<Self, ConfigError> {
        let codes: Vec<_> = codes.into_iter().collect();
        let reserved = |code: &&i32| (-32768..=-32000).contains(*code);
        if let Some(code) = codes.iter().find(reserved) {
            let problem = "is reserved by the protocol; choose one outside of -32768 to -32000";
            return Err(ConfigError::new(format!("public code {code} {problem}")));
        }
        debug_assert!(codes.iter().all(|code| !code::is_reserved(*code)));
        Ok(self.set(|mask| mask.public_codes.extend(codes)))
    }

    /// The message of every masked error: "Internal error" by default. One concise sentence
    /// (2026-07-28, basic/index).
    #[must_use]
    pub fn message(self, message: &'static str) -> Self {
        self.set(|mask| mask.message = message)
    }

    /// Makes the ids of errors: [`RandomErrorId`] by default.
    #[must_use]
    pub fn error_id(self, maker: impl MakeErrorId) -> Self {
        self.set(|mask| mask.error_id = Arc::new(maker))
    }

    /// How many bytes the message of an error that is kept may have, and each text in its data: 8
    /// KiB by default. What is beyond is cut off; `data.uri` is not.
    #[must_use]
    pub fn max_text(self, bytes: NonZeroUsize) -> Self {
        self.set(|mask| mask.max_text = bytes)
    }

    /// Hides what validation errors (-32602) repeat of the request: values in quotation marks, what
    /// serde says it was given, and `data` but for `uri`. What was expected stays.
    #[must_use]
    pub fn hide_echoed_values(self) -> Self {
        self.set(|mask| mask.hide_echoed_values = true)
    }

    fn set(self, set: impl FnOnce(&mut Mask)) -> Self {
        let mut mask = Mask {
            message: self.mask.message,
            error_id: Arc::clone(&self.mask.error_id),
            public_codes: self.mask.public_codes.clone(),
            scrub: self.mask.scrub.clone(),
            max_text: self.mask.max_text,
            hide_echoed_values: self.mask.hide_echoed_values,
            unmasked: self.mask.unmasked,
        };
        set(&mut mask);
        Self {
            mask: Arc::new(mask),
        }
    }
}

impl Default for ErrorMaskLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for ErrorMaskLayer {
    type Service = ErrorMask<S>;

    fn layer(&self, inner: S) -> ErrorMask<S> {
        ErrorMask::new(inner, Arc::clone(&self.mask))
    }
}

impl fmt::Debug for ErrorMaskLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorMaskLayer")
            .field("message", &self.mask.message)
            .field("public_codes", &self.mask.public_codes)
            .field("scrub", &self.mask.scrub)
            .field("max_text", &self.mask.max_text)
            .field("hide_echoed_values", &self.mask.hide_echoed_values)
            .field("unmasked", &self.mask.unmasked)
            .finish_non_exhaustive()
    }
}
