//! The end of a span.

use std::sync::{Arc, Mutex};

use tracing::{Subscriber, span::Id};
use tracing_subscriber::registry::LookupSpan;

/// Notes when a span of tower-http closes.
pub(crate) struct Closed(pub(crate) Arc<Mutex<Vec<&'static str>>>);

impl<S> tracing_subscriber::Layer<S> for Closed
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_close(&self, id: Id, context: tracing_subscriber::layer::Context<'_, S>) {
        if context
            .span(&id)
            .is_some_and(|span| span.name() == "request")
        {
            self.0.lock().unwrap().push("span closed");
        }
    }
}
