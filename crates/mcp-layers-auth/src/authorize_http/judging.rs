//! The decisions about what is in one body.

use std::task::{Context, Poll, ready};

use mcp_layers_core::JsonRpcRequest;

use super::layer::Edge;
use crate::{
    Policy,
    authorize::{Asked, Judge, Refusal, What, ask_about},
};

/// The requests of a body, and what is decided about each.
pub(super) struct Judging<P: Policy> {
    asked: Vec<(JsonRpcRequest, Asking<P>)>,
}

enum Asking<P: Policy> {
    Settled(Option<Refusal>),
    Waiting(Judge<P::Future>),
}

/// What becomes of the body.
pub(super) enum Verdict {
    /// Hand it on.
    Pass,
    /// Hand it on without its arguments.
    PassHidden,
    /// Answer this request, and none.
    Refuse(Box<JsonRpcRequest>, Refusal),
}

impl<P: Policy> Judging<P> {
    pub(super) fn new(edge: &Edge<P>, requests: Vec<JsonRpcRequest>) -> Self {
        let ask = |request: JsonRpcRequest| {
            let asking = match ask_about(&edge.shared, &edge.settings, &request) {
                Asked::Exempt | Asked::Allowed(..) => Asking::Settled(None),
                Asked::Refused(refusal) => Asking::Settled(Some(refusal)),
                Asked::Judging(judge, ..) => Asking::Waiting(judge),
            };
            (request, asking)
        };
        Self {
            asked: requests.into_iter().map(ask).collect(),
        }
    }

    pub(super) fn poll(&mut self, edge: &Edge<P>, cx: &mut Context<'_>) -> Poll<Verdict> {
        for (_, asking) in &mut self.asked {
            if let Asking::Waiting(judge) = asking {
                ready!(judge.poll(cx));
                let (decision, failures) = judge.take();
                *asking = Asking::Settled(Refusal::of(decision, failures));
            }
        }
        let alone = self.asked.len() == 1;
        for (request, asking) in self.asked.drain(..) {
            let Asking::Settled(Some(refusal)) = asking else {
                continue;
            };
            let hidden = matches!(refusal.what, What::Unknown);
            return Poll::Ready(match hidden && alone && edge.shared.stands() {
                true => Verdict::PassHidden,
                false => Verdict::Refuse(Box::new(request), refusal),
            });
        }
        Poll::Ready(Verdict::Pass)
    }
}
