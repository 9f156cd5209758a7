//! The miss handler: it stores the result of the inner service and shares it with waiters.

use std::{sync::Arc, time::Duration};

use mcp_layers_core::{
    ByCode, Class, Classify, Event, Lesson, McpRequest, McpResponse, Method, Outcome,
    StoredResponse, code, response::CacheScope, trail::CacheEvent,
};

use crate::{
    Group, Lookup, NotStored, StoreEpoch, StoreError, StoreEvent, StoreKey, StoredEntry,
    entry::{Entry, Facts},
    groups,
    key::Keys,
    report::report,
    rules::Rule,
    single_flight::{FlightKey, Leader},
    state::State,
};

/// The bytes of an entry in addition to its key and response.
const OVERHEAD: usize = 256;

/// A request that memory has no fresh entry for.
pub(crate) struct Miss<To> {
    pub(crate) state: Arc<State>,
    pub(crate) rule: Rule,
    pub(crate) to: To,
    public: StoreKey,
    private: Option<StoreKey>,
    context: Option<Box<[u8]>>,
    target: Group,
    uri: Option<Box<str>>,
    cursor: Option<Box<str>>,
    is_modern: bool,
    /// For the own catalog, in a stack without a `CatalogLayer`.
    lesson: Option<Lesson>,
    /// The generation that was current when the request began.
    since: u64,
    pub(crate) leader: Option<Leader<Arc<Entry>>>,
    pub(crate) stale: Option<Arc<Entry>>,
    /// The keys that the second level has no entry for, and their epochs.
    fetched: Vec<(StoreKey, StoreEpoch)>,
}

impl<To: Clone> Miss<To> {
    pub(crate) fn new<Req: McpRequest<ReplyTo = To>>(
        state: &Arc<State>,
        request: &Req,
        rule: Rule,
        keys: &Keys,
        stale: Option<Arc<Entry>>,
    ) -> Self {
        let since = state.generations.current();
        let method = rule.method;
        let target = groups::of_target(method, request.target());
        let of_all = vec![Group::all(), groups::of_method(method), target.clone()];
        let of_caller = keys.context().zip(request.context().principal());
        let of_context = of_caller.map(|(context, principal)| {
            let mut of_context = of_all.clone();
            of_context.extend([
                groups::of_subject(principal),
                groups::of_context(context),
                groups::of_context_method(context, method),
            ]);
            of_context
        });
        let learns =
            state.settings.rules.trusted.is_some() && request.context().catalog().is_none();
        let is_read = method == Method::ReadResource;
        Self {
            state: Arc::clone(state),
            rule,
            to: request.reply_to(),
            public: StoreKey::new(keys.public(), of_all),
            private: keys
                .private()
                .zip(of_context)
                .map(|(key, groups)| StoreKey::new(key, groups)),
            context: keys.context().map(Into::into),
            target,
            uri: request.target().filter(|_| is_read).map(Into::into),
            cursor: request.cursor().map(Into::into),
            is_modern: request.is_modern(),
            lesson: learns.then(|| state.catalog.lesson(request)),
            since,
            leader: None,
            stale,
            fetched: Vec::new(),
        }
    }

    /// Returns the key under which equal requests wait for each other, if they do.
    pub(crate) fn flight_key(&self) -> Option<FlightKey> {
        let expected = self.state.scopes.expected(&self.target);
        match (self.rule.scope, expected) {
            (_, Some(None)) => None,
            (Some(CacheScope::Public), _) | (None, None | Some(Some(CacheScope::Public))) => {
                Some(self.flight_key_of(&self.public))
            }
            _ => self.private_flight_key(),
        }
    }

    pub(crate) fn private_flight_key(&self) -> Option<FlightKey> {
        self.private.as_ref().map(|key| self.flight_key_of(key))
    }

    fn flight_key_of(&self, key: &StoreKey) -> FlightKey {
        let generations = &self.state.generations;
        let generation = generations.of(key.groups(), self.uri.as_deref());
        (Arc::clone(key.shared_bytes()), generation)
    }

    /// Becomes the leader, as if the request began now.
    pub(crate) fn lead(&mut self, leader: Leader<Arc<Entry>>) {
        self.since = self.state.generations.current();
        self.leader = Some(leader);
    }

    /// Looks again for an entry, which another request may have stored by now.
    pub(crate) fn find_fresh(&self) -> Option<Arc<Entry>> {
        let fresh = |key| self.state.find_fresh(key);
        fresh(&self.public).or_else(|| fresh(self.private.as_ref()?))
    }

    /// Copies an entry for this request, and reports the event.
    pub(crate) fn respond<Res>(&self, entry: &Entry, is_coalesced: bool) -> Option<Res>
    where
        Res: StoredResponse<ReplyTo = To>,
    {
        self.state.respond(entry, self.to.clone(), is_coalesced)
    }

