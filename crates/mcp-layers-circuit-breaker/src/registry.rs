//! The circuits there are. Bounded: circuits come, and never go.

use std::{
    borrow::Cow,
    hash::{BuildHasher, Hasher},
    sync::{Mutex, OnceLock, PoisonError},
};

use foldhash::fast::RandomState;
use mcp_layers_core::Method;

use crate::{Circuit, Settings, key::Name, shared::Shared};

/// A circuit with its name.
#[derive(Debug)]
pub(crate) struct Entry {
    tool: Option<Box<str>>,
    pub(crate) label: Cow<'static, str>,
    pub(crate) shared: Shared,
}

impl Entry {
    fn new(name: Name<'_>, settings: Settings) -> Self {
        let tool = match name {
            Name::Tool(tool) => Some(tool.into()),
            _ => None,
        };
        Self {
            tool,
            label: name.label().into(),
            shared: Shared::new(Circuit::new(settings)),
        }
    }

    fn is_of(&self, tool: &str) -> bool {
        self.tool.as_deref() == Some(tool)
    }
}

/// A table that is read without a lock.
pub(crate) struct Registry {
    settings: Settings,
    hasher: RandomState,
    /// By place. The circuits of methods and of the upstream are there from the beginning; then come
    /// those of tools, of which half of the slots stay empty, so that a search ends soon. A slot
    /// is filled once, by whoever holds `grow`.
    slots: Box<[OnceLock<Entry>]>,
    grow: Mutex<usize>,
    max: usize,
    /// In place of all slots that are empty.
    other: Entry,
}

/// Where a circuit is, for as long as the registry lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(usize);

impl Place {
    /// A slot that stays empty.
    pub(crate) const OTHER: Self = Self(0);
    const UPSTREAM: Self = Self(1);
    /// By [`Method::position`].
    const METHODS: usize = 2;
    const TOOLS: usize = Self::METHODS + Method::KNOWN.len();
}

impl Registry {
    pub(crate) fn new(settings: Settings, max: usize) -> Self {
        let tools = max.saturating_mul(2).next_power_of_two().max(2);
        let methods = Method::KNOWN.iter().copied().map(Name::Method);
        let fixed = [Name::Upstream].into_iter().chain(methods);
        let fixed = fixed.map(|name| OnceLock::from(Entry::new(name, settings)));
        let empty = || OnceLock::new();
        let slots = [empty()].into_iter().chain(fixed);
        Self {
            settings,
            hasher: RandomState::default(),
            slots: slots.chain((0..tools).map(|_| empty())).collect(),
            grow: Mutex::new(0),
            max,
            other: Entry::new(Name::Other, settings),
        }
    }

    /// The circuit of this name; that of all others when it has none of its own.
    #[inline]
    pub(crate) fn find(&self, name: Name<'_>) -> (Place, &Entry) {
        let place = match name {
            Name::Tool(tool) => {
                for place in self.probe(tool) {
                    match self.slots[place.0].get() {
                        Some(entry) if entry.is_of(tool) => return (place, entry),
                        Some(_) => {}
                        None => break,
                    }
                }
                Place::OTHER
            }
            Name::Method(method) => {
                let position = method.position();
                position.map_or(Place::OTHER, |position| Place(Place::METHODS + position))
            }
            Name::Upstream => Place::UPSTREAM,
            Name::Other => Place::OTHER,
        };
        (place, self.entry(place))
    }

    /// The same, and makes the circuit when there is room for it.
    pub(crate) fn find_or_make(&self, name: Name<'_>) -> Place {
        let (found, _) = self.find(name);
        let Name::Tool(tool) = name else {
            return found;
        };
        if found != Place::OTHER {
            return found;
        }
        let mut len = self.grow.lock().unwrap_or_else(PoisonError::into_inner);
        for place in self.probe(tool) {
            match self.slots[place.0].get() {
                Some(entry) if entry.is_of(tool) => return place,
                Some(_) => {}
                None if *len >= self.max => return Place::OTHER,
                None => {
                    *len += 1;
                    let _ = self.slots[place.0].set(Entry::new(name, self.settings));
                    return place;
                }
            }
        }
        Place::OTHER
    }

    #[inline]
    pub(crate) fn entry(&self, place: Place) -> &Entry {
        self.slots[place.0].get().unwrap_or(&self.other)
    }

    /// Every circuit; those of methods that the stack was never asked for too.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        let own = self.slots.iter().filter_map(OnceLock::get);
        own.chain([&self.other])
    }

    /// Where the circuit of a tool may be, in the order in which to look.
    #[inline]
    fn probe(&self, tool: &str) -> impl Iterator<Item = Place> + use<> {
        let last = self.slots.len() - Place::TOOLS - 1;
        let mut hasher = self.hasher.build_hasher();
        hasher.write(tool.as_bytes());
        // Only low bits are wanted, so that it does not matter what a narrow `usize` cuts off.
        #[allow(clippy::cast_possible_truncation)]
        let start = hasher.finish() as usize;
        (0..=last).map(move |step| Place(Place::TOOLS + (start.wrapping_add(step) & last)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, Registry};
    use crate::{Settings, key::Name};
    use std::{collections::HashSet, thread};

    #[test]
    fn b12_a_full_registry_makes_nothing_new_and_keeps_what_it_has() {
        let registry = Registry::new(Settings::default(), 100);
        let before = registry.entries().count();
        let names: Vec<_> = (0..100_000)
            .map(|number| format!("tool {number}"))
            .collect();
        for name in &names {
            registry.find_or_make(Name::Tool(name));
        }
        assert_eq!(registry.entries().count(), before + 100);
        let own = |name: &&String| registry.find(Name::Tool(name)).0 != Place::OTHER;
        assert_eq!(names.iter().filter(own).count(), 100);
        assert!(names[..100].iter().all(|name| own(&name)));
    }

    #[test]
    fn threads_that_race_for_a_name_get_one_circuit() {
        let registry = Registry::new(Settings::default(), 64);
        let make = || {
            let names = (0..64).map(|number| number.to_string());
            names
                .map(|name| registry.find_or_make(Name::Tool(&name)))
                .inspect(|place| assert_ne!(*place, Place::OTHER))
                .map(|place| place.0)
                .collect::<Vec<_>>()
        };
        let all: HashSet<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert_eq!(all.len(), 1);
    }
}
