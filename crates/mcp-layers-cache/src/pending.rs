//! A request that memory has no fresh answer for, until the inner service runs it.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use mcp_layers_core::{McpRequest, StoredResponse};
use tokio::{
    runtime::Handle,
    time::{Sleep, sleep},
};
use tower_service::Service;

use crate::{
    miss::Miss,
    second_level::Fetch,
    single_flight::{FlightKey, Joined, Leader, Waited, Waiter},
    state::SharedEntry,
};

pub(crate) struct Pending<S, Req: McpRequest> {
    inner: S,
    /// True while `inner` is the instance that was ready when the request came.
    is_ready: bool,
    /// Both are there until the call.
    call: Option<(Req, Box<Miss<Req::ReplyTo>>)>,
    step: Step,
    timer: Timer,
}

enum Step {
    /// Happens at the first poll: no request waits for a future that is never polled.
    Join,
    /// Waits for the result of another request.
    Wait(Waiter<SharedEntry>),
    /// Looks the entry up in the second level.
    Fetch(Fetch),
    /// Waits for the inner service to be ready, and calls it.
    Call,
}

/// The end of a pending request.
pub(crate) enum Resolved<F, Res, To> {
    Answer(Res),
    Run(F, Box<Miss<To>>),
}

type ResolvedOf<S, Req> = Resolved<
    <S as Service<Req>>::Future,
    <Req as McpRequest>::Response,
    <Req as McpRequest>::ReplyTo,
>;

impl<S, Req> Pending<S, Req>
where
    Req: McpRequest,
    Req::Response: StoredResponse,
    S: Service<Req, Response = Req::Response> + Clone,
{
    /// `ready` is an instance of the inner service that is ready for one call.
    pub(crate) fn new(ready: S, request: Req, miss: Miss<Req::ReplyTo>) -> Self {
        Self {
            inner: ready,
            is_ready: true,
            call: Some((request, Box::new(miss))),
            step: Step::Join,
            timer: Timer::default(),
        }
    }

    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<ResolvedOf<S, Req>, S::Error>> {
        loop {
            let (request, miss) = self.call.as_mut().expect("polled after completion");
            let (next, answer) = match &mut self.step {
                Step::Join => {
                    let key = miss.flight_key();
                    // Progress goes to one caller: such a request waits for no other, nor they for it.
                    join(miss, key.filter(|_| request.progress_token().is_none()))
                }
                Step::Wait(waiter) => match waiter.poll(cx) {
                    Poll::Ready(waited) => after_wait(miss, waited),
                    Poll::Pending => {
                        ready!(self.timer.poll(miss.state.settings.max_wait, cx));
                        waiter.give_up();
                        miss.state.counters.wait_timeout();
                        (fetch_or_call(miss), None)
                    }
                },
                Step::Fetch(fetch) => {
                    let fetched = ready!(fetch.poll::<Req::Response>(miss, cx));
                    (Step::Call, fetched.and_then(|shared| share(miss, shared)))
                }
                Step::Call => {
                    if !self.is_ready {
                        ready!(self.inner.poll_ready(cx))?;
                    }
                    miss.state.counters.miss();
                    let (request, miss) = self.call.take().expect("borrowed a moment ago");
                    let future = self.inner.call(request);
                    return Poll::Ready(Ok(Resolved::Run(future, miss)));
                }
            };
            self.step = next;
            if let Some(response) = answer {
                self.call = None;
                return Poll::Ready(Ok(Resolved::Answer(response)));
            }
            if self.is_ready && !matches!(self.step, Step::Call) {
                // A request that waits holds no permit of the inner service.
                self.inner = self.inner.clone();
                self.is_ready = false;
            }
        }
    }
}

/// The next step, and the answer if there is one already.
type Next<Res> = (Step, Option<Res>);

fn join<Res>(miss: &mut Miss<Res::ReplyTo>, key: Option<FlightKey>) -> Next<Res>
where
    Res: StoredResponse,
    Res::ReplyTo: Clone,
{
    let Some(key) = key else {
        return (fetch_or_call(miss), None);
    };
    let joined = miss.state.single_flight.join(&key);
    match joined {
        Joined::Leader(leader) => lead(miss, leader),
        Joined::Waiter(waiter) => {
            let answer = miss.stale_while_revalidate();
            (Step::Wait(waiter), answer)
        }
    }
}

/// Becomes the leader, unless another request has stored an answer by now.
fn lead<Res>(miss: &mut Miss<Res::ReplyTo>, leader: Leader<SharedEntry>) -> Next<Res>
where
    Res: StoredResponse,
    Res::ReplyTo: Clone,
{
    let found = miss.find_fresh();
    miss.lead(leader);
    let answer = found.and_then(|shared| share(miss, shared));
    (fetch_or_call(miss), answer)
}

fn after_wait<Res>(miss: &mut Miss<Res::ReplyTo>, waited: Waited<SharedEntry>) -> Next<Res>
where
    Res: StoredResponse,
    Res::ReplyTo: Clone,
{
    match waited {
        Waited::Leader(leader) => lead(miss, leader),
        Waited::Nothing => (Step::Call, None),
        Waited::Published(shared) if miss.may_read(&shared) => {
            (Step::Call, miss.respond(&shared.entry, true))
        }
        // Private to another context: the requests of one context go on together.
        Waited::Published(_) => {
            let key = miss.private_flight_key();
            join(miss, key)
        }
    }
}

/// Answers from an entry that was found, and shares it with those who wait.
fn share<Res>(miss: &mut Miss<Res::ReplyTo>, shared: SharedEntry) -> Option<Res>
where
    Res: StoredResponse,
    Res::ReplyTo: Clone,
{
    let answer = miss.respond(&shared.entry, false);
    if let Some(leader) = miss.leader.take() {
        leader.publish(Some(shared));
    }
    answer
}

fn fetch_or_call<To: Clone>(miss: &Miss<To>) -> Step {
    match miss.state.settings.store {
        Some(_) => Step::Fetch(Fetch::new(miss)),
        None => Step::Call,
    }
}

/// The bound of all waits of one request for others.
#[derive(Default)]
struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Ready when the time is over; never outside of a tokio runtime, which has the timers.
    fn poll(&mut self, time: Duration, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.is_none() && Handle::try_current().is_err() {
            return Poll::Pending;
        }
        self.0
            .get_or_insert_with(|| Box::pin(sleep(time)))
            .as_mut()
            .poll(cx)
    }
}
