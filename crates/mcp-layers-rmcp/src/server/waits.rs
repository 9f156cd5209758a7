//! The waits of running requests for their clients.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
};

use mcp_layers_core::{KeyHasher, progress::InputWait};
use rmcp::{RoleServer, service::RequestContext};
use tokio_util::sync::CancellationToken;

/// The tracked waits, by the cancellation tokens of their requests: rmcp makes one for each request,
/// and all clones of a request's context have it. An extension of the context would cost each request
/// three allocations, and few requests ever ask their client.
static WAITS: LazyLock<Mutex<HashMap<CancellationToken, InputWait, KeyHasher>>> =
    LazyLock::new(Mutex::default);

fn waits() -> MutexGuard<'static, HashMap<CancellationToken, InputWait, KeyHasher>> {
    WAITS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The wait of a running request, if a layer tracks it.
pub(super) fn find(context: &RequestContext<RoleServer>) -> Option<InputWait> {
    waits().get(&context.ct).cloned()
}

/// Keeps the wait of a request findable until it is dropped.
#[derive(Debug)]
pub(super) struct Tracked(CancellationToken);

impl Tracked {
    pub(super) fn new(context: &RequestContext<RoleServer>, wait: InputWait) -> Self {
        waits().insert(context.ct.clone(), wait);
        Self(context.ct.clone())
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        waits().remove(&self.0);
    }
}
