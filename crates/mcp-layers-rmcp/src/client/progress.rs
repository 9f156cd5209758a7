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
mod tests {
    use super::{MAX_EARLY, ProgressTokens};
    use mcp_layers_core::progress::Progress;
    use rmcp::model::{NumberOrString, ProgressNotificationParam, ProgressToken};

    fn token(number: usize) -> ProgressToken {
        ProgressToken(NumberOrString::Number(i64::try_from(number).unwrap_or(0)))
    }

    fn received(tokens: &ProgressTokens, number: usize) {
        tokens.received(&ProgressNotificationParam::new(token(number), 1.0));
    }

    #[test]
    fn a_notification_is_told_to_its_request_alone_while_it_runs() {
        let tokens = ProgressTokens::new();
        let (one, other) = (Progress::new(), Progress::new());
        let running = tokens.watch(token(1), one.clone());
        let _running = tokens.watch(token(2), other.clone());
        received(&tokens, 1);
        assert!(one.last().is_some() && other.last().is_none());
        drop(running);
        assert_eq!(tokens.lock().running.len(), 1);
    }

    #[test]
    fn a_notification_that_was_faster_than_its_request_counts() {
        let tokens = ProgressTokens::new();
        received(&tokens, 1);
        let progress = Progress::new();
        let _running = tokens.watch(token(1), progress.clone());
        assert!(progress.last().is_some());
        (0..1_000).for_each(|number| received(&tokens, number + 10));
        assert_eq!(tokens.lock().early.len(), MAX_EARLY);
    }
}
