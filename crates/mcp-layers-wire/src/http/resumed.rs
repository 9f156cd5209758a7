//! Streams that belong to no single call, such as those of GET.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;

use super::{
    body::WireBody,
    calls::Found,
    content::{Content, notice},
    events::{Events, Next},
    owner::Owner,
    shared::Shared,
    sse::Event,
};
use crate::message::{Kind, Message};

/// A stream of the server. Answers in it have passed the layers of the calls that they belong to, or
/// are dropped; all else passes in its bytes.
pub(super) fn resumed(shared: Arc<Shared>, owner: Option<Owner>, body: WireBody) -> WireBody {
    let resumed = Resumed {
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
}

impl Resumed {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let event = match self.events.next().await {
                Next::Event(event) => event,
                Next::TooLong => {
                    tracing::warn!("dropped an event that is too long");
                    continue;
                }
                Next::End => return None,
            };
            match Content::of(&event) {
                Content::Nothing => return Some(event.bytes),
                Content::Message(message) => {
                    if let Some(owner) = &self.owner {
                        notice(&message, &self.shared.calls, owner, None);
                    }
                    return Some(event.bytes);
                }
                Content::Answer(message) => match self.answer(&event, message).await {
                    Some(bytes) => return Some(bytes),
                    None => tracing::debug!("dropped an answer to no call"),
                },
                Content::Unreadable | Content::Noise => {}
            }
        }
    }

    /// The event for the client, after the layers.
    async fn answer(&mut self, event: &Event, message: Message) -> Option<Bytes> {
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
            true => event.bytes.clone(),
            false => event.with_data(&answer),
        })
    }
}
