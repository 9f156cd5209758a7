//! The `subscriptions/listen` streams that are open, and how to tell them of a change.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use futures::future::join_all;
use rmcp::{
    model::ServerNotification,
    service::{SubscriptionContext, SubscriptionSink},
};

/// A shared register of open streams.
#[derive(Clone, Default)]
pub(crate) struct Subscriptions {
    sinks: Arc<Mutex<HashMap<u64, SubscriptionSink>>>,
    next: Arc<AtomicU64>,
}

impl Subscriptions {
    /// Keeps a stream on the register until its client ends it.
    pub(crate) async fn hold(&self, context: &SubscriptionContext) {
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(key, context.sink().clone());
        let _open = Open {
            subscriptions: self,
            key,
        };
        context.cancelled().await;
    }

    /// Tells every stream whose filter asks for it; the sink drops the rest.
    pub(crate) async fn tell(&self, notification: &ServerNotification) {
        let sinks: Vec<_> = self.lock().values().cloned().collect();
        join_all(sinks.iter().map(|sink| sink.send(notification.clone()))).await;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, SubscriptionSink>> {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One open stream; dropping it takes it off the register, however the request ended.
struct Open<'a> {
    subscriptions: &'a Subscriptions,
    key: u64,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.subscriptions.lock().remove(&self.key);
    }
}
