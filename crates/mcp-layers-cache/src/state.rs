//! The state that all services of one layer share.

use std::{sync::Arc, time::Instant};

use mcp_layers_core::{
    Catalog, McpRequest, Method, Principal, StoredResponse,
    response::CacheScope,
    trail::{BypassReason, CacheEvent},
};

use crate::{
    Eviction, Group, Stats, cursors::Cursors, entry::Entry, generations::Generations, groups, key,
    memory::Memory, report::report, rules::Rule, scopes::ScopeCache, settings::Settings,
    single_flight::SingleFlight, stats::Counters,
};

/// An entry that a leader shares with waiters and, if it is private, the key of its context.
#[derive(Clone)]
pub(crate) struct SharedEntry {
    pub(crate) entry: Arc<Entry>,
    pub(crate) private_key: Option<Arc<[u8]>>,
}

pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) memory: Memory,
    pub(crate) single_flight: SingleFlight<SharedEntry>,
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

/// The keys of a request, as bytes.
pub(crate) struct Keys {
    pub(crate) public: Vec<u8>,
    /// `None` where there is no authorization context, or where the result is public for certain.
    pub(crate) private: Option<Vec<u8>>,
    pub(crate) context: Option<Vec<u8>>,
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
        let context = principal
            .filter(|_| rule.scope != Some(CacheScope::Public))
            .and_then(|principal| settings.context.bytes(principal));
        let private = context
            .as_deref()
            .map(|context| key::private(&public, context));
        Keys {
            public,
            private,
            context,
        }
    }

    /// Looks up a result for a request: a public one first, then one of the caller's context.
    pub(crate) fn find(&self, rule: &Rule, keys: &Keys, now: Instant) -> Found {
        let public = match rule.scope {
            Some(CacheScope::Private) => Found::Nothing,
            _ => self.look_up(&keys.public, now),
        };
        match (public, &keys.private) {
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
    pub(crate) fn find_fresh(
        &self,
        public: &[u8],
        private: Option<&Arc<[u8]>>,
        now: Instant,
    ) -> Option<SharedEntry> {
        let fresh = |key: &[u8]| match self.look_up(key, now) {
            Found::Fresh(entry) => Some(entry),
            Found::Stale(_) | Found::Nothing => None,
        };
        let of = |entry, private_key| SharedEntry { entry, private_key };
        fresh(public).map(|entry| of(entry, None)).or_else(|| {
            let key = private?;
            Some(of(fresh(key)?, Some(Arc::clone(key))))
        })
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
            self.counters.stale();
            CacheEvent::Stale { age }
        } else if is_coalesced {
            self.counters.coalesced();
            CacheEvent::Coalesced
        } else {
            self.counters.hit();
            CacheEvent::Hit { age }
        };
        report(&mut response, event, self.settings.reports_in_meta);
        Some(response)
    }

    fn remove(&self, key: &[u8], reason: Eviction) -> Found {
        self.counters.evicted(reason);
        self.memory.remove(key);
        Found::Nothing
    }

    /// Returns whether the entry was not invalidated since its request began.
    pub(crate) fn is_current(&self, entry: &Entry) -> bool {
        let facts = &entry.facts;
        self.generations
            .is_current(facts.since, &facts.groups, facts.uri.as_deref())
    }

    pub(crate) fn invalidate_all(&self) {
        self.invalidate(&Group::all());
        self.memory.clear();
    }

    pub(crate) fn invalidate_prefix(&self, prefix: &str) {
        self.generations.invalidate_prefix(prefix);
        // A store knows no prefixes: it drops every read.
        if let Some(store) = &self.settings.store {
            store.invalidate(&groups::of_method(Method::ReadResource));
        }
    }

    pub(crate) fn invalidate_principal(&self, principal: &Principal) {
        self.invalidate(&groups::of_subject(principal));
        if let Some(context) = self.settings.context.bytes(principal) {
            self.invalidate(&groups::of_context(&context));
        }
    }

    pub(crate) fn invalidate(&self, group: &Group) {
        self.generations.invalidate(group);
        if let Some(store) = &self.settings.store {
            store.invalidate(group);
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        let entries = self.memory.len();
        self.counters.read(entries)
    }
}
