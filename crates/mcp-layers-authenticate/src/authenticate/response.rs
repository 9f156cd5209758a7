//! The responses of the layer itself.

use std::{error::Error, iter};

use bytes::Bytes;
use http::{Method, Response, StatusCode, header};
use http_body_util::{Either, Full};
use mcp_layers_core::{
    Event, Trail,
    http::{BearerError, Challenge},
};
use serde_json::{Map, Value, json};
use tracing::debug;

use super::{RefusalReason, ResponseBody, settings::Settings};
use crate::{Refusal, RefusalKind, ResourceMetadata};

const JSON: &str = "application/json";

/// A refusal, before the id of the request is known.
pub(super) struct Refused {
    reason: RefusalReason,
    refusal: Option<Refusal>,
}

impl From<RefusalReason> for Refused {
    fn from(reason: RefusalReason) -> Self {
        Self {
            reason,
            refusal: None,
        }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let reason = match refusal.kind() {
            RefusalKind::Invalid => RefusalReason::InvalidToken,
            RefusalKind::InsufficientScope { .. } => RefusalReason::InsufficientScope,
            RefusalKind::Unavailable { .. } => RefusalReason::Unavailable,
        };
        let refusal = Some(refusal);
        Self { reason, refusal }
    }
}

impl Refused {
    /// Reports the refusal, and builds the response: a JSON-RPC error, because that is what MCP
    /// clients show to their users.
    pub(super) fn response<B>(&self, settings: &Settings, id: &Value) -> Response<ResponseBody<B>> {
        let (reason, status) = (self.reason, self.reason.status());
        let cause = self.cause();
        debug!(reason = reason.as_str(), %status, cause, "HTTP request refused");
        settings.handle.count(Some(reason));
        if let Some(on_refusal) = &settings.on_refusal {
            on_refusal(reason, self.refusal.as_ref());
        }

        let mut data = Map::new();
        data.insert("reason".into(), reason.as_str().into());
        let message = self.message(&mut data);
        let error = json!({ "code": status.as_u16(), "message": message, "data": data });
        let body = json!({ "jsonrpc": "2.0", "id": id, "error": error });
        let mut response = Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, JSON)
            .header(header::CACHE_CONTROL, "no-store");
        if let Some(challenge) = self.challenge(&settings.challenge) {
            response = response.header(header::WWW_AUTHENTICATE, challenge.to_header_value());
        }
        if let Some(wait) = self.retry_after() {
            response = response.header(header::RETRY_AFTER, wait);
        }
        let mut trail = Trail::new();
        trail.push(match reason {
            RefusalReason::Unavailable => Event::Failed {
                cause: cause.unwrap_or_default().into(),
            },
            _ => Event::Denied {
                rule: reason.as_str().into(),
            },
        });
        let body = Either::Right(Full::from(body.to_string()));
        let response = response.extension(trail).body(body);
        response.expect("the headers are constant, numbers, or checked before")
    }

    fn message(&self, data: &mut Map<String, Value>) -> String {
        match self.reason {
            RefusalReason::Unauthenticated => "Authentication required".into(),
            RefusalReason::InvalidToken => Refusal::invalid().to_string(),
            RefusalReason::SeveralCredentials => "The request has more than one credential".into(),
            RefusalReason::TokenInQuery => "An access token must not be in the URI".into(),
            RefusalReason::ForbiddenOrigin => {
                "Forbidden: web pages of this origin may not send requests".into()
            }
            RefusalReason::TooLarge => "Request too large".into(),
            RefusalReason::InsufficientScope => {
                let scopes = self.required_scopes();
                data.insert("requiredScopes".into(), json!(scopes));
                let scopes = scopes.join(" ");
                format!("Forbidden: the access token lacks a scope of {scopes}")
            }
            RefusalReason::Unavailable => {
                let wait = self.retry_after().unwrap_or_default();
                data.insert("retryAfterMs".into(), wait.saturating_mul(1000).into());
                format!("Authentication is unavailable: try again in {wait} s")
            }
        }
    }

    fn required_scopes(&self) -> &[Box<str>] {
        match self.refusal.as_ref().map(Refusal::kind) {
            Some(RefusalKind::InsufficientScope { scopes }) => scopes,
            _ => &[],
        }
    }

    /// The time to wait, in whole seconds and at least one, so that a client is never early.
    fn retry_after(&self) -> Option<u64> {
        let RefusalKind::Unavailable { retry_after } = self.refusal.as_ref()?.kind() else {
            return None;
        };
        let wait = retry_after.unwrap_or_default();
        let rounded = u64::from(wait.subsec_nanos() > 0);
        Some(wait.as_secs().saturating_add(rounded).max(1))
    }

    /// RFC 6750, section 3: a challenge where another credential can help.
    fn challenge(&self, base: &Challenge) -> Option<Challenge> {
        let error = match self.reason {
            RefusalReason::Unauthenticated => return Some(base.clone()),
            RefusalReason::InvalidToken => BearerError::InvalidToken,
            RefusalReason::SeveralCredentials | RefusalReason::TokenInQuery => {
                BearerError::InvalidRequest
            }
            RefusalReason::InsufficientScope => BearerError::InsufficientScope,
            _ => return None,
        };
        let challenge = base.clone().with_error(error);
        if self.required_scopes().is_empty() {
            return Some(challenge);
        }
        // Scopes of a verifier are not checked: those that cannot be written are left out.
        let scoped = challenge.clone().with_scopes(self.required_scopes());
        Some(scoped.unwrap_or(challenge))
    }

    /// The cause with its own causes, for logs and the trail.
    fn cause(&self) -> Option<String> {
        let first = self.refusal.as_ref()?.source()?;
        let causes = iter::successors(Some(first), |error: &&dyn Error| (*error).source());
        let texts: Vec<_> = causes.map(ToString::to_string).collect();
        Some(texts.join(": "))
    }
}

/// Serves the metadata of the resource to everyone: web pages of any origin find out here where to get
/// a token, so a preflight (Fetch standard, "CORS protocol") is answered too.
pub(super) fn metadata<B>(
    metadata: &ResourceMetadata,
    method: &Method,
) -> Response<ResponseBody<B>> {
    const METHODS: &str = "GET, HEAD, OPTIONS";
    let response = Response::builder().header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    let (response, text) = match *method {
        Method::GET | Method::HEAD => {
            let text = metadata.to_json();
            let response = response
                .header(header::CONTENT_TYPE, JSON)
                .header(header::CONTENT_LENGTH, text.len());
            let is_get = method == Method::GET;
            (response, if is_get { text } else { Bytes::new() })
        }
        Method::OPTIONS => {
            let response = response
                .status(StatusCode::NO_CONTENT)
                .header(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS)
                .header(header::ACCESS_CONTROL_ALLOW_HEADERS, "*")
                .header(header::ACCESS_CONTROL_MAX_AGE, "86400")
                .header(header::ALLOW, METHODS);
            (response, Bytes::new())
        }
        _ => {
            let response = response.status(StatusCode::METHOD_NOT_ALLOWED);
            (response.header(header::ALLOW, METHODS), Bytes::new())
        }
    };
    let response = response.body(Either::Right(Full::new(text)));
    response.expect("the headers are constant")
}
