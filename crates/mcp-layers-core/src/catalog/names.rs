//! The table of names, bounded for each principal.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::BuildHasher,
    sync::Arc,
    time::Instant,
};

use tokio::sync::Mutex;

use super::template::Template;
use crate::{Catalog, Hints, KeyHasher, ListedKind, Principal};

/// The number of principals for whom names are kept; the one that came first leaves first.
const MAX_OWNERS: usize = 16_384;

/// The number of names of one kind that look-ups at the server keep.
const MAX_OF_SERVER: usize = 65_536;

/// The number of resource templates that uris are matched against.
const MAX_TEMPLATES: usize = 256;

/// The number of values of [`ListedKind`].
const KINDS: usize = 6;

/// The source of a learned name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    /// The server itself, by a look-up past every layer.
    Server,
    /// A principal, by a digest; all callers without one are the same.
    Principal(u64),
}

#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(super) generation: u64,
    /// By `ListedKind as usize`.
    kinds: [HashMap<Box<str>, Entry, KeyHasher>; KINDS],
    /// The names that each owner has taught, oldest first.
    taught: HashMap<Owner, HashMap<ListedKind, VecDeque<Box<str>>>>,
    /// Owners in the order in which they came.
    owners: VecDeque<Owner>,
    templates: HashMap<Box<str>, Template, KeyHasher>,
    views: HashMap<(Owner, ListedKind), View, KeyHasher>,
    digests: KeyHasher,
}

/// The things of one kind, as one caller sees them.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// The names in the answers that the caller got, as digests.
    seen: HashSet<u64, KeyHasher>,
    /// The last look-up: its time, and whether it read the list to its end. The lock is held during a
    /// look-up.
    pub(crate) look_up: Arc<Mutex<Option<(Instant, bool)>>>,
}

#[derive(Debug)]
struct Entry {
    /// `None` until a list or the operator states the hints.
    hints: Option<Hints>,
    /// True if the operator declared the name.
    is_declared: bool,
    /// True if the operator declared the hints.
    is_fixed: bool,
}

impl Names {
    pub(super) fn knows(&self, kind: ListedKind, name: &str) -> bool {
        if kind == ListedKind::Task {
            return true;
        }
        self.of(kind).contains_key(name)
            || (kind == ListedKind::Resource && self.templates_of(name).next().is_some())
    }

    fn of(&self, kind: ListedKind) -> &HashMap<Box<str>, Entry, KeyHasher> {
        &self.kinds[kind as usize]
    }

    /// The owner that stands for a caller.
    pub(crate) fn owner(&self, caller: Option<&Principal>) -> Owner {
        let key = caller.map(|caller| (caller.issuer(), caller.subject(), caller.tenant()));
        Owner::Principal(self.digests.hash_one(key))
    }

    /// Returns true if the caller has seen the name, or a template that it matches.
    pub(super) fn has_seen(&self, caller: Owner, kind: ListedKind, name: &str) -> bool {
        let has_seen = |kind, name: &str| {
            let view = self.views.get(&(caller, kind));
            view.is_some_and(|view| view.seen.contains(&self.digests.hash_one(name)))
        };
        let mut templates = self.templates_of(name);
        kind == ListedKind::Task
            || has_seen(kind, name)
            || (kind == ListedKind::Resource
                && templates.any(|template| has_seen(ListedKind::ResourceTemplate, template)))
    }

    /// Notes that the caller has seen the name. A set that is full begins again.
    pub(crate) fn see(&mut self, caller: Owner, kind: ListedKind, name: &str) {
        let name = self.digests.hash_one(name);
        let names = &mut self.view(caller, kind).seen;
        if names.len() >= Catalog::DEFAULT_MAX_PER_PRINCIPAL && !names.contains(&name) {
            names.clear();
        }
        names.insert(name);
    }

    pub(crate) fn view(&mut self, caller: Owner, kind: ListedKind) -> &mut View {
        let key = (caller, kind);
        if self.views.len() >= MAX_OWNERS && !self.views.contains_key(&key) {
            self.views.clear();
        }
        self.views.entry(key).or_default()
    }

