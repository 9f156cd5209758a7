//! What is done with the answer of the inner service.

use std::{sync::Arc, time::Duration};

use mcp_layers_core::{
    ByCode, CacheEvent, CacheScope, Class, Classify, Clock, Event, McpRequest, McpResponse, Method,
    Outcome, Principal, StoredResponse, code,
};
use serde_json::{Map, Value};

use crate::{
    NotStored, StoreEpoch, StoreKey, StoredEntry,
    entry::{Entry, Facts},
    epoch::Snapshot,
    flight::Lead,
    key::{Key, Keys},
    memo::Expected,
    rule::Rule,
    state::{Landing, Snapshots, State},
};

/// What an entry costs besides its key and its response.
const OVERHEAD: usize = 256;

/// The key of a result's `_meta` under which [`CacheLayer::meta`](crate::CacheLayer::meta) says
/// what the cache did: an object with `state` (`hit`, `stale`, `miss`, `coalesced`, `bypass`) and,
/// where they apply, `ageMs` and `reason`.
pub const META_KEY: &str = "dev.mcp-layers/cache";

/// A request on its way to the inner service, and what to do with its answer.
pub(crate) struct Fill<To, C> {
    pub(crate) state: Arc<State>,
    pub(crate) clock: C,
    pub(crate) rule: Rule,
    pub(crate) keys: Keys,
    pub(crate) to: To,
    target: Option<Box<str>>,
    principal: Option<Arc<Principal>>,
    has_cursor: bool,
    is_modern: bool,
    snapshots: Snapshots,
    pub(crate) lead: Option<Lead<Snapshot, Landing>>,
    pub(crate) stale: Option<Arc<Entry>>,
    /// Where the second level keeps the answer, and how it stood when it was asked.
    pub(crate) store_keys: Vec<(StoreKey, StoreEpoch)>,
}

impl<To: Clone, C: Clock> Fill<To, C> {
    pub(crate) fn new<Req: McpRequest<ReplyTo = To>>(
        state: &Arc<State>,
        clock: &C,
        request: &Req,
        rule: Rule,
        key: &mut Key,
    ) -> Self {
        let principal = request.context().principal();
        let is_private = key.add_context(principal, state.settings.context);
        let target = request.target();
        Self {
            state: Arc::clone(state),
            clock: clock.clone(),
            rule,
            keys: key.to_keys(),
            to: request.reply_to(),
            target: target.map(Into::into),
            principal: principal.cloned(),
            has_cursor: request.cursor().is_some(),
            is_modern: request.is_modern(),
            snapshots: state.snapshots(
                rule.method,
                target,
                principal.map(AsRef::as_ref),
                is_private,
            ),
            lead: None,
            stale: None,
            store_keys: Vec::new(),
        }
    }

    /// Under which key requests wait for each other, if they do, and on what they must agree.
    pub(crate) fn flight(&self) -> Option<(&Arc<[u8]>, &Snapshot)> {
        let expected = match self.rule.scope {
            Some(CacheScope::Public) => Expected::Public,
            Some(_) => Expected::Private,
            None => Expected::Anything,
        };
        let seen = self
            .state
            .memo
            .expected(self.rule.method, self.target.as_deref());
        match (expected, seen) {
            (_, Expected::Nothing) => None,
            (Expected::Public, _) | (Expected::Anything, Expected::Anything | Expected::Public) => {
                Some((&self.keys.public, &self.snapshots.public))
            }
            _ => self.private_flight(),
        }
    }

    pub(crate) fn private_flight(&self) -> Option<(&Arc<[u8]>, &Snapshot)> {
        self.keys
            .private
            .as_ref()
            .zip(self.snapshots.private.as_ref())
    }

    /// Begins anew, as the leader.
    pub(crate) fn take_lead(&mut self, lead: Lead<Snapshot, Landing>) {
        let principal = self.principal.as_deref();
        let is_private = self.keys.private.is_some();
        let target = self.target.as_deref();
        self.snapshots = self
            .state
            .snapshots(self.rule.method, target, principal, is_private);
        self.lead = Some(lead);
    }

