//! The service.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use mcp_layers_core::{ConfigError, McpRequest, Method, ReplyFuture};
use tower_service::Service;

use crate::{
    OverflowPolicy, ResponseFuture, Sink,
    future::Recorder,
    refusal::{NOT_RUN, beyond_share, event, unavailable},
    settings::Settings,
    state::{Refused, Shared},
};

/// Records every request to an inner service.
#[derive(Debug, Clone)]
pub struct Audit<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> Audit<S> {
    /// Records requests to `inner` to a sink, with the defaults of
    /// [`AuditLayer`](crate::AuditLayer).
    ///
    /// # Errors
    /// As [`AuditLayer::new`](crate::AuditLayer::new).
    pub fn new(inner: S, sink: impl Sink) -> Result<Self, ConfigError> {
        let settings = Settings::new(sink)?;
        let shared = Shared::new(settings, Arc::default(), Arc::default());
        Ok(Self::with_shared(inner, Arc::new(shared)))
    }

    pub(crate) fn with_shared(inner: S, shared: Arc<Shared>) -> Self {
        Self { inner, shared }
    }

    mcp_layers_core::accessors!();
}

impl<S, Req> Service<Req> for Audit<S>
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response>,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = ReplyFuture<ResponseFuture<S::Future, Req::Response, S::Error>, Req::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let settings = &self.shared.settings;
        let address = settings.refusal.address(&request);
        let admission = match self.shared.admit(&request) {
            Ok(admission) => admission,
            Err(Refused::Unavailable) => {
                let refusal = address.answer(unavailable(NOT_RUN), event("unavailable"));
                return ReplyFuture::ready(refusal);
            }
            Err(Refused::Share) => {
                return ReplyFuture::ready(address.answer(beyond_share(), event("share")));
            }
        };
        let refuses = settings.overflow == OverflowPolicy::Refuse;
        let mut recorder = Recorder::start(&self.shared, &request, admission);
        let mut opening = None;
        if request.method().is_long_lived() {
            drop(recorder.open(true));
        } else if settings.openings && changes_something(&request) {
            opening = recorder.open(false);
            if refuses
                && opening
                    .as_ref()
                    .is_some_and(|opening| !opening.is_complete())
            {
                recorder.refused();
                return ReplyFuture::ready(
                    address.answer(unavailable(NOT_RUN), event("unavailable")),
                );
            }
        }
        let address = (refuses && !request.method().is_lifecycle()).then_some(address);
        let inner = &mut self.inner;
        ReplyFuture::inner(ResponseFuture::new(recorder, opening, address, || {
            inner.call(request)
        }))
    }
}

/// True if a request may change something: calls of tools that are not known as read-only, and what
/// changes tasks.
fn changes_something<Req: McpRequest>(request: &Req) -> bool {
    match request.method() {
        Method::UpdateTask | Method::CancelTask => true,
        Method::CallTool => {
            let hints = request.context().catalog().zip(request.target());
            let hints = hints.and_then(|(catalog, tool)| catalog.hints(tool));
            hints.and_then(|hints| hints.read_only) != Some(true)
        }
        _ => false,
    }
}
