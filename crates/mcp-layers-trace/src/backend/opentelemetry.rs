//! Spans of OpenTelemetry's own API.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use opentelemetry::{
    Context, InstrumentationScope, KeyValue,
    global::{self, BoxedTracer},
    trace::{Link, Span as _, SpanBuilder, Status, TraceContextExt, Tracer},
};

use super::{Start, sealed};

/// Spans of OpenTelemetry's own API, the default backend.
///
/// While the inner service runs, the span is in OpenTelemetry's current [`Context`].
#[derive(Clone)]
pub struct OpenTelemetry {
    tracer: Arc<OnceLock<BoxedTracer>>,
}

impl OpenTelemetry {
    /// Spans of the global tracer provider. It has to be set before the first request
    /// ([`opentelemetry::global::set_tracer_provider`]).
    #[must_use]
    pub fn global() -> Self {
        Self {
            tracer: Arc::default(),
        }
    }

    /// Spans of this tracer.
    pub fn new<T>(tracer: T) -> Self
    where
        T: Tracer<Span: Send + Sync + 'static> + Send + Sync + 'static,
    {
        let tracer = BoxedTracer::new(Box::new(tracer));
        Self {
            tracer: Arc::new(tracer.into()),
        }
    }

    fn tracer(&self) -> &BoxedTracer {
        self.tracer.get_or_init(|| {
            let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
                .with_version(env!("CARGO_PKG_VERSION"));
            global::tracer_with_scope(scope.build())
        })
    }
}

mcp_layers_core::opaque_debug!(OpenTelemetry);

impl sealed::Backend for OpenTelemetry {
    type Span = NativeSpan;

    fn ambient(&self) -> Context {
        Context::current()
    }

    fn start(&self, start: Start) -> NativeSpan {
        let builder = SpanBuilder {
            span_kind: Some(start.kind),
            attributes: Some(start.attributes),
            links: start.link.map(|link| vec![Link::with_context(link)]),
            ..SpanBuilder::from_name(start.name)
        };
        let span = self.tracer().build_with_context(builder, &start.parent);
        NativeSpan {
            is_recording: span.is_recording(),
            context: start.parent.with_span(span),
        }
    }

    fn unrecorded(&self, context: Context) -> NativeSpan {
        NativeSpan {
            is_recording: false,
            context,
        }
    }
}

/// A span in a context.
#[derive(Debug, Clone)]
pub struct NativeSpan {
    context: Context,
    is_recording: bool,
}

impl sealed::Span for NativeSpan {
    fn is_recording(&self) -> bool {
        self.is_recording
    }

    fn context(&self) -> Context {
        self.context.clone()
    }

    fn in_scope<T>(self, work: impl FnOnce() -> T) -> T {
        let _current = self.context.attach();
        work()
    }

    fn rename(&self, name: Cow<'static, str>) {
        self.context.span().update_name(name);
    }

    fn set(&self, attributes: Vec<KeyValue>) {
        self.context.span().set_attributes(attributes);
    }

    fn fail(&self, description: Cow<'static, str>) {
        self.context
            .span()
            .set_status(Status::Error { description });
    }

    fn end(&mut self) {
        if self.is_recording {
            self.context.span().end();
        }
    }
}
