//! The state that the services of one layer share: admission of requests, submission of records.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use mcp_layers_audit_log::{Loss, Receipt};
use mcp_layers_core::{McpRequest, Principal};
use smallvec::SmallVec;
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    Entry, OverflowPolicy, Place, Record, Room, Written,
    handle::Counters,
    settings::Settings,
    share::{Share, Shares},
};

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) counters: Arc<Counters>,
    shares: Arc<Shares>,
    /// The number of requests that one caller may have under way; `None` without limited sinks.
    max_per_caller: Option<usize>,
    started: Instant,
}

/// The places of a request that may run.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    /// Permits by the index of their sink.
    permits: SmallVec<[(usize, OwnedSemaphorePermit); 1]>,
    share: Option<Arc<Share>>,
    /// True if the caller has its share under way: limited sinks do not get the record.
    beyond_share: bool,
}

impl Admission {
    /// The same request, without reserved places.
    pub(crate) fn share_only(&self) -> Self {
        Self {
            permits: SmallVec::new(),
            share: self.share.clone(),
            beyond_share: self.beyond_share,
        }
    }
}

/// The reason why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A sink takes no records.
    Unavailable,
    /// The caller has its share of records under way.
    Share,
}

impl Shared {
    pub(crate) fn new(settings: Settings, counters: Arc<Counters>, shares: Arc<Shares>) -> Self {
        let places = settings
            .sinks
            .iter()
            .filter_map(|sink| sink.0.room().places());
        let capacities = places.map(|places| places.capacity);
        let quarter = capacities.min().map(|places| (places / 4).max(1));
        Self {
            max_per_caller: settings.max_per_caller.or(quarter),
            started: settings.clock.now(),
            settings,
            counters,
            shares,
        }
    }

    /// Reserves places for the record of a request before it runs.
    pub(crate) fn admit<Req: McpRequest>(&self, request: &Req) -> Result<Admission, Refused> {
        let principal = request.context().principal();
        let address = request.connection().peer_address;
        let lifecycle = request.method().is_lifecycle();
        let refuses = self.settings.overflow == OverflowPolicy::Refuse;
        let mut admission = self.share(principal, address);
        if admission.beyond_share && refuses && !lifecycle {
            self.counters.refused_share();
            self.lost(Loss::Refused);
            return Err(Refused::Share);
        }
        if refuses && !admission.beyond_share && !self.reserve(&mut admission) {
            admission.permits.clear();
            if !lifecycle {
                self.refuse();
                return Err(Refused::Unavailable);
            }
        }
        Ok(admission)
    }

    /// A part of the caller's share, without places.
    pub(crate) fn share(
        &self,
        principal: Option<&Arc<Principal>>,
        address: Option<IpAddr>,
    ) -> Admission {
        let mut admission = Admission::default();
        if let Some((most, caller)) = self
            .max_per_caller
            .zip(self.shares.caller(principal, address))
        {
            let share = self.shares.take(caller, most);
            admission.beyond_share = share.is_none();
            admission.share = share.map(Arc::new);
        }
        admission
    }

    fn reserve(&self, admission: &mut Admission) -> bool {
        let mut sinks = self.settings.sinks.iter().enumerate();
        sinks.all(|(index, sink)| match sink.0.room() {
            Room::Unlimited => true,
            Room::Degraded(_) => false,
            Room::Limited(places) => match places.take() {
                Some(permit) => {
                    admission.permits.push((index, permit));
                    true
                }
                None => false,
            },
        })
    }

    /// Counts a request that is refused because it cannot be recorded.
    pub(crate) fn refuse(&self) {
        self.counters.refused(self.settings.clock.now());
        self.lost(Loss::Refused);
    }

    /// Tells every sink that it does not get a record.
    pub(crate) fn lost(&self, loss: Loss) {
        for sink in &self.settings.sinks {
            let _ = sink.0.write(Entry::Lost(loss));
        }
    }

    /// The time since the service was made.
    pub(crate) fn elapsed(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }

