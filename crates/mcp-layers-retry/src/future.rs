//! The future: one attempt after the other.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use mcp_layers_core::{
    Classify, Clock, Event, GiveUpReason, McpRequest, McpResponse, ReplayRequest, Trail,
};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tower_service::Service;

pub(crate) use crate::watch::Watch;
use crate::{
    decide::{Course, Ended, Stop},
    layer::Shared,
    policy,
    service::Origin,
    unknown,
};

type Output<S, Req> = Result<<Req as McpRequest>::Response, <S as Service<Req>>::Error>;

pin_project! {
    /// The future of [`Retry`](crate::Retry). The first attempt is part of it; a box is made for
    /// each wait, and for a time limit.
    pub struct ResponseFuture<S, Req, K, C>
    where
        S: Service<Req>,
        Req: McpRequest,
    {
        // The attempt that runs.
        #[pin]
        attempt: Option<S::Future>,
        plan: Plan<S, Req, K, C>,
        watch: Watch,
        // The wait for the next attempt.
        pause: Option<Pin<Box<Pause<Req::Cancelled, Output<S, Req>>>>>,
    }
}

enum Plan<S, Req: McpRequest, K, C> {
    Pass,
    Once {
        origin: Arc<Origin<S, K, C>>,
        reply_to: Req::ReplyTo,
        unsafe_call: bool,
    },
    Repeat(Again<S, Req, K, C>),
}

impl<S, Req: McpRequest, K, C> Plan<S, Req, K, C> {
    /// Whether this is a result, and no attempt before failed: nothing is left to be done.
    #[inline]
    fn is_good<E>(&self, poll: &Poll<Result<Req::Response, E>>) -> bool {
        let first = !matches!(self, Self::Repeat(again) if again.number > 1);
        first && matches!(poll, Poll::Ready(Ok(response)) if response.outcome().code().is_none())
    }
}

impl<S, Req, K, C> ResponseFuture<S, Req, K, C>
where
    S: Service<Req>,
    Req: McpRequest,
{
    pub(crate) fn pass(attempt: S::Future) -> Self {
        Self::new(attempt, Plan::Pass, Watch::default())
    }

    pub(crate) fn once(
        attempt: S::Future,
        origin: Arc<Origin<S, K, C>>,
        reply_to: Req::ReplyTo,
        unsafe_call: bool,
        watch: Watch,
    ) -> Self {
        let plan = Plan::Once {
            origin,
            reply_to,
            unsafe_call,
        };
        Self::new(attempt, plan, watch)
    }

    #[inline]
    pub(crate) fn repeat(attempt: S::Future, again: Again<S, Req, K, C>, watch: Watch) -> Self {
        Self::new(attempt, Plan::Repeat(again), watch)
    }

    #[inline]
    fn new(attempt: S::Future, plan: Plan<S, Req, K, C>, watch: Watch) -> Self {
        Self {
            attempt: Some(attempt),
            plan,
            watch,
            pause: None,
        }
    }
}

impl<S, Req, K, C> Future for ResponseFuture<S, Req, K, C>
where
    S: Service<Req, Response = Req::Response> + Clone,
    Req: ReplayRequest,
    K: Classify,
    C: Clock,
{
    type Output = Output<S, Req>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let ended = if let Some(attempt) = this.attempt.as_mut().as_pin_mut() {
                let poll = attempt.poll(cx);
                if this.plan.is_good(&poll) {
                    this.attempt.set(None);
                    *this.plan = Plan::Pass;
                    return poll;
                }
                match poll {
                    Poll::Ready(output) => Some(output),
                    Poll::Pending if this.watch.is_over(cx) => None,
                    Poll::Pending => return Poll::Pending,
                }
            } else {
                // Polled after it was done, it stays pending.
                let Plan::Repeat(again) = this.plan else {
                    return Poll::Pending;
                };
                if let Some(pause) = this.pause {
                    let cancelled = ready!(pause.as_mut().poll(cx));
                    let failed = pause.as_mut().take_failed();
                    *this.pause = None;
                    if let (true, Some(failed)) = (cancelled, failed) {
                        let output = again.finish(failed, Stop::Cancelled);
                        *this.plan = Plan::Pass;
                        return Poll::Ready(output);
                    }
                }
                match again.later().inner.poll_ready(cx) {
                    Poll::Ready(Ok(())) => {
                        if let Some(attempt) = again.call(this.watch) {
                            this.attempt.set(Some(attempt));
                            continue;
                        }
                        None
                    }
                    Poll::Ready(Err(error)) => Some(Err(error)),
                    Poll::Pending if this.watch.is_over(cx) => None,
                    Poll::Pending => return Poll::Pending,
                }
            };
            // What took too long ends here.
            this.attempt.set(None);
            match this.plan {
                Plan::Pass => return ended.map_or(Poll::Pending, Poll::Ready),
                Plan::Once {
                    origin,
                    reply_to,
                    unsafe_call,
                } => {
                    let to = reply_to.clone();
                    let output = ended.unwrap_or_else(|| Ok(this.watch.timed_out(to.clone())));
                    return Poll::Ready(if *unsafe_call {
                        tell_unknown(&origin.shared, to, output)
                    } else {
                        output
                    });
                }
                Plan::Repeat(again) => match again.after(ended, this.watch) {
                    Ok(pause) => *this.pause = Some(pause),
                    Err(output) => {
                        *this.plan = Plan::Pass;
                        return Poll::Ready(output);
                    }
                },
            }
        }
    }
}