    /// Answers with a stale entry while another request is running, within the window for that.
    pub(crate) fn stale_while_revalidate<Res>(&self) -> Option<Res>
    where
        Res: StoredResponse<ReplyTo = To>,
    {
        let entry = self.stale.as_ref()?;
        let settings = &self.state.settings;
        let late = entry.stale_for(settings.clock.now())?;
        (late < settings.stale_while_revalidate)
            .then(|| self.respond(entry, false))
            .flatten()
    }

    /// Returns whether an entry of another request may be served to this caller.
    pub(crate) fn may_read(&self, entry: &Entry) -> bool {
        let own = self.private.as_ref().map(StoreKey::shared_bytes);
        entry.facts.scope == CacheScope::Public || own == Some(&entry.facts.key)
    }

    /// Looks the entry up in the second level, under one key after the other. An entry that is found
    /// is in memory then.
    pub(crate) async fn fetch<Res>(&mut self) -> Option<Arc<Entry>>
    where
        Res: StoredResponse<ReplyTo = To>,
    {
        let store = self.state.settings.store.clone()?;
        for scope in [CacheScope::Public, CacheScope::Private] {
            let key = self.key(scope).cloned();
            let Some(key) = key.filter(|_| self.rule.scope.is_none_or(|known| known == scope))
            else {
                continue;
            };
            let answer = store.get(key.clone()).await;
            let (event, found) = self.take::<Res>(scope, key, answer);
            self.state.counters.lock().store[event as usize] += 1;
            if found.is_some() {
                return found;
            }
        }
        None
    }

    fn take<Res>(
        &mut self,
        scope: CacheScope,
        key: StoreKey,
        answer: Result<Lookup, StoreError>,
    ) -> (StoreEvent, Option<Arc<Entry>>)
    where
        Res: StoredResponse<ReplyTo = To>,
    {
        let (entry, epoch) = match answer {
            Ok(lookup) => lookup.into_parts(),
            Err(error) if error.is_garbage() => return (StoreEvent::Garbage, None),
            Err(_) => return (StoreEvent::Unreachable, None),
        };
        self.fetched.push((key, epoch));
        let Some(entry) = entry else {
            return (StoreEvent::Miss, None);
        };
        let is_usable = entry.scope == scope && entry.age < entry.time_to_live;
        let usable = Some(entry).filter(|_| is_usable);
        match usable.and_then(|entry| self.store_fetched::<Res>(&entry)) {
            None => (StoreEvent::Garbage, None),
            found => (StoreEvent::Hit, found),
        }
    }

    /// Stores an entry of the second level; `None` when it cannot be read, or is out of date.
    fn store_fetched<Res>(&mut self, fetched: &StoredEntry) -> Option<Arc<Entry>>
    where
        Res: StoredResponse<ReplyTo = To>,
    {
        let size = self.size(fetched.json.len())?;
        let response = Res::from_json(self.to.clone(), self.rule.method, &fetched.json)?;
        let cursor = response.next_cursor().map(Box::from);
        let mut facts = self.facts(fetched.scope, fetched.time_to_live, size)?;
        facts.age = fetched.age;
        self.insert(Entry::new(response, facts), cursor)
    }

    /// Takes the response of the inner service: stores it, shares it with waiters, and reports the
    /// event. A failure is replaced by a stale entry, where there is one.
    pub(crate) fn finish<Res, E>(mut self, answer: &mut Result<Res, E>)
    where
        Res: StoredResponse<ReplyTo = To>,
    {
        let failed = match answer {
            Ok(response) => {
                let class = ByCode::default().classify(self.rule.method, &response.outcome());
                class == Class::Failure
            }
            Err(_) => true,
        };
        if failed && let Some(mut response) = self.stale_if_error::<Res>() {
            if let Ok(failure) = answer {
                let earlier = std::mem::take(failure.trail_mut());
                response.trail_mut().prepend(earlier);
            }
            *answer = Ok(response);
            return;
        }
        let stored = match answer {
            Ok(response) => self.store(response),
            Err(_) => Err(NotStored::Outcome),
        };
        if let Err(reason) = stored {
            self.state.counters.lock().not_stored[reason as usize] += 1;
        }
        if let Some(leader) = self.leader.take() {
            leader.publish(stored.ok());
        }
        if let Ok(response) = answer {
            if let Some(lesson) = &self.lesson {
                lesson.learn(response);
            }
            let in_meta = self.state.settings.reports_in_meta;
            report(response, CacheEvent::Miss, in_meta);
        }
    }

    fn stale_if_error<Res>(&mut self) -> Option<Res>
    where
        Res: StoredResponse<ReplyTo = To>,
    {
        let entry = self.stale.take()?;
        let settings = &self.state.settings;
        let late = entry.stale_for(settings.clock.now())?;
        if late >= settings.stale_if_error {
            return None;
        }
        let response = self.respond(&entry, false)?;
        if let Some(leader) = self.leader.take() {
            leader.publish(Some(entry));
        }
        Some(response)
    }