    /// Gives a record to every sink.
    pub(crate) fn submit(
        self: &Arc<Self>,
        record: Arc<Record>,
        mut admission: Admission,
    ) -> Pending {
        let mut pending = Pending {
            shared: Arc::clone(self),
            record,
            share: admission.share,
            receipts: SmallVec::new(),
            without: Vec::new(),
            given_up: false,
        };
        for (index, sink) in self.settings.sinks.iter().enumerate() {
            let reserved = admission.permits.iter().position(|(of, _)| *of == index);
            let permit = reserved.map(|at| admission.permits.swap_remove(at).1);
            let withheld = admission.beyond_share && sink.0.room().places().is_some();
            if withheld || !pending.offer(index, permit) {
                pending.without.push(index);
            }
        }
        let waits = matches!(self.settings.overflow, OverflowPolicy::Wait(_));
        if pending.without.is_empty() {
            self.counters.recorded();
        } else if !waits || admission.beyond_share {
            pending.give_up();
        }
        pending
    }
}

/// A record that is not safe yet. Dropped, it gives up on the sinks that had no room.
pub(crate) struct Pending {
    shared: Arc<Shared>,
    record: Arc<Record>,
    share: Option<Arc<Share>>,
    /// Of the sinks that have it and have not synced it.
    receipts: SmallVec<[Receipt; 1]>,
    /// The sinks that had no room.
    without: Vec<usize>,
    /// True if a sink will not get it.
    given_up: bool,
}

impl Pending {
    /// True if no sink went without it.
    pub(crate) fn is_complete(&self) -> bool {
        !self.given_up
    }

    /// Offers the record to a sink; false when it has no room.
    fn offer(&mut self, index: usize, mut permit: Option<OwnedSemaphorePermit>) -> bool {
        let sink = &self.shared.settings.sinks[index];
        if permit.is_none()
            && let Some(places) = sink.0.room().places()
        {
            permit = places.take();
            if permit.is_none() {
                return false;
            }
        }
        let share = self.share.clone();
        let place = Place { permit, share };
        match sink.0.write(Entry::Record(Arc::clone(&self.record), place)) {
            Written::Taken => true,
            Written::Unsynced(receipt) => {
                self.receipts.push(receipt);
                true
            }
            Written::Rejected => false,
        }
    }

    /// True if nothing is left to wait for.
    pub(crate) fn is_settled(&self) -> bool {
        self.receipts.is_empty() && self.without.is_empty()
    }

    /// Waits until the record is safe; false when it is known that it will not be.
    pub(crate) async fn settle(mut self) -> bool {
        if let OverflowPolicy::Wait(patience) = self.shared.settings.overflow
            && !self.without.is_empty()
        {
            let found = tokio::time::timeout(patience, self.find_room()).await;
            if found == Ok(true) {
                self.shared.counters.recorded();
            } else {
                self.give_up();
            }
        }
        let mut safe = true;
        for receipt in std::mem::take(&mut self.receipts) {
            safe &= receipt.await.is_ok();
        }
        if !safe {
            let counters = &self.shared.counters;
            counters.unacknowledged(self.shared.settings.clock.now());
        }
        safe
    }

    /// Waits for room in each sink that had none; false when one takes no more records.
    async fn find_room(&mut self) -> bool {
        while let Some(index) = self.without.last().copied() {
            let places = self.shared.settings.sinks[index].0.room().places();
            let free = places.map(|places| Arc::clone(places.free));
            let permit = match free {
                Some(free) => match free.acquire_owned().await {
                    Ok(permit) => Some(permit),
                    Err(_) => return false,
                },
                None => None,
            };
            if !self.offer(index, permit) {
                return false;
            }
            self.without.pop();
        }
        true
    }

    /// Counts the record for the sinks that will not get it.
    fn give_up(&mut self) {
        if self.without.is_empty() {
            return;
        }
        self.given_up = true;
        self.shared
            .counters
            .dropped(self.shared.settings.clock.now());
        for index in self.without.drain(..) {
            let sink = &self.shared.settings.sinks[index];
            let _ = sink.0.write(Entry::Lost(Loss::Dropped));
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.give_up();
    }
}
