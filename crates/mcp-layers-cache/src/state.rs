//! What all services of one layer share.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use mcp_layers_core::{CacheScope, McpRequest, Method, Principal};

use crate::{
    AuthorizationContext, CacheStore, Eviction, Group, Stats, StoreKey,
    entry::Entry,
    epoch::{Epochs, Snapshot},
    flight::Flights,
    key::{Key, Keys, write_part},
    memo::Memo,
    rule::{Rule, Rules},
    stats::Counts,
    table::{Held, Table},
};

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) rules: Rules,
    pub(crate) context: AuthorizationContext,
    pub(crate) max_bytes: u64,
    pub(crate) max_entries: u64,
    pub(crate) max_entry_bytes: u32,
    pub(crate) max_time_to_live: Duration,
    pub(crate) while_revalidate: Duration,
    pub(crate) if_error: Duration,
    pub(crate) capabilities_matter: bool,
    pub(crate) updates_are_prefixes: bool,
    pub(crate) meta: bool,
    pub(crate) store: Option<Arc<dyn CacheStore>>,
}

/// What a flight brings to those who waited: an entry and, if it is private, the key of the
/// context that it is for.
#[derive(Clone)]
pub(crate) struct Landing {
    pub(crate) entry: Arc<Entry>,
    pub(crate) private: Option<Arc<[u8]>>,
}

pub(crate) struct State {
    pub(crate) settings: Settings,
    pub(crate) table: Table,
    pub(crate) flights: Arc<Flights<Snapshot, Landing>>,
    pub(crate) memo: Memo,
    pub(crate) counts: Arc<Counts>,
    /// The bytes of all entries that exist.
    pub(crate) bytes: Arc<AtomicU64>,
    pub(crate) epochs: Epochs,
}

/// What memory has for a request, and how old it is.
pub(crate) enum Found {
    Fresh(Held, Duration),
    /// Too old, but not for every window.
    Stale(Arc<Entry>),
    Nothing,
}

/// How the groups of a public and of a private answer stood.
#[derive(Clone)]
pub(crate) struct Snapshots {
    pub(crate) public: Snapshot,
    pub(crate) private: Option<Snapshot>,
}

impl State {
    pub(crate) fn new(settings: Settings) -> Self {
        let counts = Arc::default();
        Self {
            table: Table::new(settings.max_bytes, settings.max_entries, &counts),
            flights: Arc::new(Flights::new()),
            memo: Memo::new(),
            counts,
            bytes: Arc::default(),
            epochs: Epochs::new(),
            settings,
        }
    }

    /// Looks for an answer: one for everyone first, then one for the caller alone, unless it is
    /// known which of them it must be.
    pub(crate) fn find<Req: McpRequest>(
        &self,
        request: &Req,
        rule: &Rule,
        key: &mut Key,
        now: Instant,
    ) -> Found {
        let mut stale = None;
        if rule.scope != Some(CacheScope::Private) {
            match self.look(key.public(), now) {
                Found::Stale(entry) => stale = Some(entry),
                Found::Nothing => {}
                fresh @ Found::Fresh(..) => return fresh,
            }
        }
        let principal = request.context().principal();
        if rule.scope != Some(CacheScope::Public)
            && key.add_context(principal, self.settings.context)
            && let Some(private) = key.private()
        {
            match self.look(private, now) {
                Found::Stale(entry) => stale = stale.or(Some(entry)),
                Found::Nothing => {}
                fresh @ Found::Fresh(..) => return fresh,
            }
        }
        stale.map_or(Found::Nothing, Found::Stale)
    }

    /// Looks again for what was not there a moment ago.
    pub(crate) fn find_again(&self, keys: &Keys, now: Instant) -> Option<Landing> {
        let fresh = |key: &Arc<[u8]>| match self.look(key, now) {
            Found::Fresh(held, _) => held.entry().cloned(),
            Found::Stale(_) | Found::Nothing => None,
        };
        if let Some(entry) = fresh(&keys.public) {
            let private = None;
            return Some(Landing { entry, private });
        }
        let private = keys.private.as_ref()?;
        let entry = fresh(private)?;
        let private = Some(Arc::clone(private));
        Some(Landing { entry, private })
    }

    fn look(&self, key: &[u8], now: Instant) -> Found {
        let Some(held) = self.table.get(key) else {
            return Found::Nothing;
        };
        let Some(entry) = held.entry() else {
            return Found::Nothing;
        };
        if !self
            .epochs
            .is_current(&entry.snapshot, entry.uri.as_deref())
        {
            return self.drop_entry(key, Eviction::Invalidated);
        }
        let settings = &self.settings;
        let age = entry.age(now);
        match age.checked_sub(entry.time_to_live) {
            None => Found::Fresh(held, age),
            Some(late) if late < settings.while_revalidate.max(settings.if_error) => {
                Found::Stale(Arc::clone(entry))
            }
            Some(_) => self.drop_entry(key, Eviction::Expired),
        }
    }

