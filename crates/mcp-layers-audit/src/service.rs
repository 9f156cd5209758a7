//! The service.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll},
    time::Instant,
};

use mcp_layers_core::{Clock, McpError, McpRequest, McpResponse, Method, ReplyFuture};
use tower_service::Service;

use crate::{
    Loss, Offer, Receipt, Record, ResponseFuture, Trouble, future::Running, handle::Counters,
    layer::Settings, stamp::Stamp,
};

/// The service of [`AuditLayer`](crate::AuditLayer).
pub struct Audit<S, C> {
    inner: S,
    shared: Arc<Shared>,
    clock: C,
}

impl<S, C> Audit<S, C> {
    pub(crate) fn new(inner: S, shared: Arc<Shared>, clock: C) -> Self {
        Self {
            inner,
            shared,
            clock,
        }
    }
}

impl<S, C, Req> Service<Req> for Audit<S, C>
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response>,
    C: Clock,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = ReplyFuture<ResponseFuture<S::Future, Req::ReplyTo, C>, Req::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let admission = self.shared.admit(&request.method());
        if admission == Admission::Refused {
            let error = unavailable("the call was not run");
            return ReplyFuture::ready(Req::Response::from_error(request.reply_to(), error));
        }
        let shared = Arc::clone(&self.shared);
        let withholds = self.shared.withholds && !request.method().is_lifecycle();
        let reply_to = withholds.then(|| request.reply_to());
        let running = Running::start(shared, self.clock.clone(), &request, admission);
        ReplyFuture::inner(ResponseFuture::new(
            self.inner.call(request),
            running,
            reply_to,
        ))
    }
}

/// 503, with what the caller has to know about its call.
pub(crate) fn unavailable(outcome: &str) -> McpError {
    McpError::unavailable()
        .with("reason", "audit_unavailable")
        .with("outcome", outcome)
}

/// Whether a request may run, and whether room for its record is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    Refused,
    Reserved,
    Unreserved,
}

/// What the services of one layer share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) counters: Arc<Counters>,
    stamp: Stamp,
    /// Whether an answer is replaced when its record cannot be synced.
    pub(crate) withholds: bool,
}

impl Shared {
    pub(crate) fn new(settings: Settings, counters: Arc<Counters>, base: Instant) -> Self {
        let durable = settings.sinks.iter().any(|sink| sink.is_durable());
        Self {
            stamp: Stamp::new(base, Arc::clone(&settings.wall_clock)),
            withholds: durable && settings.trouble == Trouble::Refuse,
            settings,
            counters,
        }
    }

    fn admit(&self, method: &Method<'_>) -> Admission {
        if self.settings.trouble != Trouble::Refuse {
            return Admission::Unreserved;
        }
        let sinks = &self.settings.sinks;
        let without = sinks.iter().position(|sink| !sink.reserve());
        let Some(without) = without else {
            return Admission::Reserved;
        };
        sinks.iter().take(without).for_each(|sink| sink.release());
        if method.is_lifecycle() {
            return Admission::Unreserved;
        }
        self.counters.refused();
        sinks.iter().for_each(|sink| sink.lost(Loss::Refused));
        Admission::Refused
    }

    pub(crate) fn begin<Req: McpRequest>(&self, request: &Req, now: Instant) -> Record {
        let sequence = self.counters.sequence.fetch_add(1, Relaxed);
        let mut record = Record::of(&self.settings, request, sequence);
        (record.monotonic, record.unix_nanos) = self.stamp.at(now);
        record
    }

    /// Gives a record to every sink.
    pub(crate) fn submit(&self, record: Arc<Record>, reserved: bool) -> Pending {
        let mut pending = Pending {
            record,
            receipts: Vec::new(),
            without: Vec::new(),
        };
        for (index, sink) in self.settings.sinks.iter().enumerate() {
            match sink.offer(&pending.record, reserved) {
                Offer::Taken => {}
                Offer::Unsynced(receipt) => pending.receipts.push(receipt),
                Offer::NoRoom => pending.without.push(index),
            }
        }
        if pending.without.is_empty() {
            self.counters.recorded();
        } else if !matches!(self.settings.trouble, Trouble::Wait(_)) {
            self.give_up(&mut pending);
        }
        pending
    }

    /// Offers a record again to the sinks that had no room; ready when all have it.
    pub(crate) fn poll_room(&self, pending: &mut Pending, cx: &mut Context<'_>) -> Poll<()> {
        let Pending {
            record,
            receipts,
            without,
        } = pending;
        without.retain(|index| {
            let Some(sink) = self.settings.sinks.get(*index) else {
                return false;
            };
            loop {
                match sink.offer(record, false) {
                    Offer::Taken => return false,
                    Offer::Unsynced(receipt) => {
                        receipts.push(receipt);
                        return false;
                    }
                    Offer::NoRoom if sink.poll_room(cx).is_pending() => return true,
                    Offer::NoRoom => {}
                }
            }
        });
        if without.is_empty() {
            self.counters.recorded();
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Counts a record that some sinks will not get.
    pub(crate) fn give_up(&self, pending: &mut Pending) {
        if !pending.without.is_empty() {
            self.counters.dropped();
            for index in pending.without.drain(..) {
                if let Some(sink) = self.settings.sinks.get(index) {
                    sink.lost(Loss::Dropped);
                }
            }
        }
    }
}

/// A record that is not safe yet.
#[derive(Debug)]
pub(crate) struct Pending {
    record: Arc<Record>,
    /// Of the sinks that have it and have not synced it.
    pub(crate) receipts: Vec<Receipt>,
    /// The sinks that had no room.
    pub(crate) without: Vec<usize>,
}

impl Pending {
    pub(crate) fn is_settled(&self) -> bool {
        self.receipts.is_empty() && self.without.is_empty()
    }
}

impl<S: Clone, C: Clone> Clone for Audit<S, C> {
    fn clone(&self) -> Self {
        Self::new(
            self.inner.clone(),
            Arc::clone(&self.shared),
            self.clock.clone(),
        )
    }
}

impl<S: fmt::Debug, C> fmt::Debug for Audit<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
