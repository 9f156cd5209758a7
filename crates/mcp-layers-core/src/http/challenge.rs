//! The `WWW-Authenticate: Bearer` header.

use std::fmt::Write as _;

use http::HeaderValue;

use crate::error::ConfigError;

/// A `WWW-Authenticate: Bearer` challenge (RFC 6750, section 3; RFC 9728, section 5.1).
///
/// Every setter checks its value: RFC 6750 allows no quotes, backslashes or control characters in
/// values, so no value needs escaping.
///
/// ```
/// use mcp_layers_core::http::{BearerError, Challenge};
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

/// The error code of a bearer challenge (RFC 6750, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BearerError {
    /// `invalid_request`, status 400: the request is malformed or has several credentials.
    InvalidRequest,
    /// `invalid_token`, status 401: expired, revoked, malformed, or issued for another audience.
    InvalidToken,
    /// `insufficient_scope`, status 403: the token is valid but lacks a scope.
    InsufficientScope,
}

impl BearerError {
    /// The value of the `error` parameter.
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
    /// A challenge without parameters, for a request without a credential: it gets no error code
    /// (RFC 6750, section 3.1).
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the `error` parameter.
    #[must_use]
    pub fn with_error(mut self, error: BearerError) -> Self {
        self.error = Some(error);
        self
    }

    /// Sets the `error_description` parameter, a sentence for developers.
    ///
    /// # Errors
    ///
    /// The text is empty, or contains characters other than printable ASCII without `"` and `\`
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

    /// Sets the `scope` parameter: the scopes that the operation needs, in this order, without
    /// duplicates. Without scopes the parameter is left out.
    ///
    /// # Errors
    ///
    /// A scope is not valid: see [`is_scope`].
    pub fn with_scopes<T: AsRef<str>>(
        mut self,
        scopes: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        let mut joined = String::new();
        for scope in scopes {
            let scope = scope.as_ref();
            if !is_scope(scope) {
                return Err(ConfigError::new(format!(
                    "{scope:?} is not a scope: printable ASCII without space, quotes and backslashes"
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

    /// Sets the `resource_metadata` parameter: the URL of the protected resource's metadata (RFC
    /// 9728, section 5.1).
    ///
    /// # Errors
    ///
    /// The text is not an absolute `http` or `https` URL.
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

    /// The value of the `WWW-Authenticate` header.
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

/// Returns whether a text is one valid scope (RFC 6749, section 3.3): printable ASCII without space,
/// `"` and `\`, and not empty.
#[must_use]
pub fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_scope_byte)
}

/// `%x21 / %x23-5B / %x5D-7E`
fn is_scope_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'"' && byte != b'\\'
}
