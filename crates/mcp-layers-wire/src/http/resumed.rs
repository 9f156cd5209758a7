//! Streams that belong to no single call, such as those of GET.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http::HeaderValue;
use tokio::sync::watch;

use super::{
    body::WireBody,
    calls::{Found, Outcome},
    content::{Content, notice},
    events::{Events, Next},
    owner::Owner,
    shared::Shared,
    sse::Event,
};
use crate::message::{Kind, Message};

/// A stream of the server. Answers in it have passed the layers of the calls that they belong to, or
/// are dropped; all else passes in its bytes.
///
/// A client that resumes after the event `last` of a parked call also gets what layers answered in its
/// place.
pub(super) fn resumed(
    shared: Arc<Shared>,
    (owner, last): (Option<Owner>, Option<HeaderValue>),
    body: WireBody,
) -> WireBody {
    let parked = owner.as_ref().zip(last);
    let parked = parked.and_then(|(owner, last)| shared.calls.resume(owner, last.as_bytes()));
    let resumed = Resumed {
        parked,
        events: Events::new(body, shared.settings.max_event),
        shared,
        owner,
    };
    WireBody::stream(stream::unfold(resumed, |mut resumed| async move {
        let bytes = resumed.next().await?;
        Some((bytes, resumed))
    }))
}

struct Resumed {
    events: Events,
    shared: Arc<Shared>,
    owner: Option<Owner>,
    parked: Option<watch::Receiver<Option<Outcome>>>,
}

impl Resumed {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let next = tokio::select! {
                biased;
                answer = ended(&mut self.parked) => {
                    self.parked = None;
                    match answer {
                        Some(answer) => return Some(Event::of_message(&answer)),
                        None => continue,
                    }
                }
                next = self.events.next() => next,
            };
            let event = match next {
                Next::Event(event) => event,
                Next::TooLong => {
                    tracing::warn!("dropped an event that is too long");
                    continue;
                }
                Next::End => return None,
            };
            match Content::of(&event) {
                Content::Nothing => return Some(event.pass()),
                Content::Message(message) => {
                    if let Some(owner) = &self.owner {
                        notice(&message, &self.shared.calls, owner, None);
                    }
                    return Some(event.pass());
                }
                Content::Answer(message) => match self.answer(event, message).await {
                    Some(bytes) => {
                        self.parked = None;
                        return Some(bytes);
                    }
                    None => tracing::debug!("dropped an answer to no call"),
                },
                Content::Unreadable | Content::Noise => {}
            }
        }
    }

    /// The event for the client, after the layers.
    async fn answer(&mut self, event: Event, message: Message) -> Option<Bytes> {
        let Kind::Answer { id: Some(id), .. } = message.kind.clone() else {
            return None;
        };
        let found = self.shared.calls.find(self.owner.as_ref()?, &id, message)?;
        let answer = match found {
            Found::Answered(answer) => answer,
            Found::InFlight(mut outcome) => {
                let outcome = outcome.wait_for(Option::is_some).await.ok()?;
                outcome.clone()??
            }
        };
        Some(match event.data.as_ref() == Some(&answer) {
            true => event.pass(),
            false => event.with_data(&answer),
        })
    }
}

/// Waits for the end of a parked call.
async fn ended(parked: &mut Option<watch::Receiver<Option<Outcome>>>) -> Outcome {
    match parked {
        Some(outcome) => outcome.wait_for(Option::is_some).await.ok()?.clone()?,
        None => std::future::pending().await,
    }
}