    /// The keys to ask the second level for.
    pub(crate) fn keys_to_fetch(&self) -> Vec<(CacheScope, StoreKey)> {
        let key = |bytes, principal| {
            let target = self.target.as_deref();
            self.state
                .store_key(bytes, self.rule.method, target, principal)
        };
        let public = (CacheScope::Public, key(&self.keys.public, None));
        let private = self.keys.private.as_ref().map(|bytes| {
            let principal = self.principal.as_deref();
            (CacheScope::Private, key(bytes, principal))
        });
        match self.rule.scope {
            Some(CacheScope::Public) => vec![public],
            Some(_) => private.into_iter().collect(),
            None => std::iter::once(public).chain(private).collect(),
        }
    }

    /// Keeps what the second level had; `None` when it cannot be read.
    pub(crate) fn keep_stored<Res>(&mut self, stored: &StoredEntry) -> Option<Landing>
    where
        Res: StoredResponse<ReplyTo = To>,
    {
        let fits = self.fits(stored.json.len())?;
        let response = Res::from_json(self.to.clone(), self.rule.method, &stored.json)?;
        let facts = self.facts(stored.scope, stored.time_to_live, stored.age, fits)?;
        let entry = Arc::new(Entry::owned(response, facts, &self.state.bytes));
        self.keep(&entry)
    }

