//! The settings.

use std::{sync::Arc, time::Duration};

use mcp_layers_core::{ConfigError, Method};
use tower_layer::Layer;

use crate::{Limits, Timeout, limits::Table};

/// Ends requests that take too long.
///
/// The limits of a tool go before those of a method, and these before the general ones. The
/// lifecycle (`initialize`, `server/discover`, `ping`) and unknown methods have no limit unless
/// [`TimeoutLayer::method`] names them.
#[derive(Debug, Clone)]
pub struct TimeoutLayer {
    table: Arc<Table>,
}

impl TimeoutLayer {
    /// Every request may take this long, whatever progress it reports.
    #[must_use]
    pub fn new(maximum: Duration) -> Self {
        Self {
            table: Arc::new(Table::new(Limits::maximum(maximum))),
        }
    }

    /// Ends a request also when it reports no progress for this long; by default only the maximum
    /// counts. Of requests whose caller wants no progress, this is another maximum.
    #[must_use]
    pub fn idle(self, idle: Duration) -> Self {
        self.change(|table| table.general = table.general.idle(idle))
    }

    /// Other limits for one method, by its name, such as `resources/read` or one of a vendor.
    ///
    /// # Errors
    /// When the method can have no limit: it lasts as long as its caller likes
    /// ([`Method::is_long_lived`]), or it is a notification.
    pub fn method(self, name: &str, limits: Limits) -> Result<Self, ConfigError> {
        let method = Method::new(name);
        if method.is_long_lived() || method.is_notification() {
            let problem = format!("{name:?} can have no time limit");
            return Err(ConfigError::new(problem));
        }
        Ok(self.change(|table| {
            table.methods.insert(name.into(), limits);
        }))
    }

    /// Other limits for calls of one tool, by its exact name.
    #[must_use]
    pub fn tool(self, name: &str, limits: Limits) -> Self {
        self.change(|table| {
            table.tools.insert(name.into(), limits);
        })
    }

    fn change(mut self, change: impl FnOnce(&mut Table)) -> Self {
        change(Arc::make_mut(&mut self.table));
        self
    }
}

impl<S> Layer<S> for TimeoutLayer {
    type Service = Timeout<S>;

    fn layer(&self, inner: S) -> Timeout<S> {
        Timeout::new(inner, Arc::clone(&self.table))
    }
}
