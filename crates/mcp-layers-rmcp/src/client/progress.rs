//! Progress notifications of the upstream, for the requests that they are about.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mcp_layers_core::progress::Progress;
use rmcp::model::{ProgressNotificationParam, ProgressToken};

/// The number of notifications kept for requests that are being sent.
const MAX_EARLY: usize = 64;

/// Reports the progress of requests to an upstream server to layers.
///
/// rmcp asks for progress with every request, under a token of its own, and gives the notifications
/// to the client's handler. [`LayeredClient::watching`](crate::LayeredClient::watching) and
/// [`Upstream::watching`](crate::Upstream::watching) put the tokens into this table while their
/// requests run; the handler reports each notification:
///
/// ```
/// use mcp_layers_rmcp::ProgressTokens;
/// use rmcp::{ClientHandler, RoleClient, model::ProgressNotificationParam};
/// use rmcp::service::NotificationContext;
///
/// struct Handler(ProgressTokens);
///
/// impl ClientHandler for Handler {
///     async fn on_progress(
///         &self,
///         params: ProgressNotificationParam,
///         _: NotificationContext<RoleClient>,
///     ) {
///         self.0.received(&params);
///     }
/// }
/// ```
///
/// Clones share one table. Without it no layer is notified of the upstream's progress.
#[derive(Debug, Clone, Default)]
pub struct ProgressTokens {
    table: Arc<Mutex<Table>>,
}

#[derive(Debug, Default)]
struct Table {
    running: HashMap<ProgressToken, Progress>,
    /// Tokens of notifications that came before their request was in the table.
    early: VecDeque<ProgressToken>,
}

impl ProgressTokens {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reports a notification of the upstream.
    pub fn received(&self, notification: &ProgressNotificationParam) {
        let token = &notification.progress_token;
        let mut table = self.lock();
        if let Some(progress) = table.running.get(token) {
            report(progress);
        } else {
            if table.early.len() == MAX_EARLY {
                table.early.pop_front();
            }
            table.early.push_back(token.clone());
        }
    }

    /// Watches for one request until the value is dropped.
    pub(super) fn watch(&self, token: ProgressToken, progress: Progress) -> Watched {
        let mut table = self.lock();
        if table.early.contains(&token) {
            table.early.retain(|early| *early != token);
            report(&progress);
        }
        table.running.insert(token.clone(), progress);
        Watched {
            tokens: self.clone(),
            token,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// By the clock of the runtime, as timers go.
fn report(progress: &Progress) {
    progress.report_at(tokio::time::Instant::now().into_std());
}

/// A request that runs.
pub(super) struct Watched {
    tokens: ProgressTokens,
    token: ProgressToken,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.tokens.lock().running.remove(&self.token);
    }
}

#[cfg(test)]
#[path = "../../tests/unit/client_progress.rs"]
mod tests;