/// A call that is not safe to repeat: what may have run is told as unknown.
fn tell_unknown<R: McpResponse, E, K, C>(
    shared: &Shared<K, C>,
    to: R::ReplyTo,
    output: Result<R, E>,
) -> Result<R, E> {
    let mut response = match output {
        Ok(response) if !policy::is_unknown(&response.outcome()) => return Ok(response),
        Ok(response) => unknown::mark(response, to),
        Err(_) => unknown::failed(to),
    };
    shared.counts.unknown();
    let reason = GiveUpReason::Unsafe;
    response.trail_mut().push(Event::GaveUp { reason });
    Ok(response)
}

/// What a further attempt is made of.
pub(crate) struct Again<S, Req, K, C> {
    origin: Arc<Origin<S, K, C>>,
    /// As it was sent first.
    request: Req,
    of: u32,
    number: u32,
    /// There when an attempt has failed.
    later: Option<Box<Later<S>>>,
}

struct Later<S> {
    /// What the next attempt is made on.
    inner: S,
    /// The trails of the attempts before.
    earlier: Trail,
}

impl<S, Req, K, C> Again<S, Req, K, C> {
    #[inline]
    pub(crate) fn new(origin: Arc<Origin<S, K, C>>, request: Req, of: u32) -> Self {
        Self {
            origin,
            request,
            of,
            number: 1,
            later: None,
        }
    }
}

impl<S, Req, K, C> Again<S, Req, K, C>
where
    S: Service<Req, Response = Req::Response> + Clone,
    Req: ReplayRequest,
    K: Classify,
    C: Clock,
{
    fn later(&mut self) -> &mut Later<S> {
        self.later.get_or_insert_with(|| {
            Box::new(Later {
                inner: self.origin.inner(),
                earlier: Trail::new(),
            })
        })
    }

    fn call(&mut self, watch: &mut Watch) -> Option<S::Future> {
        let request = self.request.try_clone()?;
        self.number += 1;
        let shared = &self.origin.shared;
        shared.counts.retry();
        if watch.is_limited() {
            watch.begin_attempt(shared.clock.now());
        }
        Some(self.later().inner.call(request))
    }

    /// The wait after an attempt, or what is answered in the end.
    #[cold]
    #[allow(clippy::type_complexity, reason = "it is named nowhere else")]
    fn after(
        &mut self,
        ended: Option<Output<S, Req>>,
        watch: &Watch,
    ) -> Result<Pin<Box<Pause<Req::Cancelled, Output<S, Req>>>>, Output<S, Req>> {
        let course = Course {
            number: self.number,
            of: self.of,
            deadline: self.request.context().deadline(),
        };
        let seen = match &ended {
            Some(Ok(response)) => Ended::Answered(response),
            Some(Err(_)) => Ended::Failed,
            None => Ended::TimedOut,
        };
        let method = self.request.method();
        let progress = self.request.context().progress();
        let progress = progress.is_some_and(|progress| progress.last().is_some());
        let next = self.origin.shared.next(method, &seen, course, progress);
        let timed_out = || Ok(watch.timed_out(self.request.reply_to()));
        let mut output = ended.unwrap_or_else(timed_out);
        match next {
            Err(stop) => Err(self.finish(output, stop)),
            Ok(wait) => {
                let attempt = self.attempt(&output);
                let mut trail = match &mut output {
                    Ok(response) => std::mem::take(response.trail_mut()),
                    Err(_) => Trail::new(),
                };
                trail.push(attempt);
                let earlier = &mut self.later().earlier;
                trail.prepend(std::mem::take(earlier));
                *earlier = trail;
                Ok(Box::pin(Pause::new(wait, self.request.cancelled(), output)))
            }
        }
    }

    fn attempt(&self, output: &Output<S, Req>) -> Event {
        let response = output.as_ref().ok();
        Event::Attempt {
            number: self.number,
            of: self.of,
            code: response.and_then(|response| response.outcome().code()),
        }
    }

    fn finish(&mut self, output: Output<S, Req>, stop: Stop) -> Output<S, Req> {
        let attempt = self.attempt(&output);
        self.origin.shared.counts.gave_up(stop);
        let mut response = output?;
        let trail = response.trail_mut();
        // A wait that ended early followed an attempt that is in the trail already.
        if self.number > 1 && stop != Stop::Cancelled {
            trail.push(attempt);
        }
        if let Some(reason) = stop.reason() {
            trail.push(Event::GaveUp { reason });
        }
        if let Some(later) = self.later.take() {
            trail.prepend(later.earlier);
        }
        Ok(response)
    }
}

pin_project! {
    /// A wait between two attempts, which ends early when the caller cancels the request.
    pub(crate) struct Pause<T, O> {
        #[pin]
        sleep: Sleep,
        #[pin]
        cancelled: T,
        // What is answered then.
        failed: Option<O>,
    }
}

impl<T: Future<Output = ()>, O> Pause<T, O> {
    fn new(wait: Duration, cancelled: T, failed: O) -> Self {
        Self {
            sleep: sleep(wait),
            cancelled,
            failed: Some(failed),
        }
    }

    /// Whether the request was cancelled.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let this = self.project();
        if this.cancelled.poll(cx).is_ready() {
            return Poll::Ready(true);
        }
        this.sleep.poll(cx).map(|()| false)
    }

    fn take_failed(self: Pin<&mut Self>) -> Option<O> {
        self.project().failed.take()
    }
}

impl<S: Service<Req>, Req: McpRequest, K, C> fmt::Debug for ResponseFuture<S, Req, K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
