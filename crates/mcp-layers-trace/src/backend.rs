//! Backends: the systems in which spans are made.

mod opentelemetry;
#[cfg(feature = "tracing")]
mod tracing;

use std::{borrow::Cow, fmt};

use ::opentelemetry::{
    Context, KeyValue,
    trace::{SpanContext, SpanKind},
};

pub use self::opentelemetry::OpenTelemetry;
#[cfg(feature = "tracing")]
pub use self::tracing::Tracing;

/// A system in which spans are made: [`OpenTelemetry`], or `Tracing` with the feature `tracing`. Other
/// crates cannot implement it.
pub trait Backend: sealed::Backend {}

impl<B: sealed::Backend> Backend for B {}

/// All that a backend is told of a span when it starts.
#[derive(Debug)]
pub struct Start {
    pub(crate) name: Cow<'static, str>,
    pub(crate) kind: SpanKind,
    pub(crate) attributes: Vec<KeyValue>,
    pub(crate) parent: Context,
    pub(crate) link: Option<SpanContext>,
}

pub(crate) mod sealed {
    use super::{Context, Cow, KeyValue, Start, fmt};

    pub trait Backend: Clone + fmt::Debug + Send + Sync + 'static {
        type Span: Span;

        /// The context of the code that runs now.
        fn ambient(&self) -> Context;

        fn start(&self, start: Start) -> Self::Span;

        /// A span that records nothing, in whose scope `context` is current.
        fn unrecorded(&self, context: Context) -> Self::Span;
    }

    /// A span. Clones are one span.
    pub trait Span: Clone + Send + Sync + 'static {
        fn is_recording(&self) -> bool;

        /// The context in which this span is current.
        fn context(&self) -> Context;

        /// Runs `work` as a part of this span.
        fn in_scope<T>(self, work: impl FnOnce() -> T) -> T;

        fn rename(&self, name: Cow<'static, str>);

        fn set(&self, attributes: Vec<KeyValue>);

        /// Sets the status to `Error`.
        fn fail(&self, description: Cow<'static, str>);

        /// Ends the span. Its scope stays.
        fn end(&mut self);
    }
}