    /// Takes in the answer: keeps it, tells the followers, and says what the cache did. A failure
    /// is replaced by what is left of an earlier answer.
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
        let Ok(response) = answer else {
            self.state.counts.not_stored(NotStored::Outcome);
            if let Some(lead) = self.lead.take() {
                lead.land(None);
            }
            return;
        };
        let kept = self.keep_answer(response);
        let (landing, why) = match kept {
            Ok(landing) => (Some(landing), None),
            Err(why) => (None, Some(why)),
        };
        if let Some(why) = why {
            self.state.counts.not_stored(why);
        }
        if let Some(lead) = self.lead.take() {
            lead.land(landing);
        }
        annotate(response, CacheEvent::Miss, self.state.settings.meta);
    }

    fn stale_if_error<Res>(&mut self) -> Option<Res>
    where
        Res: StoredResponse<ReplyTo = To>,
    {
        let entry = self.stale.take()?;
        let now = self.clock.now();
        let late = entry.stale_for(now)?;
        if late >= self.state.settings.if_error {
            return None;
        }
        let age = entry.age(now);
        let mut response: Res = entry.respond(self.to.clone(), age)?;
        if let Some(lead) = self.lead.take() {
            lead.land(Some(self.landing(entry)));
        }
        self.state.counts.stale();
        let event = CacheEvent::Stale { age };
        annotate(&mut response, event, self.state.settings.meta);
        Some(response)
    }

    fn keep_answer<Res>(&mut self, response: &mut Res) -> Result<Landing, NotStored>
    where
        Res: StoredResponse<ReplyTo = To>,
    {
        let (method, target) = (self.rule.method, self.target.as_deref());
        match response.outcome() {
            Outcome::Success => {}
            Outcome::Protocol { code, .. } => {
                // The list has changed under its pages.
                if code == code::INVALID_PARAMS && self.has_cursor {
                    self.state.invalidate_method(method);
                }
                return Err(NotStored::Outcome);
            }
            _ => return Err(NotStored::Outcome),
        }
        if self.is_modern {
            self.rule.stamp(response);
        }
        let longest = self.state.settings.max_time_to_live;
        let freshness = self.rule.freshness(response.cache_hint(), longest);
        let Some((time_to_live, mut scope)) = freshness else {
            self.state.memo.learn(method, target, None);
            return Err(NotStored::StaleAtOnce);
        };
        // A list that a layer further in has filtered for its caller is for that caller alone.
        let filtered = |event| matches!(event, &Event::Filtered { .. });
        if response.trail().events().any(filtered) {
            scope = CacheScope::Private;
        }
        let Some(size) = self.fits(response.size_estimate()) else {
            self.state.memo.learn(method, target, None);
            return Err(NotStored::TooLarge);
        };
        let facts = self.facts(scope, time_to_live, Duration::ZERO, size);
        let kept = facts.ok_or(NotStored::NoContext).and_then(|facts| {
            let entry = Arc::new(Entry::new(response, facts, &self.state.bytes));
            self.keep(&entry).ok_or(NotStored::Invalidated)
        });
        // Only now: whoever knows the scope joins another flight, and must find the entry there.
        self.state.memo.learn(method, target, Some(scope));
        let landing = kept?;
        self.put(response, scope, time_to_live);
        Ok(landing)
    }

    /// The size of an entry with a response of this size, when it may be that large.
    fn fits(&self, response: usize) -> Option<u32> {
        let key = self.keys.private.as_ref().unwrap_or(&self.keys.public);
        let size = response.saturating_add(key.len()).saturating_add(OVERHEAD);
        let size = u32::try_from(size).ok()?;
        (size <= self.state.settings.max_entry_bytes).then_some(size)
    }

    /// `None` for what is private to nobody known.
    fn facts(
        &self,
        scope: CacheScope,
        time_to_live: Duration,
        age: Duration,
        size: u32,
    ) -> Option<Facts> {
        let snapshot = match scope {
            CacheScope::Public => Some(&self.snapshots.public),
            _ => self.snapshots.private.as_ref(),
        };
        let is_read = self.rule.method == Method::ReadResource;
        Some(Facts {
            scope,
            time_to_live,
            age,
            now: self.clock.now(),
            snapshot: snapshot?.clone(),
            uri: self.target.clone().filter(|_| is_read),
            size,
        })
    }

    /// Keeps an entry; `None` when what it says was invalidated while it was made.
    fn keep(&self, entry: &Arc<Entry>) -> Option<Landing> {
        let epochs = &self.state.epochs;
        if !epochs.is_current(&entry.snapshot, entry.uri.as_deref()) {
            return None;
        }
        let landing = self.landing(Arc::clone(entry));
        let key = landing.private.as_ref().unwrap_or(&self.keys.public);
        self.state.table.insert(Arc::clone(key), Arc::clone(entry));
        Some(landing)
    }

    fn landing(&self, entry: Arc<Entry>) -> Landing {
        let private = match entry.scope {
            CacheScope::Public => None,
            _ => self.keys.private.clone(),
        };
        Landing { entry, private }
    }

    fn put<Res: McpResponse>(&mut self, response: &Res, scope: CacheScope, time_to_live: Duration) {
        let Some(store) = &self.state.settings.store else {
            return;
        };
        let key = match scope {
            CacheScope::Public => Some(&self.keys.public),
            _ => self.keys.private.as_ref(),
        };
        let mut known = self.store_keys.drain(..);
        if let Some((key, epoch)) =
            known.find(|(known, _)| key.is_some_and(|key| known.bytes() == &**key))
        {
            let mut json = Vec::new();
            response.write_json(&mut json);
            store.put(key, epoch, StoredEntry::new(json, scope, time_to_live));
        }
    }
}

/// Says in the trail, and in the result if it shall, what the cache did.
pub(crate) fn annotate<Res: McpResponse>(response: &mut Res, event: CacheEvent, meta: bool) {
    response.trail_mut().push(Event::Cache(event));
    if meta {
        let (state, age, reason) = match event {
            CacheEvent::Hit { age } => ("hit", Some(age), None),
            CacheEvent::Stale { age } => ("stale", Some(age), None),
            CacheEvent::Coalesced => ("coalesced", None, None),
            CacheEvent::Bypass { reason } => ("bypass", None, Some(reason.as_str())),
            _ => ("miss", None, None),
        };
        let mut value = Map::new();
        value.insert("state".to_owned(), Value::from(state));
        if let Some(age) = age {
            let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
            value.insert("ageMs".to_owned(), Value::from(age));
        }
        if let Some(reason) = reason {
            value.insert("reason".to_owned(), Value::from(reason));
        }
        response.insert_meta(META_KEY, Value::Object(value));
    }
}
