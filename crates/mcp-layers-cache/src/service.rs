//! The service.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use mcp_layers_core::{CacheEvent, CacheScope, Clock, McpRequest, StoredResponse};
use tower_service::Service;

use crate::{
    Bypass, ResponseFuture,
    entry::Entry,
    fill::{Fill, annotate},
    flight::Joined,
    future::{After, Waiting},
    key::Key,
    rule::Rule,
    state::{Found, State},
};

/// The service of [`CacheLayer`](crate::CacheLayer).
pub struct Cache<S, C> {
    inner: S,
    state: Arc<State>,
    clock: C,
}

impl<S, C> Cache<S, C> {
    pub(crate) fn new(inner: S, state: Arc<State>, clock: C) -> Self {
        Self {
            inner,
            state,
            clock,
        }
    }
}

impl<S, Req, C> Service<Req> for Cache<S, C>
where
    Req: McpRequest,
    Req::Response: StoredResponse,
    S: Service<Req, Response = Req::Response> + Clone,
    C: Clock,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, Req, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let rule = match self.state.settings.rules.of(&request) {
            Ok(rule) => rule,
            Err(why) => return self.pass(request, why),
        };
        let mut key = Key::of(&request, self.state.settings.capabilities_matter);
        if key.public().len() > self.state.settings.max_entry_bytes as usize {
            return self.pass(request, Bypass::TooLarge);
        }
        let now = self.clock.now();
        match self.state.find(&request, &rule, &mut key, now) {
            Found::Fresh(held, age) => {
                if let Some(entry) = held.entry()
                    && let Some(response) = self.answer::<Req>(&request, entry, age, false)
                {
                    return response;
                }
                self.miss(request, rule, &mut key, None, now)
            }
            Found::Stale(entry) => self.miss(request, rule, &mut key, Some(entry), now),
            Found::Nothing => self.miss(request, rule, &mut key, None, now),
        }
    }
}

impl<S, C: Clock> Cache<S, C> {
    /// The cache has no say.
    fn pass<Req>(&mut self, request: Req, why: Bypass) -> ResponseFuture<S, Req, C>
    where
        Req: McpRequest,
        Req::Response: StoredResponse,
        S: Service<Req, Response = Req::Response>,
    {
        self.state.counts.bypassed(why);
        let after = match why {
            // Nobody said anything of such requests, so that there is nothing to tell.
            Bypass::Undeclared => After::Nothing,
            why => After::Say(CacheEvent::Bypass { reason: why }, self.state.settings.meta),
        };
        ResponseFuture::running(self.inner.call(request), after)
    }

    /// Answers from memory. What the inner service reserved for this call is given back.
    fn answer<Req>(
        &mut self,
        request: &Req,
        entry: &Entry,
        age: std::time::Duration,
        is_stale: bool,
    ) -> Option<ResponseFuture<S, Req, C>>
    where
        Req: McpRequest,
        Req::Response: StoredResponse,
        S: Service<Req, Response = Req::Response> + Clone,
    {
        let mut response: Req::Response = entry.respond(request.reply_to(), age)?;
        let event = if is_stale {
            self.state.counts.stale();
            CacheEvent::Stale { age }
        } else {
            self.state.counts.hit();
            CacheEvent::Hit { age }
        };
        annotate(&mut response, event, self.state.settings.meta);
        self.inner = self.inner.clone();
        Some(ResponseFuture::done(response))
    }

    /// Nothing fresh is there: asks, waits for who asks, or serves what is stale meanwhile.
    #[inline(never)]
    fn miss<Req>(
        &mut self,
        request: Req,
        rule: Rule,
        key: &mut Key,
        stale: Option<Arc<Entry>>,
        now: Instant,
    ) -> ResponseFuture<S, Req, C>
    where
        Req: McpRequest,
        Req::Response: StoredResponse,
        S: Service<Req, Response = Req::Response> + Clone,
    {
        // Whether there is a context is known by now.
        if rule.scope == Some(CacheScope::Private) && key.private().is_none() {
            return self.pass(request, Bypass::NoContext);
        }
        let mut fill = Box::new(Fill::new(&self.state, &self.clock, &request, rule, key));
        // Progress goes to whoever asked for it, so that such a request waits for no other one.
        let flight = fill.flight().filter(|_| request.progress_token().is_none());
        let joined = flight.map(|(key, stamp)| self.state.flights.join(key, stamp));
        match joined {
            Some(Joined::Follow(follower)) => {
                if let Some(stale) = &stale
                    && let Some(late) = stale.stale_for(now)
                    && late < self.state.settings.while_revalidate
                    && let Some(response) = self.answer(&request, stale, stale.age(now), true)
                {
                    return response;
                }
                fill.stale = stale;
                let service = self.give_back();
                return ResponseFuture::waiting(Waiting::following(
                    service, request, fill, follower,
                ));
            }
            Some(Joined::Lead(lead)) => {
                // Another leader may have landed since memory was looked at.
                if let Some(landing) = self.state.find_again(&fill.keys, now) {
                    let entry = Arc::clone(&landing.entry);
                    lead.land(Some(landing));
                    let age = entry.age(now);
                    if let Some(response) = self.answer(&request, &entry, age, false) {
                        return response;
                    }
                } else {
                    fill.lead = Some(lead);
                }
            }
            None => {}
        }
        fill.stale = stale;
        if self.state.settings.store.is_some() {
            let service = self.give_back();
            return ResponseFuture::waiting(Waiting::fetching(service, request, fill));
        }
        self.state.counts.miss();
        ResponseFuture::running(self.inner.call(request), After::Fill(fill))
    }

    /// Gives up what the inner service reserved for this call, and returns another instance for
    /// later, which is not ready.
    fn give_back(&mut self) -> S
    where
        S: Clone,
    {
        self.inner = self.inner.clone();
        self.inner.clone()
    }
}

impl<S: Clone, C: Clone> Clone for Cache<S, C> {
    fn clone(&self) -> Self {
        Self::new(
            self.inner.clone(),
            Arc::clone(&self.state),
            self.clock.clone(),
        )
    }
}

impl<S: fmt::Debug, C> fmt::Debug for Cache<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
