//! The message in an event.

use serde_json::{Value, value::RawValue};

use super::{calls::Calls, owner::Owner, sse::Event};
use crate::{
    id::Id,
    message::{Kind, Message},
    sketch::Sketch,
};

/// An event, by the message in it.
pub(super) enum Content {
    /// No message: a comment, or an id alone.
    Nothing,
    /// A request or a notification.
    Message(Message),
    Answer(Message),
    /// Possibly an answer, which clients may read in another way than layers.
    Unreadable,
    /// Not readable, and no client takes it for an answer.
    Noise,
}

impl Content {
    pub(super) fn of(event: &Event) -> Self {
        let Some(data) = event
            .data
            .as_ref()
            .filter(|data| !data.trim_ascii().is_empty())
        else {
            return Self::Nothing;
        };
        match Message::parse(data.clone()) {
            Ok(message) => match message.kind {
                Kind::Answer { .. } => Self::Answer(message),
                _ => Self::Message(message),
            },
            Err(error) => {
                tracing::warn!(%error, bytes = data.len(), "cannot read a message of the server");
                match Sketch::of(data).has_method() || !event.is_message {
                    true => Self::Noise,
                    false => Self::Unreadable,
                }
            }
        }
    }
}

/// Reads what a message of the server means for the calls of a session. `call` is the one on whose
/// stream it came.
pub(super) fn notice(message: &Message, calls: &Calls, owner: &Owner, call: Option<&Id>) {
    match &message.kind {
        Kind::Request { id, method } if &**method != "ping" => calls.ask(owner, call, id),
        Kind::Notification { method } if &**method == "notifications/cancelled" => {
            if let Some(id) = param(message, "requestId").and_then(Id::parse) {
                calls.asked(owner, &id);
            }
        }
        _ => {}
    }
}

/// The token of a progress notification.
pub(super) fn progress_token(message: &Message) -> Option<Value> {
    match &message.kind {
        Kind::Notification { method } if &**method == "notifications/progress" => {
            serde_json::from_str(param(message, "progressToken")?.get()).ok()
        }
        _ => None,
    }
}

/// A member of the params.
pub(super) fn param<'a>(message: &'a Message, name: &str) -> Option<&'a RawValue> {
    message.params().ok()?.get(name)
}
