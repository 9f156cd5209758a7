//! The service.

use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header::CONTENT_LENGTH, request::Parts};
use http_body::Body;
use mcp_layers_core::BoxError;
use tower_service::Service;

use super::{
    body::{RequestBody, ResponseBody, limited},
    credential_header::has_access_token,
    future::ResponseFuture,
    reason::RefusalReason,
    response::metadata,
    settings::Settings,
};
use crate::{
    metadata::ResourceMetadata,
    verify::{Credential, Verify},
};

/// The service of [`AuthenticateLayer`](crate::AuthenticateLayer).
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

    /// Returns a reference to the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns a mutable reference to the inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, R> Service<Request<B>> for Authenticate<S>
where
    S: Service<Request<RequestBody>, Response = Response<R>> + Clone,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
    R: Body<Data = Bytes>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let settings = Arc::clone(&self.settings);
        let (mut parts, body) = request.into_parts();
        if let Some(resource) = &settings.metadata
            && resource.is_at(parts.uri.path())
        {
            let response = metadata(resource, &parts.method);
            return ResponseFuture::ready(settings, response);
        }
        let is_larger = body.size_hint().lower() > settings.max_body as u64;
        let (body, exceeded) = limited(body, settings.max_body);
        let credential = match settings.admit(&mut parts) {
            Ok(_) if is_larger => Err(RefusalReason::TooLarge),
            admitted => admitted,
        };
        let credential = match credential {
            Ok(credential) => credential,
            Err(reason) => return ResponseFuture::refusing(settings, reason, &parts, body),
        };
        let verify = settings.verifier.verify(&credential);
        // The instance that was made ready is the one that is called.
        let next = self.inner.clone();
        let ready = mem::replace(&mut self.inner, next);
        ResponseFuture::verifying(settings, verify, ready, parts, (body, exceeded))
    }
}

impl Settings {
    /// Checks everything that needs no verifier, and takes the credential out.
    fn admit(&self, parts: &mut Parts) -> Result<Credential, RefusalReason> {
        let own = self.metadata.as_ref().map(ResourceMetadata::origin);
        if !self.origins.allow(&parts.headers, own) {
            return Err(RefusalReason::ForbiddenOrigin);
        }
        if parts.uri.query().is_some_and(has_access_token) {
            return Err(RefusalReason::TokenInQuery);
        }
        let credential = self.take_credential(&mut parts.headers)?;
        if declared_length(&parts.headers).is_some_and(|length| length > self.max_body as u64) {
            return Err(RefusalReason::TooLarge);
        }
        Ok(credential)
    }
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl<S: Clone> Clone for Authenticate<S> {
    fn clone(&self) -> Self {
        Self::with_settings(self.inner.clone(), Arc::clone(&self.settings))
    }
}

impl<S: fmt::Debug> fmt::Debug for Authenticate<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticate")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
