//! The lock; under `--cfg mcp_layers_loom` one that loom can watch.

#[cfg(mcp_layers_loom)]
use loom::sync::{Mutex as Inner, MutexGuard};
use std::sync::PoisonError;
#[cfg(not(mcp_layers_loom))]
use std::sync::{Mutex as Inner, MutexGuard};

/// A lock that a panic does not close: what it guards is whole at every step.
#[derive(Debug)]
pub(crate) struct Mutex<T>(Inner<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Inner::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
