//! A bound on the records that one caller may have under way, so that no caller uses up the room of
//! the others.

use std::{
    collections::HashMap,
    hash::BuildHasher,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use mcp_layers_core::{KeyHasher, Principal};

/// The number of requests that each caller has under way, by caller. Callers without any are not in
/// the table.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    hasher: KeyHasher,
    requests: Mutex<HashMap<Caller, usize, KeyHasher>>,
}

/// A verified principal, or the address of a client without one, as a keyed hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Caller(u64);

/// One request of a caller. It is under way until its last record is written.
#[derive(Debug)]
pub(crate) struct Share {
    shares: Arc<Shares>,
    caller: Caller,
}

impl Shares {
    /// `None` for a local client without a principal: there is no other one.
    pub(crate) fn caller(
        &self,
        principal: Option<&Arc<Principal>>,
        address: Option<IpAddr>,
    ) -> Option<Caller> {
        let hash = match principal.filter(|principal| principal.is_verified()) {
            Some(who) => self
                .hasher
                .hash_one((who.issuer(), who.tenant(), who.subject())),
            None => self.hasher.hash_one(address?),
        };
        Some(Caller(hash))
    }

    /// Counts a request; `None` when the caller has `most` under way.
    pub(crate) fn take(self: &Arc<Self>, caller: Caller, most: usize) -> Option<Share> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = requests.get(&caller).copied().unwrap_or(0);
        if under_way >= most {
            return None;
        }
        requests.insert(caller, under_way + 1);
        Some(Share {
            shares: Arc::clone(self),
            caller,
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut requests = self
            .shares
            .requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(under_way) = requests.get_mut(&self.caller) {
            *under_way -= 1;
            if *under_way == 0 {
                requests.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
#[path = "../tests/unit/share.rs"]
mod tests;