    fn templates_of<'a>(&'a self, uri: &'a str) -> impl Iterator<Item = &'a str> {
        let templates = self.templates.iter();
        let matching = templates.filter(move |(_, template)| template.matches(uri));
        matching.map(|(text, _)| &**text)
    }

    pub(super) fn hints(&self, tool: &str) -> Option<Hints> {
        self.of(ListedKind::Tool).get(tool)?.hints
    }

    pub(super) fn len(&self, kind: ListedKind) -> usize {
        self.of(kind).len()
    }

    pub(super) fn declare(&mut self, kind: ListedKind, name: Box<str>, hints: Option<Hints>) {
        self.add_template(kind, &name);
        let entry = Entry {
            hints,
            is_declared: true,
            is_fixed: hints.is_some(),
        };
        self.kinds[kind as usize].insert(name, entry);
    }

    /// Adds a name, or what a list says of one that is known.
    pub(crate) fn learn(
        &mut self,
        owner: Owner,
        kind: ListedKind,
        name: &str,
        hints: Option<Hints>,
    ) {
        if kind == ListedKind::Task || name.is_empty() {
            return;
        }
        if let Some(known) = self.kinds[kind as usize].get_mut(name) {
            if let (Some(claim), false) = (hints, known.is_fixed) {
                let hints = known.hints.map_or(claim, |had| more_careful(had, claim));
                known.hints = Some(hints);
            }
            return;
        }
        self.make_room(owner, kind);
        self.add_template(kind, name);
        let entry = Entry {
            hints,
            is_declared: false,
            is_fixed: false,
        };
        self.kinds[kind as usize].insert(name.into(), entry);
        let taught = self.taught.entry(owner).or_default();
        taught.entry(kind).or_default().push_back(name.into());
    }

    fn make_room(&mut self, owner: Owner, kind: ListedKind) {
        if !self.taught.contains_key(&owner) {
            if self.owners.len() >= MAX_OWNERS {
                self.forget_first_owner();
            }
            self.owners.push_back(owner);
        }
        let max = match owner {
            Owner::Server => MAX_OF_SERVER,
            Owner::Principal(_) => Catalog::DEFAULT_MAX_PER_PRINCIPAL,
        };
        let taught = self.taught.entry(owner).or_default();
        let names = taught.entry(kind).or_default();
        let oldest = (names.len() >= max).then(|| names.pop_front()).flatten();
        if let Some(oldest) = oldest {
            self.forget(kind, &oldest);
        }
    }

    fn forget_first_owner(&mut self) {
        let Some(owner) = self.owners.pop_front() else {
            return;
        };
        for (kind, names) in self.taught.remove(&owner).unwrap_or_default() {
            for name in names {
                self.forget(kind, &name);
            }
        }
    }

    fn forget(&mut self, kind: ListedKind, name: &str) {
        let names = &mut self.kinds[kind as usize];
        if names.get(name).is_some_and(|entry| !entry.is_declared) {
            names.remove(name);
            if kind == ListedKind::ResourceTemplate {
                self.templates.remove(name);
            }
        }
    }

    fn add_template(&mut self, kind: ListedKind, name: &str) {
        if kind == ListedKind::ResourceTemplate && self.templates.len() < MAX_TEMPLATES {
            self.templates.insert(name.into(), Template::new(name));
        }
    }

    pub(super) fn clear(&mut self) {
        self.generation += 1;
        self.taught.clear();
        self.owners.clear();
        self.views.clear();
        for names in &mut self.kinds {
            names.retain(|_, entry| entry.is_declared);
        }
        let known = &self.kinds[ListedKind::ResourceTemplate as usize];
        self.templates.retain(|name, _| known.contains_key(name));
    }
}

/// Of two claims the one that permits less.
fn more_careful(a: Hints, b: Hints) -> Hints {
    let both = |a, b| if a == b { a } else { Some(false) };
    let either = |a, b| if a == b { a } else { Some(true) };
    Hints {
        read_only: both(a.read_only, b.read_only),
        idempotent: both(a.idempotent, b.idempotent),
        destructive: either(a.destructive, b.destructive),
        open_world: either(a.open_world, b.open_world),
    }
}