    fn store<Res>(&mut self, response: &mut Res) -> Result<Arc<Entry>, NotStored>
    where
        Res: StoredResponse<ReplyTo = To>,
    {
        let state = Arc::clone(&self.state);
        match response.outcome() {
            Outcome::Success => {}
            Outcome::Protocol {
                code: code::INVALID_PARAMS,
                ..
            } => {
                self.drop_pages();
                return Err(NotStored::Outcome);
            }
            _ => return Err(NotStored::Outcome),
        }
        if self.is_modern {
            self.rule.apply_default_hint(response);
        }
        let max_time_to_live = state.settings.max_time_to_live;
        let freshness = self.rule.freshness(response.cache_hint(), max_time_to_live);
        let Some((time_to_live, mut scope)) = freshness else {
            state.scopes.learn(&self.target, None);
            return Err(NotStored::StaleAtOnce);
        };
        // A list that an inner layer has filtered for its caller is for that caller alone.
        let is_filtered = |event: &Event| matches!(event, Event::Filtered { .. });
        if response.trail().events().any(is_filtered) {
            scope = CacheScope::Private;
        }
        let Some(size) = self.size(response.size_estimate()) else {
            state.scopes.learn(&self.target, None);
            return Err(NotStored::TooLarge);
        };
        let facts = self.facts(scope, time_to_live, size);
        let stored = facts.ok_or(NotStored::NoContext).and_then(|facts| {
            let cursor = response.next_cursor().map(Box::from);
            self.insert(Entry::copied(response, facts), cursor)
                .ok_or(NotStored::Invalidated)
        });
        // Only now: requests that know the scope wait for another leader, and have to find the entry.
        state.scopes.learn(&self.target, Some(scope));
        let stored = stored?;
        self.put(response, scope, time_to_live);
        Ok(stored)
    }

    /// Drops the pages of a list after the server has refused a cursor (2026-07-28,
    /// server/utilities/caching): for everyone if the server has handed the cursor out, else for the
    /// caller's own context, because callers can make up cursors.
    fn drop_pages(&self) {
        let Some(cursor) = &self.cursor else {
            return;
        };
        let (state, method) = (&self.state, self.rule.method);
        if state.cursors.is_known(method, cursor, &state.generations) {
            state.invalidate(&groups::of_method(method));
        } else if let Some(context) = &self.context {
            state.invalidate(&groups::of_context_method(context, method));
        }
    }

    /// Returns the size of an entry with a response of this size; `None` if it is too large.
    fn size(&self, response: usize) -> Option<u32> {
        let key = self.private.as_ref().unwrap_or(&self.public).bytes();
        let size = response.saturating_add(key.len()).saturating_add(OVERHEAD);
        if size > self.state.settings.max_entry_bytes {
            return None;
        }
        u32::try_from(size).ok()
    }

    fn key(&self, scope: CacheScope) -> Option<&StoreKey> {
        match scope {
            CacheScope::Public => Some(&self.public),
            _ => self.private.as_ref(),
        }
    }

    /// Returns the facts of an entry; `None` for a private one without a context.
    fn facts(&self, scope: CacheScope, time_to_live: Duration, size: u32) -> Option<Facts> {
        let key = self.key(scope)?;
        Some(Facts {
            scope,
            time_to_live,
            age: Duration::ZERO,
            stored_at: self.state.settings.clock.now(),
            since: self.since,
            key: Arc::clone(key.shared_bytes()),
            groups: Arc::clone(key.shared_groups()),
            uri: self.uri.clone(),
            size,
        })
    }

    /// Inserts an entry; `None` when it was invalidated while the request was running.
    fn insert(&self, entry: Entry, next_cursor: Option<Box<str>>) -> Option<Arc<Entry>> {
        let state = &self.state;
        if !state.is_current(&entry) {
            return None;
        }
        if let Some(cursor) = next_cursor.filter(|_| entry.facts.scope == CacheScope::Public) {
            state.cursors.learn(self.rule.method, &cursor, self.since);
        }
        let entry = Arc::new(entry);
        state.memory.insert(Arc::clone(&entry));
        Some(entry)
    }

    /// Puts a result into the second level, unless the lookup there has failed.
    fn put<Res: McpResponse>(&mut self, response: &Res, scope: CacheScope, time_to_live: Duration) {
        let Some(store) = &self.state.settings.store else {
            return;
        };
        let key = self.key(scope);
        let mut fetched = self.fetched.iter();
        if let Some((key, epoch)) = fetched.find(|(fetched, _)| Some(fetched) == key) {
            let mut json = Vec::new();
            response.write_json(&mut json);
            let entry = StoredEntry::new(json, scope, time_to_live);
            store.put(key.clone(), epoch.clone(), entry);
        }
    }
}
