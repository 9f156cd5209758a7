//! The service.

use std::{
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header, request::Parts};
use http_body::Body;
use http_body_util::Either;
use mcp_layers_core::{BoxError, Principal};
use serde_json::Value;
use tower_service::Service;

use super::{
    RefusalReason, RequestBody, ResponseBody, body::limited, credential_header::has_access_token,
    message_id::drain, response::Refused, response::metadata, settings::Settings,
};
use crate::{Credential, ResourceMetadata, Verify};

/// The future of [`Authenticate`].
pub type ResponseFuture<B, E> =
    Pin<Box<dyn Future<Output = Result<Response<ResponseBody<B>>, E>> + Send>>;

/// The service of [`AuthenticateLayer`](crate::AuthenticateLayer).
#[derive(Debug, Clone)]
pub struct Authenticate<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> Authenticate<S> {
    /// Wraps a service, with default settings.
    pub fn new(inner: S, verifier: impl Verify) -> Self {
        Self::with_settings(inner, Arc::new(Settings::new(verifier)))
    }

    pub(super) fn with_settings(inner: S, settings: Arc<Settings>) -> Self {
        Self { inner, settings }
    }

    mcp_layers_core::accessors!();
}

impl<S, B, R> Service<Request<B>> for Authenticate<S>
where
    S: Service<Request<RequestBody>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
    R: 'static,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<R, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let settings = Arc::clone(&self.settings);
        // The instance that was made ready is the one that is called.
        let next = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, next);
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            if let Some(resource) = &settings.metadata
                && resource.is_at(parts.uri.path())
            {
                return Ok(metadata(resource, &parts.method));
            }
            let length = body.size_hint().lower();
            let (body, exceeded) = limited(body, settings.max_body);
            let verified = match settings.admit(&mut parts, length) {
                Ok(credential) => {
                    let verified = settings.verifier.verify(&credential).await;
                    verified.map_err(Refused::from)
                }
                Err(reason) => Err(reason.into()),
            };
            let verified = match verified {
                Ok(verified) => verified,
                Err(refused) => {
                    let id = drain(&parts.headers, body).await;
                    return Ok(refused.response(&settings, &id));
                }
            };
            settings.handle.count(None);
            parts.extensions.remove::<Principal>();
            parts.extensions.insert(verified.into_principal());
            let response = inner.call(Request::from_parts(parts, body)).await;
            if exceeded.get() {
                // Whatever the inner service made of the error of the body.
                let refused = Refused::from(RefusalReason::TooLarge);
                return Ok(refused.response(&settings, &Value::Null));
            }
            response.map(|response| response.map(Either::Left))
        })
    }
}

impl Settings {
    /// Checks everything that needs no verifier, and takes the credential out. `length` is the least
    /// that the body has.
    fn admit(&self, parts: &mut Parts, length: u64) -> Result<Credential, RefusalReason> {
        let own = self.metadata.as_ref().map(ResourceMetadata::origin);
        if !self.origins.allow(&parts.headers, own) {
            return Err(RefusalReason::ForbiddenOrigin);
        }
        if parts.uri.query().is_some_and(has_access_token) {
            return Err(RefusalReason::TokenInQuery);
        }
        let credential = self.take_credential(&mut parts.headers)?;
        let length = length.max(declared_length(&parts.headers).unwrap_or_default());
        if length > self.max_body as u64 {
            return Err(RefusalReason::TooLarge);
        }
        Ok(credential)
    }
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    let length = headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}
