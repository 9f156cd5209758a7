//! A bound on the records that one caller may have under way, so that no caller uses up the room of
//! the others.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use mcp_layers_core::{KeyWriter, Principal};

/// The number of requests that each caller has under way, by caller. Callers without any are not in
/// the table.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    requests: Mutex<HashMap<Caller, usize>>,
}

/// A verified principal, or the address of a client without one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    Principal(Box<[u8]>),
    Address(IpAddr),
}

impl Caller {
    /// `None` for a local client without a principal: there is no other one.
    pub(crate) fn of(principal: Option<&Principal>, address: Option<IpAddr>) -> Option<Self> {
        match principal.filter(|principal| principal.is_verified()) {
            Some(principal) => {
                let mut key = Vec::new();
                KeyWriter::new(&mut key)
                    .optional(principal.issuer())
                    .optional(principal.tenant())
                    .text(principal.subject());
                Some(Self::Principal(key.into()))
            }
            None => address.map(Self::Address),
        }
    }
}

/// One request of a caller. It is under way until its last record is written.
#[derive(Debug)]
pub(crate) struct Share {
    shares: Arc<Shares>,
    caller: Caller,
}

impl Shares {
    /// Counts a request; `None` when the caller has `most` under way.
    pub(crate) fn take(self: &Arc<Self>, caller: Caller, most: usize) -> Option<Share> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = requests.get(&caller).copied().unwrap_or(0);
        if under_way >= most {
            return None;
        }
        requests.insert(caller.clone(), under_way + 1);
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
mod tests {
    use super::{Caller, Shares};
    use mcp_layers_core::{Authentication, Principal};
    use std::sync::Arc;

    #[test]
    fn one_caller_does_not_use_up_the_share_of_another() {
        let shares = Arc::new(Shares::default());
        let caller = |name: &str| {
            let principal = Principal::new(name, Authentication::Bearer);
            Caller::of(Some(&principal), None).unwrap()
        };
        let held: Vec<_> = (0..2)
            .map(|_| shares.take(caller("ada"), 2).unwrap())
            .collect();
        assert!(shares.take(caller("ada"), 2).is_none());
        assert!(shares.take(caller("bob"), 2).is_some());
        drop(held);
        assert!(shares.requests.lock().unwrap().is_empty());
        let claimed = Principal::new("ada", Authentication::Unverified);
        assert_eq!(Caller::of(Some(&claimed), None), None);
    }
}
