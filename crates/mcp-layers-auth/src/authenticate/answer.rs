//! The answers that the edge gives by itself.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER,
        WWW_AUTHENTICATE,
    },
};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use pin_project_lite::pin_project;

use crate::{BearerError, Challenge, Refusal, RefusalKind, ResourceMetadata};

pin_project! {
    /// The body of the inner service's response, or of an answer of the edge.
    pub struct ResponseBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<B> {
        Inner { #[pin] body: B },
        Own { #[pin] body: Full<Bytes> },
    }
}

impl<B> ResponseBody<B> {
    pub(super) fn inner(body: B) -> Self {
        Self {
            kind: Kind::Inner { body },
        }
    }

    fn own(text: impl Into<Bytes>) -> Self {
        Self {
            kind: Kind::Own {
                body: Full::new(text.into()),
            },
        }
    }
}

impl<B: Body<Data = Bytes>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProjection::Inner { body } => body.poll_frame(cx),
            // Its error is one that cannot be.
            KindProjection::Own { body } => body
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(|never| match never {}))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body } => body.is_end_stream(),
            Kind::Own { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body } => body.size_hint(),
            Kind::Own { body } => body.size_hint(),
        }
    }
}

/// Why a request is not admitted, before any verifier is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    NoCredential,
    InvalidCredential,
    SeveralCredentials,
    CredentialInQuery,
    ForeignOrigin,
    BodyTooLarge,
}

/// The answers that are known when the layer is built.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    no_credential: HeaderValue,
    invalid_request: HeaderValue,
    invalid_token: HeaderValue,
    metadata: Bytes,
}

impl Answers {
    pub(super) fn new(challenge: &Challenge, metadata: Option<&ResourceMetadata>) -> Self {
        let with = |error| challenge.clone().with_error(error).to_header_value();
        Self {
            no_credential: challenge.to_header_value(),
            invalid_request: with(BearerError::InvalidRequest),
            invalid_token: with(BearerError::InvalidToken),
            metadata: metadata.map(ResourceMetadata::to_json).unwrap_or_default(),
        }
    }

    pub(super) fn metadata<B>(&self, is_get: bool) -> Response<ResponseBody<B>> {
        let mut response = if is_get {
            json(StatusCode::OK, self.metadata.clone())
        } else {
            json(StatusCode::METHOD_NOT_ALLOWED, "")
        };
        let headers = response.headers_mut();
        if !is_get {
            headers.insert(ALLOW, HeaderValue::from_static("GET"));
        }
        // It is for everyone: pages of other origins find out here where to get a token.
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        response
    }

    pub(super) fn fault<B>(&self, fault: Fault) -> Response<ResponseBody<B>> {
        let (status, error, text, challenge) = match fault {
            Fault::NoCredential => (
                StatusCode::UNAUTHORIZED,
                "unauthenticated",
                "Authentication required",
                Some(&self.no_credential),
            ),
            Fault::InvalidCredential => (
                StatusCode::UNAUTHORIZED,
                "invalid_token",
                Refusal::invalid().public_text(),
                Some(&self.invalid_token),
            ),
            Fault::SeveralCredentials => (
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "The request has more than one credential",
                Some(&self.invalid_request),
            ),
            Fault::CredentialInQuery => (
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "An access token must not be in the URI",
                Some(&self.invalid_request),
            ),
            Fault::ForeignOrigin => (
                StatusCode::FORBIDDEN,
                "forbidden_origin",
                "Pages of this origin may not send requests",
                None,
            ),
            Fault::BodyTooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "Request too large",
                None,
            ),
        };
        let mut response = refusal(status, error, text);
        if let Some(challenge) = challenge {
            let headers = response.headers_mut();
            headers.insert(WWW_AUTHENTICATE, challenge.clone());
        }
        response
    }

    pub(super) fn refused<B>(
        &self,
        why: &Refusal,
        challenge: &Challenge,
    ) -> Response<ResponseBody<B>> {
        match why.kind() {
            RefusalKind::Invalid => self.fault(Fault::InvalidCredential),
            RefusalKind::InsufficientScope { scopes } => {
                let error = BearerError::InsufficientScope;
                let challenge = challenge.clone().with_error(error);
                // Scopes that cannot be written are left out: they are the verifier's, not checked.
                let scoped = challenge.clone().with_scopes(scopes).unwrap_or(challenge);
                let mut response = refusal(why.status(), error.as_str(), why.public_text());
                let headers = response.headers_mut();
                headers.insert(WWW_AUTHENTICATE, scoped.to_header_value());
                response
            }
            RefusalKind::Unavailable { retry_after } => {
                let mut response =
                    refusal(why.status(), "temporarily_unavailable", why.public_text());
                let seconds = retry_after.map_or(1, whole_seconds);
                let headers = response.headers_mut();
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
                response
            }
        }
    }
}

/// Rounded up, and at least one, so that who waits as long is never early.
fn whole_seconds(duration: Duration) -> u64 {
    let rounded = u64::from(duration.subsec_nanos() > 0);
    duration.as_secs().saturating_add(rounded).max(1)
}

fn refusal<B>(status: StatusCode, error: &str, text: &str) -> Response<ResponseBody<B>> {
    // Both are constants without anything to escape.
    let body = format!(r#"{{"error":"{error}","error_description":"{text}"}}"#);
    let mut response = json(status, body);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn json<B>(status: StatusCode, text: impl Into<Bytes>) -> Response<ResponseBody<B>> {
    let mut response = Response::new(ResponseBody::own(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}
