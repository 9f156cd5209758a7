//! The future: an answer that is there, one that the inner service makes, or one that is waited for.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use mcp_layers_core::{CacheEvent, CacheScope, Clock, McpRequest, McpResponse, StoredResponse};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::{
    Lookup, StoreError, StoreFuture, StoreKey,
    epoch::Snapshot,
    fill::{Fill, annotate},
    flight::{Arrived, Follower, Joined, Lead},
    state::Landing,
    stats::StoreEvent,
};

pin_project! {
    /// The future of [`Cache`](crate::Cache). Dropped, it leaves what it was about to ask to whoever
    /// waits for the same.
    pub struct ResponseFuture<S, Req, C>
    where
        S: Service<Req>,
        Req: McpRequest,
    {
        #[pin]
        stage: Stage<S::Future, Req::Response, Req::ReplyTo, Waiting<S, Req, C>, C>,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<F, Res, To, W, C> {
        Done { response: Option<Res> },
        Running { #[pin] future: F, after: Option<After<To, C>> },
        // Boxed, since it holds the request, and what it waits for takes its time anyway.
        Waiting { waiting: Box<W> },
    }
}

/// What happens to the answer of the inner service.
pub(crate) enum After<To, C> {
    Nothing,
    Say(CacheEvent, bool),
    Fill(Box<Fill<To, C>>),
}

impl<S, Req, C> ResponseFuture<S, Req, C>
where
    S: Service<Req>,
    Req: McpRequest,
{
    pub(crate) fn done(response: Req::Response) -> Self {
        Self {
            stage: Stage::Done {
                response: Some(response),
            },
        }
    }

    pub(crate) fn running(future: S::Future, after: After<Req::ReplyTo, C>) -> Self {
        Self {
            stage: Stage::Running {
                future,
                after: Some(after),
            },
        }
    }

    pub(crate) fn waiting(waiting: Waiting<S, Req, C>) -> Self {
        Self {
            stage: Stage::Waiting {
                waiting: Box::new(waiting),
            },
        }
    }
}

impl<S, Req, C> Future for ResponseFuture<S, Req, C>
where
    Req: McpRequest,
    Req::Response: StoredResponse,
    S: Service<Req, Response = Req::Response>,
    C: Clock,
{
    type Output = Result<Req::Response, S::Error>;

    /// Polled again after it was ready, an answer from memory stays pending.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = self.project().stage;
        loop {
            let (future, after) = match stage.as_mut().project() {
                StageProjection::Done { response } => {
                    return response
                        .take()
                        .map_or(Poll::Pending, |response| Poll::Ready(Ok(response)));
                }
                StageProjection::Running { future, after } => {
                    let mut poll = future.poll(cx);
                    if let Poll::Ready(answer) = &mut poll {
                        match (after.take(), answer) {
                            (Some(After::Fill(fill)), answer) => fill.finish(answer),
                            (Some(After::Say(event, meta)), Ok(response)) => {
                                annotate(response, event, meta);
                            }
                            _ => {}
                        }
                    }
                    return poll;
                }
                StageProjection::Waiting { waiting } => match ready!(waiting.poll(cx))? {
                    Next::Answer(response) => return Poll::Ready(Ok(response)),
                    Next::Run(future, fill) => (future, After::Fill(fill)),
                    Next::Over => return Poll::Pending,
                },
            };
            stage.set(Stage::Running {
                future,
                after: Some(after),
            });
        }
    }
}

type Call<Req, C> = (Req, Box<Fill<<Req as McpRequest>::ReplyTo, C>>);

/// A request that waits before it is answered or given to the inner service.
pub(crate) struct Waiting<S, Req: McpRequest, C> {
    service: S,
    /// Both are there until the request goes on.
    call: Option<Call<Req, C>>,
    step: Step,
}

enum Step {
    /// For the answer that another request brings.
    Following(Follower<Snapshot, Landing>),
    /// For the second level.
    Fetching(Fetch),
    /// For the inner service to be ready.
    Readying,
}

struct Fetch {
    keys: std::vec::IntoIter<(CacheScope, StoreKey)>,
    asked: Option<Asked>,
}

struct Asked {
    scope: CacheScope,
    key: StoreKey,
    answer: StoreFuture<Result<Lookup, StoreError>>,
}

enum Next<F, Res, To, C> {
    Answer(Res),
    Run(F, Box<Fill<To, C>>),
    Over,
}

type NextOf<S, Req, C> = Result<
    Next<
        <S as Service<Req>>::Future,
        <Req as McpRequest>::Response,
        <Req as McpRequest>::ReplyTo,
        C,
    >,
    <S as Service<Req>>::Error,
>;

impl<S, Req, C> Waiting<S, Req, C>
where
    Req: McpRequest,
    Req::Response: StoredResponse,
    S: Service<Req, Response = Req::Response>,
    C: Clock,
{
    pub(crate) fn following(
        service: S,
        request: Req,
        fill: Box<Fill<Req::ReplyTo, C>>,
        follower: Follower<Snapshot, Landing>,
    ) -> Self {
        Self {
            service,
            call: Some((request, fill)),
            step: Step::Following(follower),
        }
    }

    pub(crate) fn fetching(service: S, request: Req, fill: Box<Fill<Req::ReplyTo, C>>) -> Self {
        let step = Step::ask(&fill);
        Self {
            service,
            call: Some((request, fill)),
            step,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<NextOf<S, Req, C>> {
        let Some((_, fill)) = &mut self.call else {
            return Poll::Ready(Ok(Next::Over));
        };
        loop {
            let answer = match &mut self.step {
                Step::Following(follower) => {
                    let arrived = ready!(follower.poll(cx));
                    arrive(fill, &mut self.step, arrived)
                }
                Step::Fetching(fetch) => {
                    let landing = ready!(fetch.poll::<Req::Response, _, _>(fill, cx));
                    let answer = landing.and_then(|landing| {
                        let response = respond(fill, &landing, None);
                        if let Some(lead) = fill.lead.take() {
                            lead.land(Some(landing));
                        }
                        response
                    });
                    self.step = Step::Readying;
                    answer
                }
                Step::Readying => {
                    ready!(self.service.poll_ready(cx))?;
                    let Some((request, fill)) = self.call.take() else {
                        return Poll::Ready(Ok(Next::Over));
                    };
                    fill.state.counts.miss();
                    let future = self.service.call(request);
                    return Poll::Ready(Ok(Next::Run(future, fill)));
                }
            };
            if let Some(response) = answer {
                return Poll::Ready(Ok(Next::Answer(response)));
            }
        }
    }
}

impl Step {
    /// Asks the second level, if there is one.
    fn ask<To: Clone, C: Clock>(fill: &Fill<To, C>) -> Self {
        if fill.state.settings.store.is_none() {
            return Self::Readying;
        }
        Self::Fetching(Fetch {
            keys: fill.keys_to_fetch().into_iter(),
            asked: None,
        })
    }
}

/// What a follower does with what arrived: an answer, or its next step.
fn arrive<Res, C>(
    fill: &mut Box<Fill<Res::ReplyTo, C>>,
    step: &mut Step,
    arrived: Arrived<Snapshot, Landing>,
) -> Option<Res>
where
    Res: StoredResponse,
    Res::ReplyTo: Clone,
    C: Clock,
{
    let joined = match arrived {
        Arrived::Shared(landing) => {
            let is_mine = landing.private.is_none() || landing.private == fill.keys.private;
            if is_mine && let Some(response) = respond(fill, &landing, Some(CacheEvent::Coalesced))
            {
                return Some(response);
            }
            // Private to somebody else: whoever is of the same context asks together.
            let private = fill.private_flight().filter(|_| !is_mine);
            private.map(|(key, stamp)| fill.state.flights.join(key, stamp))
        }
        Arrived::Nothing => None,
        Arrived::Lead(lead) => Some(Joined::Lead(lead)),
    };
    match joined {
        None => *step = Step::Readying,
        Some(Joined::Follow(follower)) => *step = Step::Following(follower),
        Some(Joined::Lead(lead)) => return lead_on(fill, step, lead),
    }
    None
}

/// Takes the lead, unless the answer is there by now.
fn lead_on<Res, C>(
    fill: &mut Box<Fill<Res::ReplyTo, C>>,
    step: &mut Step,
    lead: Lead<Snapshot, Landing>,
) -> Option<Res>
where
    Res: StoredResponse,
    Res::ReplyTo: Clone,
    C: Clock,
{
    let now = fill.clock.now();
    if let Some(landing) = fill.state.find_again(&fill.keys, now) {
        let response = respond(fill, &landing, None);
        lead.land(Some(landing));
        if response.is_some() {
            return response;
        }
    } else {
        fill.take_lead(lead);
    }
    *step = Step::ask(fill);
    None
}

/// A copy of an entry for this request.
fn respond<Res, C>(
    fill: &Fill<Res::ReplyTo, C>,
    landing: &Landing,
    event: Option<CacheEvent>,
) -> Option<Res>
where
    Res: StoredResponse,
    Res::ReplyTo: Clone,
    C: Clock,
{
    let now = fill.clock.now();
    let age = landing.entry.age(now);
    let mut response: Res = landing.entry.respond(fill.to.clone(), age)?;
    let counts = &fill.state.counts;
    let event = match (landing.entry.stale_for(now), event) {
        (Some(_), _) => {
            counts.stale();
            CacheEvent::Stale { age }
        }
        (None, Some(event)) => {
            counts.coalesced();
            event
        }
        (None, None) => {
            counts.hit();
            CacheEvent::Hit { age }
        }
    };
    annotate(&mut response, event, fill.state.settings.meta);
    Some(response)
}

impl Fetch {
    /// Asks for one key after the other; what is found is in memory then.
    fn poll<Res, To, C>(
        &mut self,
        fill: &mut Fill<To, C>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Landing>>
    where
        Res: StoredResponse<ReplyTo = To>,
        To: Clone,
        C: Clock,
    {
        loop {
            let Some(asked) = &mut self.asked else {
                let Some((scope, key)) = self.keys.next() else {
                    return Poll::Ready(None);
                };
                let Some(store) = &fill.state.settings.store else {
                    return Poll::Ready(None);
                };
                let answer = store.get(key.clone());
                self.asked = Some(Asked { scope, key, answer });
                continue;
            };
            let answer = ready!(asked.answer.as_mut().poll(cx));
            let Some(Asked { scope, key, .. }) = self.asked.take() else {
                return Poll::Ready(None);
            };
            if let Some(landing) = take_in::<Res, _, _>(fill, scope, key, answer) {
                return Poll::Ready(Some(landing));
            }
        }
    }
}

fn take_in<Res, To, C>(
    fill: &mut Fill<To, C>,
    scope: CacheScope,
    key: StoreKey,
    answer: Result<Lookup, StoreError>,
) -> Option<Landing>
where
    Res: StoredResponse<ReplyTo = To>,
    To: Clone,
    C: Clock,
{
    let event = |event| fill.state.counts.store(event);
    let (entry, epoch) = match answer {
        Ok(lookup) => lookup.into_parts(),
        Err(error) if error.is_garbage() => {
            event(StoreEvent::Garbage);
            return None;
        }
        Err(_) => {
            event(StoreEvent::Unreachable);
            return None;
        }
    };
    fill.store_keys.push((key, epoch));
    let Some(entry) = entry else {
        fill.state.counts.store(StoreEvent::Miss);
        return None;
    };
    let is_usable = entry.scope == scope && entry.age < entry.time_to_live;
    let landing = is_usable.then(|| fill.keep_stored::<Res>(&entry)).flatten();
    fill.state.counts.store(match landing {
        Some(_) => StoreEvent::Hit,
        None => StoreEvent::Garbage,
    });
    landing
}

impl<S, Req, C> fmt::Debug for ResponseFuture<S, Req, C>
where
    S: Service<Req>,
    Req: McpRequest,
    Req::Response: McpResponse,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match &self.stage {
            Stage::Done { .. } => "done",
            Stage::Running { .. } => "running",
            Stage::Waiting { .. } => "waiting",
        };
        f.debug_struct("ResponseFuture")
            .field("stage", &stage)
            .finish()
    }
}
