//! The future, and what a call holds while its turn is not decided.

use std::{
    borrow::Cow,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use mcp_layers_core::{Event, McpRequest, McpResponse};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::{
    Acquire, Charges, Decision, RateLimitStore, Verdict,
    layer::{Settings, Shared},
    refusal,
    timer::{self, Timer},
};

pin_project! {
    /// The future of [`RateLimit`](crate::RateLimit).
    pub struct ResponseFuture<S, Req, St>
    where
        S: Service<Req>,
        Req: McpRequest,
        St: RateLimitStore,
    {
        #[pin]
        state: State<S, S::Future, Req, Req::Response, St, St::Later>,
    }
}

pin_project! {
    // What a call holds is boxed: only a call that waits, or asks another machine, needs it.
    #[project = StateProjection]
    enum State<S, F, Req, R, St, L> {
        Inner { #[pin] future: F, events: Vec<Event> },
        Ready { response: Option<R> },
        Deciding { #[pin] later: L, held: Option<Box<Held<S, Req, St>>> },
        Waiting { timer: Pin<Box<Timer>>, held: Option<Box<Held<S, Req, St>>> },
        Readying { held: Option<Box<Held<S, Req, St>>>, events: Vec<Event> },
    }
}

/// What a call holds while its turn is not decided.
pub(crate) struct Held<S, Req, St> {
    pub(crate) service: S,
    pub(crate) is_ready: bool,
    pub(crate) request: Req,
    pub(crate) charges: Charges,
    pub(crate) shared: Arc<Shared<St>>,
    pub(crate) settings: Settings,
    pub(crate) as_tool_error: bool,
    /// Since when it waits, and for which rule it did last.
    pub(crate) waits: Option<(Instant, Arc<str>)>,
}

/// What comes next.
pub(crate) enum Next<S, Req, R, St> {
    /// Pass it on, and tell these events.
    Pass(Held<S, Req, St>, Vec<Event>),
    /// Answer without the inner service.
    Refuse(R),
    /// Wait, then ask again.
    Wait(Pin<Box<Timer>>, Held<S, Req, St>),
}

impl<S, Req, St> ResponseFuture<S, Req, St>
where
    S: Service<Req, Response = Req::Response>,
    Req: McpRequest,
    St: RateLimitStore,
{
    pub(crate) fn inner(future: S::Future) -> Self {
        let events = Vec::new();
        Self {
            state: State::Inner { future, events },
        }
    }

    pub(crate) fn ready(response: Req::Response) -> Self {
        let response = Some(response);
        Self {
            state: State::Ready { response },
        }
    }

    pub(crate) fn deciding(later: St::Later, held: Held<S, Req, St>) -> Self {
        let held = Some(Box::new(held));
        Self {
            state: State::Deciding { later, held },
        }
    }

    pub(crate) fn next(next: Next<S, Req, Req::Response, St>) -> Self {
        Self {
            state: State::next(next),
        }
    }
}

impl<S, Req, St> State<S, S::Future, Req, Req::Response, St, St::Later>
where
    S: Service<Req, Response = Req::Response>,
    Req: McpRequest,
    St: RateLimitStore,
{
    fn next(next: Next<S, Req, Req::Response, St>) -> Self {
        match next {
            Next::Pass(mut held, events) if held.is_ready => Self::Inner {
                future: held.service.call(held.request),
                events,
            },
            Next::Pass(held, events) => Self::Readying {
                held: Some(Box::new(held)),
                events,
            },
            Next::Refuse(response) => Self::Ready {
                response: Some(response),
            },
            Next::Wait(timer, held) => Self::Waiting {
                timer,
                held: Some(Box::new(held)),
            },
        }
    }
}

impl<S, Req, St> Held<S, Req, St>
where
    S: Service<Req, Response = Req::Response> + Clone,
    Req: McpRequest,
    St: RateLimitStore,
{
    /// What a decision means for the call.
    pub(crate) fn go_on(self, decision: Decision) -> Next<S, Req, Req::Response, St> {
        match decision.verdict {
            Verdict::Admitted => {
                let mut events = self.waited();
                if decision.is_away {
                    events.push(refusal::away(true));
                }
                Next::Pass(self, events)
            }
            Verdict::Unavailable => {
                let to = self.request.reply_to();
                Next::Refuse(refusal::unavailable(to, self.as_tool_error))
            }
            Verdict::Limited {
                charge,
                retry_after,
            } => {
                if let Some(timer) = self.may_wait(retry_after) {
                    let rule = self.shared.rules.name(&self.charges, charge);
                    let since = self
                        .waits
                        .as_ref()
                        .map_or_else(timer::now, |(since, _)| *since);
                    // What the instance has reserved is not for one that waits.
                    let service = self.service.clone();
                    let waiting = Self {
                        service,
                        is_ready: false,
                        waits: Some((since, rule)),
                        ..self
                    };
                    return Next::Wait(timer, waiting);
                }
                let rule = self.shared.rules.refused(&self.charges, charge);
                let to = self.request.reply_to();
                let mut response: Req::Response =
                    refusal::limited(to, &rule, retry_after, self.as_tool_error);
                if decision.is_away {
                    response.trail_mut().push(refusal::away(false));
                }
                let waited = self.waited();
                waited
                    .into_iter()
                    .for_each(|event| response.trail_mut().push(event));
                Next::Refuse(response)
            }
        }
    }

    fn may_wait(&self, retry_after: Duration) -> Option<Pin<Box<Timer>>> {
        let max_wait = self.settings.max_wait;
        if max_wait.is_zero() {
            return None;
        }
        let now = timer::now();
        let done = now.checked_add(retry_after)?;
        let since = self.waits.as_ref().map_or(now, |(since, _)| *since);
        let latest = since.checked_add(max_wait);
        let deadline = self.request.context().deadline();
        let in_time = latest.is_none_or(|latest| done <= latest)
            && deadline.is_none_or(|deadline| done < deadline);
        in_time.then(|| Box::pin(timer::sleep(retry_after)))
    }

    fn waited(&self) -> Vec<Event> {
        let waited = self.waits.as_ref().map(|(since, rule)| Event::Waited {
            rule: Cow::Owned(rule.to_string()),
            waited: timer::now().saturating_duration_since(*since),
        });
        waited.into_iter().collect()
    }
}

impl<S, Req, St> Future for ResponseFuture<S, Req, St>
where
    S: Service<Req, Response = Req::Response> + Clone,
    Req: McpRequest,
    St: RateLimitStore,
{
    type Output = Result<Req::Response, S::Error>;

    /// Polled again after it was ready, a refusal stays pending.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                // The usual case, in which the answer is not touched, and so not moved.
                StateProjection::Inner { future, events } if events.is_empty() => {
                    return future.poll(cx);
                }
                StateProjection::Inner { future, events } => {
                    let mut answer = ready!(future.poll(cx));
                    if let Ok(response) = &mut answer {
                        events
                            .drain(..)
                            .for_each(|event| response.trail_mut().push(event));
                    }
                    return Poll::Ready(answer);
                }
                StateProjection::Ready { response } => {
                    return match response.take() {
                        Some(response) => Poll::Ready(Ok(response)),
                        None => Poll::Pending,
                    };
                }
                StateProjection::Deciding { later, held } => {
                    let decision = ready!(later.poll(cx));
                    let Some(held) = held.take() else {
                        return Poll::Pending;
                    };
                    State::next(held.go_on(decision))
                }
                StateProjection::Waiting { timer, held } => {
                    ready!(timer.as_mut().poll(cx));
                    let Some(held) = held.take() else {
                        return Poll::Pending;
                    };
                    match held.shared.store.acquire(&held.charges) {
                        Acquire::Ready(decision) => State::next(held.go_on(decision)),
                        Acquire::Later(later) => State::Deciding {
                            later,
                            held: Some(held),
                        },
                    }
                }
                StateProjection::Readying { held, events } => {
                    let Some(waiting) = held else {
                        return Poll::Pending;
                    };
                    ready!(waiting.service.poll_ready(cx))?;
                    let Some(mut ready) = held.take() else {
                        return Poll::Pending;
                    };
                    State::Inner {
                        future: ready.service.call(ready.request),
                        events: std::mem::take(events),
                    }
                }
            };
            state.set(next);
        }
    }
}

impl<S, Req, St> fmt::Debug for ResponseFuture<S, Req, St>
where
    S: Service<Req>,
    Req: McpRequest,
    St: RateLimitStore,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