    fn drop_entry(&self, key: &[u8], why: Eviction) -> Found {
        self.counts.evicted(why);
        self.table.remove(key);
        Found::Nothing
    }

    /// How the groups of an answer stand now.
    pub(crate) fn snapshots(
        &self,
        method: Method<'_>,
        target: Option<&str>,
        principal: Option<&Principal>,
        is_private: bool,
    ) -> Snapshots {
        let groups = groups(method, target);
        let names = groups.iter().map(Vec::as_slice);
        let private = principal.filter(|_| is_private).map(|principal| {
            let more = groups_of(principal, self.settings.context);
            let more = more.iter().map(Vec::as_slice);
            self.epochs.snapshot(names.clone().chain(more))
        });
        Snapshots {
            public: self.epochs.snapshot(names),
            private,
        }
    }

    /// Under what the second level keeps an answer.
    pub(crate) fn store_key(
        &self,
        bytes: &Arc<[u8]>,
        method: Method<'_>,
        target: Option<&str>,
        principal: Option<&Principal>,
    ) -> StoreKey {
        let mut names = groups(method, target);
        if let Some(principal) = principal {
            names.extend(groups_of(principal, self.settings.context));
        }
        let groups: Vec<_> = names.into_iter().map(Group::new).collect();
        StoreKey::new(Arc::clone(bytes), groups)
    }

    pub(crate) fn invalidate_all(&self) {
        self.invalidate(&all());
        self.table.clear();
    }

    pub(crate) fn invalidate_method(&self, method: Method<'_>) {
        self.invalidate(&of_method(method));
    }

    pub(crate) fn invalidate_target(&self, method: Method<'_>, target: &str) {
        self.invalidate(&of_target(method, Some(target)));
    }

    pub(crate) fn invalidate_prefix(&self, prefix: &str) {
        self.epochs.invalidate_prefix(prefix);
        // A store has no prefixes: it forgets every read.
        if let Some(store) = &self.settings.store {
            store.invalidate(&Group::new(of_method(Method::ReadResource)));
        }
    }

    pub(crate) fn invalidate_principal(&self, principal: &Principal) {
        for group in groups_of(principal, self.settings.context) {
            self.invalidate(&group);
        }
    }

    fn invalidate(&self, group: &[u8]) {
        self.epochs.invalidate(group);
        if let Some(store) = &self.settings.store {
            store.invalidate(&Group::new(group));
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        let entries = self.table.len();
        let bytes = self.bytes.load(std::sync::atomic::Ordering::Relaxed);
        self.counts.read(entries, bytes)
    }
}

fn all() -> Vec<u8> {
    Group::all().name().to_vec()
}

fn of_method(method: Method<'_>) -> Vec<u8> {
    let mut name = b"m".to_vec();
    write_part(Some(method.as_str().as_bytes()), &mut name);
    name
}

fn of_target(method: Method<'_>, target: Option<&str>) -> Vec<u8> {
    let mut name = b"t".to_vec();
    write_part(Some(method.as_str().as_bytes()), &mut name);
    write_part(target.map(str::as_bytes), &mut name);
    name
}

/// The groups of every answer.
fn groups(method: Method<'_>, target: Option<&str>) -> Vec<Vec<u8>> {
    vec![all(), of_method(method), of_target(method, target)]
}

/// The groups of what is private: the subject, by whatever credential, and the context.
fn groups_of(principal: &Principal, context: AuthorizationContext) -> Vec<Vec<u8>> {
    let mut subject = b"s".to_vec();
    write_part(principal.issuer().map(str::as_bytes), &mut subject);
    write_part(Some(principal.subject().as_bytes()), &mut subject);
    let mut groups = vec![subject];
    let mut of_context = b"c".to_vec();
    if context.write(principal, &mut of_context) {
        groups.push(of_context);
    }
    groups
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("rules", &self.rules)
            .field("context", &self.context)
            .field("max_bytes", &self.max_bytes)
            .field("max_entries", &self.max_entries)
            .field("max_entry_bytes", &self.max_entry_bytes)
            .field("max_time_to_live", &self.max_time_to_live)
            .field("stale_while_revalidate", &self.while_revalidate)
            .field("stale_if_error", &self.if_error)
            .finish_non_exhaustive()
    }
}
