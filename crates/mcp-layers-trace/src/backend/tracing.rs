//! Spans of the crate `tracing`.

use std::borrow::Cow;

use opentelemetry::{
    Context, KeyValue,
    trace::{SpanKind, TraceContextExt},
};
use tracing::{Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::{Start, sealed};

/// Spans of the crate [`tracing`](https://docs.rs/tracing), for subscribers with a layer of
/// `tracing-opentelemetry`. Requires the feature `tracing`.
///
/// 1. The spans are called `mcp`, with the target `mcp_layers::trace` and the level INFO. Their fields
///    have the names of the attributes; `otel.name`, `otel.kind`, `otel.status_code` and
///    `otel.status_description` are read by `tracing-opentelemetry`, which exports the span under the
///    name of `otel.name`. Other subscribers see the fields too.
/// 2. Attributes without a field of their own go to OpenTelemetry alone: prompt variables, and those that
///    `on_start` and `on_end` add.
/// 3. Parent and link need the layer of `tracing-opentelemetry`. Without it the parent is the current
///    `tracing` span.
/// 4. A `tracing` span ends when the last handle to it is dropped. A task that a handler spawned in it
///    delays its end.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Tracing;

impl Tracing {
    /// Spans of the current subscriber.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

/// The context of the current `tracing` span, otherwise OpenTelemetry's current context.
pub(crate) fn ambient() -> Context {
    let context = Span::current().context();
    if context.span().span_context().is_valid() {
        context
    } else {
        Context::current()
    }
}

impl sealed::Backend for Tracing {
    type Span = TracingSpan;

    fn ambient(&self) -> Context {
        ambient()
    }

    fn start(&self, start: Start) -> TracingSpan {
        let kind = match start.kind {
            SpanKind::Client => "client",
            _ => "server",
        };
        let span = new_span(&start.name, kind);
        if span.is_disabled() {
            return self.unrecorded(start.parent);
        }
        // It fails where no layer of OpenTelemetry listens.
        let _ = span.set_parent(start.parent.clone());
        if let Some(link) = start.link {
            span.add_link(link);
        }
        set(&span, start.attributes);
        let context = span.context();
        let context = if context.span().span_context().is_valid() {
            context
        } else {
            start.parent
        };
        TracingSpan { span, context }
    }

    fn unrecorded(&self, context: Context) -> TracingSpan {
        TracingSpan {
            span: Span::none(),
            context,
        }
    }
}

/// Makes the span with a field for each attribute.
fn new_span(name: &str, kind: &str) -> Span {
    tracing::info_span!(
        target: "mcp_layers::trace",
        "mcp",
        otel.name = name,
        otel.kind = kind,
        otel.status_code = Empty,
        otel.status_description = Empty,
        mcp.method.name = Empty,
        gen_ai.operation.name = Empty,
        gen_ai.tool.name = Empty,
        gen_ai.prompt.name = Empty,
        mcp.resource.uri = Empty,
        jsonrpc.request.id = Empty,
        mcp.protocol.version = Empty,
        mcp.session.id = Empty,
        network.transport = Empty,
        network.protocol.name = Empty,
        network.protocol.version = Empty,
        client.address = Empty,
        client.port = Empty,
        server.address = Empty,
        server.port = Empty,
        user.hash = Empty,
        rpc.response.status_code = Empty,
        error.type = Empty,
        gen_ai.tool.call.arguments = Empty,
        gen_ai.tool.call.result = Empty,
        mcp_layers.result_type = Empty,
        mcp_layers.cache = Empty,
        mcp_layers.retries = Empty,
        mcp_layers.limited_by = Empty,
        mcp_layers.denied_by = Empty,
        mcp_layers.circuit = Empty,
    )
}

fn set(span: &Span, attributes: Vec<KeyValue>) {
    for KeyValue { key, value, .. } in attributes {
        if !span.has_field(key.as_str()) {
            span.set_attribute(key, value);
        } else if let opentelemetry::Value::I64(number) = value {
            span.record(key.as_str(), number);
        } else {
            span.record(key.as_str(), &*value.as_str());
        }
    }
}

/// A `tracing` span, and the context in which it is current.
#[derive(Debug, Clone)]
pub struct TracingSpan {
    span: Span,
    context: Context,
}

impl sealed::Span for TracingSpan {
    fn is_recording(&self) -> bool {
        !self.span.is_disabled()
    }

    fn context(&self) -> Context {
        self.context.clone()
    }

    fn in_scope<T>(self, work: impl FnOnce() -> T) -> T {
        let _current = self.context.attach();
        self.span.in_scope(work)
    }

    fn rename(&self, name: Cow<'static, str>) {
        self.span.record("otel.name", &*name);
        // The layer reads `otel.name` of spans alone that have not begun.
        self.context.span().update_name(name);
    }

    fn set(&self, attributes: Vec<KeyValue>) {
        set(&self.span, attributes);
    }

    fn fail(&self, description: Cow<'static, str>) {
        self.span.record("otel.status_code", "ERROR");
        if !description.is_empty() {
            self.span.record("otel.status_description", &*description);
        }
    }

    fn end(&mut self) {
        self.span = Span::none();
    }
}
