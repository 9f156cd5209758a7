//! The events of a body.

use super::{
    body::WireBody,
    sse::{Event, Parser, TooLong},
};

/// A body, read event by event.
#[derive(Debug)]
pub(super) struct Events {
    body: WireBody,
    parser: Parser,
}

/// The next thing in a stream.
pub(super) enum Next {
    Event(Event),
    TooLong,
    /// An event that is not complete is dropped, as every client does.
    End,
}

impl Events {
    pub(super) fn new(body: WireBody, max_event: usize) -> Self {
        Self {
            body,
            parser: Parser::new(max_event),
        }
    }

    /// Reads on. Nothing is lost if the future is dropped.
    pub(super) async fn next(&mut self) -> Next {
        loop {
            match self.parser.next() {
                Some(Ok(event)) => return Next::Event(event),
                Some(Err(TooLong)) => return Next::TooLong,
                None => {}
            }
            match self.body.piece().await {
                Some(Ok(piece)) => self.parser.feed(&piece),
                Some(Err(error)) => {
                    tracing::debug!(%error, "a stream of the server has broken");
                    return Next::End;
                }
                None => return Next::End,
            }
        }
    }
}
