//! Parent and link of a span.

use mcp_layers_core::McpRequest;
use mcp_layers_util::conventions::Side;
use opentelemetry::{
    Context,
    trace::{SpanContext, TraceContextExt},
};

use crate::{
    ambient::{self, has_span},
    backend::sealed::Backend,
    baggage,
    settings::{Parent, Settings},
    summary::RequestSummary,
    trace_context,
};

/// The parent of a span, and the span to which it has a link.
pub(crate) struct Origin {
    pub(crate) parent: Context,
    pub(crate) link: Option<SpanContext>,
}

impl Origin {
    pub(crate) fn of<Req: McpRequest, B: Backend>(
        request: &Req,
        summary: &RequestSummary,
        settings: &Settings,
        backend: &B,
    ) -> Self {
        let ambient = ambient::of(request, backend);
        let remote = request.meta().and_then(trace_context::extract);
        let Some(remote) = remote else {
            return Self {
                parent: ambient,
                link: None,
            };
        };
        let is_parent = match settings.side {
            Side::Server => settings.parent_of(summary) == Parent::Meta,
            // A client's caller is the code around it.
            Side::Client => !has_span(&ambient),
        };
        if is_parent {
            let around = ambient.span().span_context().clone();
            return Self {
                parent: ambient.with_remote_span_context(remote),
                link: around.is_valid().then_some(around),
            };
        }
        Self {
            parent: ambient,
            // A client's `_meta` passes unchanged, and the server sees to it.
            link: (settings.side == Side::Server).then_some(remote),
        }
    }

    /// Adds the baggage that the caller sent.
    pub(crate) fn with_baggage<Req: McpRequest>(mut self, request: &Req) -> Self {
        if let Some(meta) = request.meta() {
            self.parent = baggage::extract(meta, self.parent);
        }
        self
    }

    /// Returns true if the parent is a span that is not sampled.
    pub(crate) fn is_unsampled(&self) -> bool {
        let span = self.parent.span();
        let context = span.span_context();
        context.is_valid() && !context.is_sampled()
    }
}
