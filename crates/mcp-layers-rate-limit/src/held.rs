//! A call that does not simply pass: it is refused, waits for budget, or waits for a remote store.

use std::{
    future::poll_fn,
    sync::Arc,
    time::{Duration, Instant},
};

use mcp_layers_core::{Event, McpRequest, McpResponse};
use tower_service::Service;

use crate::{
    rules::Costs,
    settings::Settings,
    state::{State, limiting_rule, store_unavailable},
    store::{Acquire, RateLimitStore, Verdict},
};

/// A call that does not simply pass.
pub(crate) struct Held<S, Req, St> {
    /// An instance that is ready.
    pub(crate) service: S,
    pub(crate) request: Req,
    pub(crate) costs: Costs,
    pub(crate) state: Arc<State<St>>,
    pub(crate) settings: Settings,
}

impl<S, Req, St> Held<S, Req, St>
where
    S: Service<Req, Response = Req::Response> + Clone,
    Req: McpRequest,
    St: RateLimitStore,
{
    /// Waits for the decision and, as long as the settings permit, for budget; then calls the
    /// service, or refuses.
    pub(crate) async fn run(
        mut self,
        mut acquire: Acquire<St::Future>,
    ) -> Result<Req::Response, S::Error> {
        let mut waits: Option<(Instant, Arc<str>)> = None;
        let decision = loop {
            let decision = match acquire {
                Acquire::Ready(decision) => decision,
                Acquire::Pending(future) => future.await,
            };
            let Verdict::Limited { index, retry_after } = decision.verdict else {
                break decision;
            };
            let since = waits.as_ref().map_or_else(now, |(since, _)| *since);
            if !may_wait(&self.request, self.settings, since, retry_after) {
                break decision;
            }
            waits = Some((since, Arc::clone(limiting_rule(&self.costs, index))));
            // A clone has reserved nothing: what this instance has reserved is given back.
            self.service = self.service.clone();
            sleep(retry_after).await;
            acquire = self.state.store.acquire(&self.costs);
        };
        let passes = decision.verdict == Verdict::Admitted;
        let waited = waits.map(|(since, rule)| Event::Waited {
            rule: rule.to_string().into(),
            waited: now().saturating_duration_since(since),
        });
        let mut response = if !passes {
            let (costs, refusal) = (&self.costs, self.settings.refusal);
            self.state
                .refuse(&self.request, costs, decision.verdict, refusal)
        } else {
            if waited.is_some() {
                poll_fn(|cx| self.service.poll_ready(cx)).await?;
            }
            self.service.call(self.request).await?
        };
        let trail = response.trail_mut();
        // The refusal of an unavailable store has its event already.
        if decision.is_fallback && decision.verdict != Verdict::Unavailable {
            trail.push(store_unavailable(passes));
        }
        if let Some(waited) = waited {
            trail.push(waited);
        }
        Ok(response)
    }
}

/// True if a call that has waited since `since` may wait for so long, within the layer's maximum
/// and the call's deadline.
fn may_wait<Req: McpRequest>(
    request: &Req,
    settings: Settings,
    since: Instant,
    retry_after: Duration,
) -> bool {
    let Some(done) = now().checked_add(retry_after) else {
        return false;
    };
    let latest = since.checked_add(settings.max_wait);
    let deadline = request.context().deadline();
    !settings.max_wait.is_zero()
        && latest.is_none_or(|latest| done <= latest)
        && deadline.is_none_or(|deadline| done < deadline)
}

/// The time by the clock of tokio's timers, if calls may wait.
fn now() -> Instant {
    #[cfg(feature = "wait")]
    return tokio::time::Instant::now().into_std();
    #[cfg(not(feature = "wait"))]
    Instant::now()
}

#[cfg(feature = "wait")]
use tokio::time::sleep;

/// Without the feature `wait`, no call waits.
#[cfg(not(feature = "wait"))]
fn sleep(_: Duration) -> std::future::Pending<()> {
    std::future::pending()
}
