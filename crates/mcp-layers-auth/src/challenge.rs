//! What the `WWW-Authenticate` header says.

use std::fmt::Write as _;

use http::HeaderValue;
use mcp_layers_core::ConfigError;

use crate::ResourceMetadata;

/// A `WWW-Authenticate: Bearer` challenge (RFC 6750, section 3; RFC 9728, section 5.1).
///
/// Every value is checked when it is set: RFC 6750 allows no quotes, backslashes or control
/// characters in them, so that nothing is ever escaped and nothing can leave its quotes.
///
/// ```
/// use mcp_layers_auth::{BearerError, Challenge};
///
/// # fn main() -> Result<(), mcp_layers_core::ConfigError> {
/// let challenge = Challenge::new()
///     .with_error(BearerError::InsufficientScope)
///     .with_scopes(["tools", "admin"])?
///     .with_resource_metadata("https://mcp.example/.well-known/oauth-protected-resource")?;
/// assert_eq!(
///     challenge.to_header_value(),
///     "Bearer error=\"insufficient_scope\", scope=\"tools admin\", \
///      resource_metadata=\"https://mcp.example/.well-known/oauth-protected-resource\"",
/// );
///
/// assert!(Challenge::new().with_scopes(["tools\", error=\"x"]).is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Challenge {
    error: Option<BearerError>,
    description: Option<Box<str>>,
    scope: Option<Box<str>>,
    resource_metadata: Option<Box<str>>,
}

/// Why a bearer token was not enough (RFC 6750, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BearerError {
    /// `invalid_request`, status 400: the request is malformed, or has several credentials.
    InvalidRequest,
    /// `invalid_token`, status 401: expired, revoked, malformed, or meant for somebody else.
    InvalidToken,
    /// `insufficient_scope`, status 403: the token is good and does not reach this far.
    InsufficientScope,
}

impl BearerError {
    /// The word of RFC 6750.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
        }
    }
}

impl Challenge {
    /// A bare challenge: a request without any credential gets no error code (RFC 6750,
    /// section 3.1).
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `error`.
    #[must_use]
    pub fn with_error(mut self, error: BearerError) -> Self {
        self.error = Some(error);
        self
    }

    /// Sets `error_description`: a sentence for developers.
    ///
    /// # Errors
    ///
    /// The text is empty, or has other characters than printable ASCII without `"` and `\`
    /// (RFC 6750, section 3).
    pub fn with_description(mut self, text: impl Into<Box<str>>) -> Result<Self, ConfigError> {
        let text = text.into();
        if text.is_empty() || !text.bytes().all(|byte| byte == b' ' || is_scope_byte(byte)) {
            return Err(ConfigError::new(
                "an error description is printable ASCII without quotes and backslashes",
            ));
        }
        self.description = Some(text);
        Ok(self)
    }

    /// Sets `scope`: what the operation needs, in this order, each once. No scopes, no `scope`.
    ///
    /// # Errors
    ///
    /// A scope is empty, or has other characters than RFC 6749, section 3.3 allows: printable ASCII
    /// without space, `"` and `\`.
    pub fn with_scopes<T: AsRef<str>>(
        mut self,
        scopes: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        let mut joined = String::new();
        for scope in scopes {
            let scope = scope.as_ref();
            if !is_scope(scope) {
                return Err(ConfigError::new(format!(
                    "{scope:?} is no scope: printable ASCII without space, quotes and backslashes"
                )));
            }
            if !joined.split(' ').any(|have| have == scope) {
                if !joined.is_empty() {
                    joined.push(' ');
                }
                joined.push_str(scope);
            }
        }
        self.scope = (!joined.is_empty()).then(|| joined.into());
        Ok(self)
    }

    /// Sets `resource_metadata`: the URL of the protected resource's metadata (RFC 9728, section
    /// 5.1).
    ///
    /// # Errors
    ///
    /// The text is no absolute `http` or `https` URL, or has characters that no URL has.
    pub fn with_resource_metadata(mut self, url: impl Into<Box<str>>) -> Result<Self, ConfigError> {
        let url = url.into();
        let absolute = url
            .parse::<http::Uri>()
            .is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")));
        if !absolute || !is_scope(&url) {
            return Err(ConfigError::new(
                "resource_metadata is an absolute http or https URL",
            ));
        }
        self.resource_metadata = Some(url);
        Ok(self)
    }

    /// Sets `resource_metadata` to a URL that was checked when the metadata was made.
    pub(crate) fn with_metadata(mut self, metadata: &ResourceMetadata) -> Self {
        self.resource_metadata = Some(metadata.url().into());
        self
    }

    /// The value of the header.
    #[must_use]
    pub fn to_header_value(&self) -> HeaderValue {
        let parameters = [
            ("error", self.error.map(BearerError::as_str)),
            ("error_description", self.description.as_deref()),
            ("scope", self.scope.as_deref()),
            ("resource_metadata", self.resource_metadata.as_deref()),
        ];
        let mut text = String::from("Bearer");
        let mut separator = " ";
        for (name, value) in parameters {
            if let Some(value) = value {
                // Writing to a string does not fail.
                let _ = write!(text, "{separator}{name}=\"{value}\"");
                separator = ", ";
            }
        }
        // Every value was checked to be printable ASCII.
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("Bearer"))
    }
}

/// Whether the text is one scope (RFC 6749, section 3.3).
pub(crate) fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_scope_byte)
}

/// `%x21 / %x23-5B / %x5D-7E`
fn is_scope_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'"' && byte != b'\\'
}

#[cfg(test)]
mod tests {
    use super::{BearerError, Challenge};
    use proptest::prelude::{any, prop_assert, proptest};

    #[test]
    fn a_bare_challenge_has_no_error() {
        assert_eq!(Challenge::new().to_header_value(), "Bearer");
        let none = Challenge::new().with_scopes([""; 0]).unwrap();
        assert_eq!(none.to_header_value(), "Bearer");
    }

    #[test]
    fn scopes_stand_once_in_their_order() {
        let challenge = Challenge::new().with_scopes(["b", "a", "b", "ab"]).unwrap();
        assert_eq!(challenge.to_header_value(), "Bearer scope=\"b a ab\"");
    }

    #[test]
    fn what_could_leave_its_quotes_is_refused() {
        for text in [
            "",
            "a\"b",
            "a\\",
            "a\r\nSet-Cookie: b",
            "\u{7f}",
            "ü",
            "a\tb",
        ] {
            assert!(Challenge::new().with_scopes([text]).is_err(), "{text:?}");
            assert!(Challenge::new().with_description(text).is_err(), "{text:?}");
            let url = format!("https://a.example/{text}");
            let url = Challenge::new().with_resource_metadata(url);
            assert!(text.is_empty() || url.is_err(), "{text:?}");
        }
        assert!(Challenge::new().with_scopes(["a b"]).is_err());
        assert!(
            Challenge::new()
                .with_resource_metadata("/relative")
                .is_err()
        );
        assert!(
            Challenge::new()
                .with_resource_metadata("javascript:1")
                .is_err()
        );
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_stays_inside_its_quotes(text in any::<String>()) {
            let challenge = Challenge::new().with_error(BearerError::InvalidToken);
            if let Ok(challenge) = challenge.with_description(text.as_str()) {
                let value = challenge.to_header_value();
                let value = value.to_str().unwrap();
                let end = format!("error_description=\"{text}\"");
                prop_assert!(value.ends_with(&end));
                prop_assert!(value.matches('"').count() == 4);
            }
        }
    }
}
