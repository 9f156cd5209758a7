//! The context of the code around an MCP stack.

use mcp_layers_core::McpRequest;
use opentelemetry::{Context, SpanId, TraceId, trace::TraceContextExt};

use crate::backend::sealed::Backend;

/// The context of the code that handed a request to an MCP implementation: an extension of the request,
/// which `AmbientSpanLayer` (feature `http`) sets.
///
/// A hand-made server inserts one itself
/// ([`McpRequest::insert_extension`](mcp_layers_core::McpRequest::insert_extension)) where it moves a
/// request to another task.
#[derive(Debug, Clone)]
pub struct AmbientContext(Context);

impl AmbientContext {
    /// Wraps a context.
    #[must_use]
    pub fn new(context: Context) -> Self {
        Self(context)
    }

    /// The context of the code that runs now.
    #[must_use]
    pub fn current() -> Self {
        #[cfg(feature = "tracing")]
        let context = crate::backend::Tracing::new().ambient();
        #[cfg(not(feature = "tracing"))]
        let context = Context::current();
        Self(context)
    }

    /// The context.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.0
    }
}

/// The context that a request came with, otherwise that of the code that runs now.
pub(crate) fn of<Req: McpRequest, B: Backend>(request: &Req, backend: &B) -> Context {
    let carried = request.extension::<AmbientContext>();
    let carried = carried.filter(|ambient| has_span(ambient.context()));
    carried.map_or_else(|| backend.ambient(), |ambient| ambient.0.clone())
}

pub(crate) fn has_span(context: &Context) -> bool {
    context.span().span_context().is_valid()
}

/// The ids of the trace and the span in which the calling code runs, for log lines and audit records;
/// `None` outside a span.
///
/// They are those of OpenTelemetry's current context, which a [`TraceLayer`](crate::TraceLayer) sets while
/// the inner service runs. A caller can choose the trace id: never give it to a caller as the id of an
/// error.
///
/// ```
/// use mcp_layers_trace::current_ids;
///
/// assert_eq!(current_ids(), None);
/// ```
#[must_use]
pub fn current_ids() -> Option<(TraceId, SpanId)> {
    Context::map_current(|context| {
        let span = context.span();
        let ids = span.span_context();
        ids.is_valid().then(|| (ids.trace_id(), ids.span_id()))
    })
}
