//! The reasons for refusing an HTTP request.

use http::StatusCode;

/// The reason why [`AuthenticateLayer`](crate::AuthenticateLayer) refused a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalReason {
    /// 401: the request has no credential.
    Unauthenticated,
    /// 401: the credential is expired, revoked, malformed, or issued for another audience.
    InvalidToken,
    /// 400: the request has more than one credential.
    SeveralCredentials,
    /// 400: the query contains an access token.
    TokenInQuery,
    /// 403: the request comes from a web page of another origin.
    ForbiddenOrigin,
    /// 403: the credential is valid but lacks a scope.
    InsufficientScope,
    /// 413: the body is too large.
    TooLarge,
    /// 503: the verifier cannot decide now.
    Unavailable,
}

impl RefusalReason {
    /// Returns the reason as a word, for metrics, logs and the `reason` of error data.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::InvalidToken => "invalid_token",
            Self::SeveralCredentials => "several_credentials",
            Self::TokenInQuery => "token_in_query",
            Self::ForbiddenOrigin => "forbidden_origin",
            Self::InsufficientScope => "insufficient_scope",
            Self::TooLarge => "too_large",
            Self::Unavailable => "unavailable",
        }
    }

    /// Returns the HTTP status.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Unauthenticated | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::SeveralCredentials | Self::TokenInQuery => StatusCode::BAD_REQUEST,
            Self::ForbiddenOrigin | Self::InsufficientScope => StatusCode::FORBIDDEN,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}
