//! The state that all services of one layer share.

use std::{sync::Arc, time::Instant};

use mcp_layers_core::{
    Catalog, McpRequest, StoredResponse,
    response::CacheScope,
    trail::{BypassReason, CacheEvent},
};

use crate::{
    Eviction, Group, Stats, StoreKey,
    cursors::Cursors,
    entry::Entry,
    generations::Generations,
    key::{self, Keys},
    memory::Memory,
    report::report,
    rules::Rule,
    scopes::ScopeCache,
    settings::Settings,
    single_flight::SingleFlight,
    stats::Counters,
};

pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) memory: Memory,
    pub(crate) single_flight: SingleFlight<Arc<Entry>>,
    pub(crate) scopes: ScopeCache,
    pub(crate) cursors: Cursors,
    pub(crate) counters: Arc<Counters>,
    pub(crate) generations: Generations,
    /// The tools that lists have named, for a stack without a `CatalogLayer`.
    pub(crate) catalog: Catalog,
}

/// The result of a lookup in memory.
pub(crate) enum Found {
    Fresh(Arc<Entry>),
    /// Too old, but within one of the windows for stale answers.
    Stale(Arc<Entry>),
    Nothing,
}

impl State {
    pub(crate) fn new(settings: Settings) -> Self {
        let counters = Arc::default();
        let bound = |max: usize| u64::try_from(max).unwrap_or(u64::MAX);
        Self {
            memory: Memory::new(
                bound(settings.max_capacity),
                bound(settings.max_entries),
                &counters,
            ),
            single_flight: SingleFlight::new(),
            scopes: ScopeCache::new(),
            cursors: Cursors::new(),
            counters,
            generations: Generations::default(),
            catalog: Catalog::new(),
            settings,
        }
    }

    /// Returns the rule for a request, or the reason why the cache is bypassed.
    pub(crate) fn rule<Req: McpRequest>(&self, request: &Req) -> Result<Rule, BypassReason> {
        let catalog = Catalog::of(request, &self.catalog);
        self.settings.rules.of(request, catalog)
    }

    pub(crate) fn keys<Req: McpRequest>(&self, request: &Req, rule: &Rule) -> Keys {
        let settings = &self.settings;
        let public = key::public(
            request,
            settings.vary_by_capabilities,
            &settings.vary_by_meta,
        );
        let principal = request.context().principal();
        let principal = principal.filter(|_| rule.scope != Some(CacheScope::Public));
        Keys::new(public, |out| settings.context.write(principal?, out))
    }

    /// Looks up a result for a request: a public one first, then one of the caller's context.
    pub(crate) fn find(&self, rule: &Rule, keys: &Keys, now: Instant) -> Found {
        let public = match rule.scope {
            Some(CacheScope::Private) => Found::Nothing,
            _ => self.look_up(keys.public(), now),
        };
        match (public, keys.private()) {
            (fresh @ Found::Fresh(_), _) => fresh,
            (public, None) => public,
            (public, Some(key)) => match (public, self.look_up(key, now)) {
                (_, fresh @ Found::Fresh(_)) => fresh,
                (stale @ Found::Stale(_), _) => stale,
                (_, private) => private,
            },
        }
    }

    /// Looks up a fresh entry that may have come since [`State::find`].
    pub(crate) fn find_fresh(&self, key: &StoreKey) -> Option<Arc<Entry>> {
        match self.look_up(key.bytes(), self.settings.clock.now()) {
            Found::Fresh(entry) => Some(entry),
            Found::Stale(_) | Found::Nothing => None,
        }
    }

    fn look_up(&self, key: &[u8], now: Instant) -> Found {
        let Some(entry) = self.memory.get(key) else {
            return Found::Nothing;
        };
        if !self.is_current(&entry) {
            return self.remove(key, Eviction::Invalidated);
        }
        let settings = &self.settings;
        match entry.stale_for(now) {
            None => Found::Fresh(entry),
            Some(late) if late < settings.stale_while_revalidate.max(settings.stale_if_error) => {
                Found::Stale(entry)
            }
            Some(_) => self.remove(key, Eviction::Expired),
        }
    }

    /// Copies an entry for a request, and reports the event: a hit, a shared or a stale answer.
    pub(crate) fn respond<Res: StoredResponse>(
        &self,
        entry: &Entry,
        to: Res::ReplyTo,
        is_coalesced: bool,
    ) -> Option<Res> {
        let now = self.settings.clock.now();
        let age = entry.age(now);
        let mut response: Res = entry.respond(to, age)?;
        let event = if entry.stale_for(now).is_some() {
            self.counters.lock().stale += 1;
            CacheEvent::Stale { age }
        } else if is_coalesced {
            self.counters.lock().coalesced += 1;
            CacheEvent::Coalesced
        } else {
            self.counters.lock().hits += 1;
            CacheEvent::Hit { age }
        };
        report(&mut response, event, self.settings.reports_in_meta);
        Some(response)
    }

    fn remove(&self, key: &[u8], reason: Eviction) -> Found {
        self.counters.lock().evicted[reason as usize] += 1;
        self.memory.remove(key);
        Found::Nothing
    }

    /// Returns whether the entry was not invalidated since its request began.
    pub(crate) fn is_current(&self, entry: &Entry) -> bool {
        let facts = &entry.facts;
        self.generations
            .is_current(facts.since, &facts.groups, facts.uri.as_deref())
    }

    pub(crate) fn invalidate(&self, group: &Group) {
        self.generations.invalidate(group);
        if let Some(store) = &self.settings.store {
            store.invalidate(group);
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        let entries = self.memory.len();
        Stats {
            entries,
            ..*self.counters.lock()
        }
    }
}
