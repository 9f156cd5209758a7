//! The circuits there are. Bounded: circuits come, and never go.

use std::{
    borrow::Cow,
    collections::HashMap,
    hash::BuildHasher,
    sync::{Mutex, OnceLock, PoisonError},
};

use foldhash::fast::RandomState;

use crate::{Circuit, Settings, key::Name, shared::Shared};

/// A circuit with its name.
#[derive(Debug)]
pub(crate) struct Entry {
    tool: Option<Box<str>>,
    method: &'static str,
    pub(crate) label: Cow<'static, str>,
    pub(crate) shared: Shared,
}

impl Entry {
    fn new(name: Name<'_>, settings: Settings) -> Self {
        let (tool, method) = match name {
            Name::Tool(tool) => (Some(tool.into()), ""),
            Name::Method(method) => (None, method),
            Name::Upstream => (None, "upstream"),
            Name::Other => (None, "_OTHER"),
        };
        Self {
            tool,
            method,
            label: name.label().into(),
            shared: Shared::new(Circuit::new(settings)),
        }
    }

    fn is(&self, name: Name<'_>) -> bool {
        match name {
            Name::Tool(tool) => self.tool.as_deref() == Some(tool),
            Name::Method(method) => self.tool.is_none() && self.method == method,
            Name::Upstream => self.tool.is_none() && self.method == "upstream",
            Name::Other => self.tool.is_none() && self.method == "_OTHER",
        }
    }
}

/// A table that is read without a lock: half of its slots stay empty, so that a search ends soon.
pub(crate) struct Registry {
    settings: Settings,
    hasher: RandomState,
    /// Circuits of tools. A slot is filled once, by whoever holds `grow`.
    slots: Box<[OnceLock<Entry>]>,
    grow: Mutex<usize>,
    max: usize,
    /// Of methods and of the upstream: names that nobody else chooses.
    fixed: HashMap<&'static str, Entry, RandomState>,
    other: Entry,
}

/// Where a circuit is, for as long as the registry lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Slot(usize),
    Fixed(&'static str),
    Other,
}

impl Registry {
    pub(crate) fn new(settings: Settings, max: usize) -> Self {
        let slots = max.saturating_mul(2).next_power_of_two().max(2);
        let methods = mcp_layers_core::Method::KNOWN.iter();
        let names = methods.map(|method| Name::Method(method.as_str()));
        let fixed = names.chain([Name::Upstream]).map(|name| {
            let entry = Entry::new(name, settings);
            (entry.method, entry)
        });
        Self {
            settings,
            hasher: RandomState::default(),
            slots: (0..slots).map(|_| OnceLock::new()).collect(),
            grow: Mutex::new(0),
            max,
            fixed: fixed.collect(),
            other: Entry::new(Name::Other, settings),
        }
    }

    /// The circuit of this name; that of all others when it has none of its own.
    #[inline]
    pub(crate) fn find(&self, name: Name<'_>) -> Place {
        match name {
            Name::Method(method) => Place::Fixed(method),
            Name::Upstream => Place::Fixed("upstream"),
            Name::Other => Place::Other,
            Name::Tool(tool) => {
                for index in self.probe(tool) {
                    match self.slots[index].get() {
                        Some(entry) if entry.is(name) => return Place::Slot(index),
                        Some(_) => {}
                        None => break,
                    }
                }
                Place::Other
            }
        }
    }

    /// The same, and makes the circuit when there is room for it.
    pub(crate) fn find_or_make(&self, name: Name<'_>) -> Place {
        let found = self.find(name);
        let Name::Tool(tool) = name else {
            return found;
        };
        if found != Place::Other {
            return found;
        }
        let mut len = self.grow.lock().unwrap_or_else(PoisonError::into_inner);
        for index in self.probe(tool) {
            match self.slots[index].get() {
                Some(entry) if entry.is(name) => return Place::Slot(index),
                Some(_) => {}
                None if *len >= self.max => return Place::Other,
                None => {
                    *len += 1;
                    let _ = self.slots[index].set(Entry::new(name, self.settings));
                    return Place::Slot(index);
                }
            }
        }
        Place::Other
    }

    #[inline]
    pub(crate) fn entry(&self, place: Place) -> &Entry {
        match place {
            Place::Slot(index) => self.slots[index].get().unwrap_or(&self.other),
            Place::Fixed(name) => self.fixed.get(name).unwrap_or(&self.other),
            Place::Other => &self.other,
        }
    }

    /// Every circuit; those of methods that the stack was never asked for too.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        let tools = self.slots.iter().filter_map(OnceLock::get);
        tools.chain(self.fixed.values()).chain([&self.other])
    }

    fn probe(&self, tool: &str) -> impl Iterator<Item = usize> + use<> {
        let mask = self.slots.len() - 1;
        // Only low bits are wanted, so that it does not matter what a narrow `usize` cuts off.
        #[allow(clippy::cast_possible_truncation)]
        let start = self.hasher.hash_one(tool) as usize & mask;
        (0..=mask).map(move |step| (start + step) & mask)
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
        let own = |name: &&String| registry.find(Name::Tool(name)) != Place::Other;
        assert_eq!(names.iter().filter(own).count(), 100);
        assert!(names[..100].iter().all(|name| own(&name)));
    }

    #[test]
    fn threads_that_race_for_a_name_get_one_circuit() {
        let registry = Registry::new(Settings::default(), 64);
        let make = || {
            let names = (0..64).map(|number| number.to_string());
            names
                .map(|name| match registry.find_or_make(Name::Tool(&name)) {
                    Place::Slot(index) => index,
                    other => panic!("{other:?}"),
                })
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
