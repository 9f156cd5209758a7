//! A request that memory has no fresh answer for, until it is answered.

use std::{future::poll_fn, sync::Arc, time::Duration};

use mcp_layers_core::{McpRequest, StoredResponse};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout},
};
use tower_service::Service;

use crate::{
    entry::Entry,
    miss::Miss,
    single_flight::{FlightKey, Joined, Leader, Waited, Waiter},
};

enum Step<Res> {
    Answer(Res),
    /// Waits for the result of another request.
    Wait(Waiter<Arc<Entry>>),
    /// Looks the entry up in the second level.
    Fetch,
    /// Calls the inner service.
    Call,
}

/// Answers a request by the result of another one that runs, by the second level, or by the inner
/// service. `inner` is an instance that is ready for one call.
///
/// A request joins others when its future is first polled: none waits for a future that never is.
pub(crate) async fn answer<S, Req>(
    mut inner: S,
    request: Req,
    mut miss: Miss<Req::ReplyTo>,
) -> Result<Req::Response, S::Error>
where
    Req: McpRequest,
    Req::Response: StoredResponse,
    S: Service<Req, Response = Req::Response> + Clone,
{
    // Progress goes to one caller: such a request waits for no other, nor they for it.
    let shares = request.progress_token().is_none();
    let mut step = join(&mut miss, shares);
    let is_ready = matches!(step, Step::Call);
    if !is_ready {
        // A request that waits holds no permit of the inner service.
        inner = inner.clone();
    }
    let mut waits_since = None;
    loop {
        step = match step {
            Step::Answer(response) => return Ok(response),
            Step::Wait(waiter) => {
                let max_wait = miss.state.settings.max_wait;
                match within(max_wait, &mut waits_since, waiter.wait()).await {
                    Some(waited) => after_wait(&mut miss, waited),
                    None => {
                        waiter.give_up();
                        miss.state.counters.lock().wait_timeouts += 1;
                        fetch_or_call(&miss)
                    }
                }
            }
            Step::Fetch => {
                let fetched = miss.fetch::<Req::Response>().await;
                let answer = fetched.and_then(|shared| share(&mut miss, shared));
                answer.map_or(Step::Call, Step::Answer)
            }
            Step::Call => break,
        };
    }
    if !is_ready {
        poll_fn(|cx| inner.poll_ready(cx)).await?;
    }
    miss.state.counters.lock().misses += 1;
    let mut answer = inner.call(request).await;
    miss.finish(&mut answer);
    answer
}

/// The output of a future, unless all waits of the request together take longer than `max_wait`.
/// Outside of a tokio runtime, which has the timers, there is no such limit.
async fn within<F: Future>(
    max_wait: Duration,
    since: &mut Option<Instant>,
    future: F,
) -> Option<F::Output> {
    if Handle::try_current().is_err() {
        return Some(future.await);
    }
    let waited = since.get_or_insert_with(Instant::now).elapsed();
    timeout(max_wait.saturating_sub(waited), future).await.ok()
}

fn join<Res>(miss: &mut Miss<Res::ReplyTo>, shares: bool) -> Step<Res>
where
    Res: StoredResponse,
    Res::ReplyTo: Clone,
{
    match miss.flight_key().filter(|_| shares) {
        Some(key) => join_flight(miss, &key),
        None => fetch_or_call(miss),
    }
}

fn join_flight<Res>(miss: &mut Miss<Res::ReplyTo>, key: &FlightKey) -> Step<Res>
where
    Res: StoredResponse,
    Res::ReplyTo: Clone,
{
    match miss.state.single_flight.join(key) {
        Joined::Leader(leader) => lead(miss, leader),
        Joined::Waiter(waiter) => match miss.stale_while_revalidate() {
            Some(stale) => Step::Answer(stale),
            None => Step::Wait(waiter),
        },
    }
}

/// Becomes the leader, unless another request has stored an answer by now.
fn lead<Res>(miss: &mut Miss<Res::ReplyTo>, leader: Leader<Arc<Entry>>) -> Step<Res>
where
    Res: StoredResponse,
    Res::ReplyTo: Clone,
{
    let found = miss.find_fresh();
    miss.lead(leader);
    let answer = found.and_then(|shared| share(miss, shared));
    answer.map_or_else(|| fetch_or_call(miss), Step::Answer)
}

fn after_wait<Res>(miss: &mut Miss<Res::ReplyTo>, waited: Waited<Arc<Entry>>) -> Step<Res>
where
    Res: StoredResponse,
    Res::ReplyTo: Clone,
{
    match waited {
        Waited::Leader(leader) => lead(miss, leader),
        Waited::Nothing => Step::Call,
        Waited::Published(shared) if miss.may_read(&shared) => {
            let answer = miss.respond(&shared, true);
            answer.map_or(Step::Call, Step::Answer)
        }
        // Private to another context: the requests of one context go on together.
        Waited::Published(_) => match miss.private_flight_key() {
            Some(key) => join_flight(miss, &key),
            None => fetch_or_call(miss),
        },
    }
}

/// Answers from an entry that was found, and shares it with those who wait.
fn share<Res>(miss: &mut Miss<Res::ReplyTo>, shared: Arc<Entry>) -> Option<Res>
where
    Res: StoredResponse,
    Res::ReplyTo: Clone,
{
    let answer = miss.respond(&shared, false);
    if let Some(leader) = miss.leader.take() {
        leader.publish(Some(shared));
    }
    answer
}

fn fetch_or_call<To, Res>(miss: &Miss<To>) -> Step<Res> {
    match miss.state.settings.store {
        Some(_) => Step::Fetch,
        None => Step::Call,
    }
}
