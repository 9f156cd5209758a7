//! Which names exist, as far as the layer has seen.

use std::{
    collections::HashSet,
    hash::BuildHasher,
    sync::{PoisonError, RwLock},
};

use foldhash::fast::RandomState;
use mcp_layers_core::{ListedKind, McpResponse};

/// Names that the server listed or the policy vouches for, by their hashes. A name that is not in
/// it may exist all the same: then its errors say less than they could.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    state: RandomState,
    known: RwLock<HashSet<u64, RandomState>>,
}

impl Catalogue {
    /// How many names are remembered.
    const MAX: usize = 65_536;

    pub(crate) fn hash(&self, kind: ListedKind, name: &str) -> u64 {
        self.state.hash_one((kind, name))
    }

    pub(crate) fn add(&self, kind: ListedKind, name: &str) {
        let hash = self.hash(kind, name);
        if self.contains(hash) {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < Self::MAX {
            known.insert(hash);
        }
    }

    pub(crate) fn contains(&self, hash: u64) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.contains(&hash)
    }

    pub(crate) fn learn_from<R: McpResponse>(&self, response: &R) {
        response.visit_listed(&mut |entry| {
            if entry.kind != ListedKind::Task {
                self.add(entry.kind, entry.name);
            }
        });
    }
}
