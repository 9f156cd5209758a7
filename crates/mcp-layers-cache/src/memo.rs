//! What the answers to a kind of request were like the last time.

use std::{
    hash::BuildHasher,
    sync::atomic::{AtomicU8, Ordering::Relaxed},
};

use foldhash::quality::RandomState;
use mcp_layers_core::{CacheScope, Method};

const SLOTS: usize = 4096;

/// What to expect of an answer before it is there. It decides who waits for whom, never who is
/// served with what: kinds that share a place, or a server that changes its mind, cost time alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Expected {
    Anything = 0,
    Public = 1,
    Private = 2,
    /// Not to be kept.
    Nothing = 3,
}

pub(crate) struct Memo {
    slots: Box<[AtomicU8]>,
    hasher: RandomState,
}

impl Memo {
    pub(crate) fn new() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| AtomicU8::new(0)).collect(),
            hasher: RandomState::default(),
        }
    }

    pub(crate) fn expected(&self, method: Method<'_>, target: Option<&str>) -> Expected {
        match self.slot(method, target).load(Relaxed) {
            1 => Expected::Public,
            2 => Expected::Private,
            3 => Expected::Nothing,
            _ => Expected::Anything,
        }
    }

    pub(crate) fn learn(
        &self,
        method: Method<'_>,
        target: Option<&str>,
        scope: Option<CacheScope>,
    ) {
        let expected = match scope {
            Some(CacheScope::Public) => Expected::Public,
            Some(_) => Expected::Private,
            None => Expected::Nothing,
        };
        let slot = self.slot(method, target);
        if slot.load(Relaxed) != expected as u8 {
            slot.store(expected as u8, Relaxed);
        }
    }

    fn slot(&self, method: Method<'_>, target: Option<&str>) -> &AtomicU8 {
        let hash = self.hasher.hash_one((method, target));
        #[allow(clippy::cast_possible_truncation, reason = "SLOTS fits")]
        &self.slots[(hash % SLOTS as u64) as usize]
    }
}
