//! A call as its client sees it: what the server sends meanwhile, then the answer.

use std::{pin::Pin, sync::Arc};

use bytes::Bytes;
use futures_util::{Stream, stream};
use http::response::Parts;
use mcp_layers_core::JsonRpcResponse;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use super::{
    call::{Call, Latest, Piece},
    content::{Content, notice},
    events::{Events, Next},
    sse::Event,
};

/// A call in the layers.
pub(super) type Running = Pin<Box<dyn Future<Output = JsonRpcResponse> + Send>>;

/// A call in the layers, and what comes out of them. No task drives it: if the client leaves, it is
/// dropped, and parked if the client can come back.
pub(super) struct Exchange {
    call: Arc<Call>,
    running: Option<Running>,
    response: Option<JsonRpcResponse>,
    pieces: mpsc::Receiver<Piece>,
    rest: Option<Events>,
}

impl Exchange {
    pub(super) fn new(call: Arc<Call>, running: Running, pieces: mpsc::Receiver<Piece>) -> Self {
        Self {
            call,
            running: Some(running),
            response: None,
            pieces,
            rest: None,
        }
    }

    /// Waits for the head of a stream; or for the response, if it comes without one.
    pub(super) async fn head(&mut self) -> Result<Box<Parts>, (JsonRpcResponse, Latest)> {
        loop {
            match self.next_piece().await {
                Some(Piece::Head(head)) => return Ok(head),
                Some(_) => {}
                None => {
                    let response = self.response.take().expect("no piece is left before it");
                    return Err((response, self.call.take_latest()));
                }
            }
        }
    }

    /// The events for the client.
    pub(super) fn events(self) -> impl Stream<Item = Bytes> + Send {
        stream::unfold(self, |mut exchange| async move {
            let bytes = exchange.next_event().await?;
            Some((bytes, exchange))
        })
    }

    /// The next piece before the response. `None` when the response is there.
    async fn next_piece(&mut self) -> Option<Piece> {
        if let Some(running) = &mut self.running {
            tokio::select! {
                biased;
                Some(piece) = self.pieces.recv() => return Some(piece),
                response = running => {
                    self.response = Some(response);
                    self.running = None;
                }
            }
        }
        // What was sent before the response.
        self.pieces.try_recv().ok()
    }

    async fn next_event(&mut self) -> Option<Bytes> {
        while self.running.is_some() || self.response.is_some() {
            match self.next_piece().await {
                Some(Piece::Event(bytes)) => return Some(bytes),
                // Of a later attempt.
                Some(Piece::Head(_)) => {}
                Some(Piece::Ended) => {
                    self.park();
                    return None;
                }
                None => {
                    let response = self.response.take()?;
                    if let Some(bytes) = self.last_event(&response) {
                        return Some(bytes);
                    }
                }
            }
        }
        self.after_answer().await
    }

    /// The event of the answer. `None` for a call that the client cancelled: it gets no answer.
    fn last_event(&mut self, response: &JsonRpcResponse) -> Option<Bytes> {
        let mut latest = self.call.take_latest();
        self.rest = latest.rest.take();
        let message = answer(&self.call, &latest, response)?;
        Some(match latest.event {
            Some(event) if event.data.as_ref() == Some(&message) => event.pass(),
            Some(event) => event.with_data(&message),
            None => Event::of_message(&message),
        })
    }

    /// The next event after the answer. A second answer must not pass the layers.
    async fn after_answer(&mut self) -> Option<Bytes> {
        let events = self.rest.as_mut()?;
        loop {
            let Next::Event(event) = events.next().await else {
                self.rest = None;
                return None;
            };
            match Content::of(&event) {
                Content::Message(message) => {
                    if let Some(key) = &self.call.key {
                        notice(&message, &self.call.shared.calls, &key.owner, Some(&key.id));
                    }
                    return Some(event.pass());
                }
                Content::Nothing => return Some(event.pass()),
                Content::Answer(_) | Content::Unreadable | Content::Noise => {
                    tracing::debug!("dropped an event after the answer");
                }
            }
        }
    }

    /// The client has lost its connection. If it can resume it, the call goes on for a time.
    fn park(&mut self) {
        let (running, response) = (self.running.take(), self.response.take());
        self.call.left.cancel();
        if let Some(response) = response {
            let latest = self.call.take_latest();
            answer(&self.call, &latest, &response);
            return;
        }
        let Some(mut running) = running else { return };
        let shared = &self.call.shared;
        let owner = self.call.key.as_ref().map(|key| &key.owner);
        let owner = owner.filter(|_| self.call.is_resumable());
        let place = owner.and_then(|owner| shared.calls.parking.take(owner));
        let runtime = tokio::runtime::Handle::try_current();
        let (Some(place), Ok(runtime)) = (place, runtime) else {
            self.call.set_dropped();
            return;
        };
        let (call, park_for) = (self.call.clone(), shared.settings.park_for);
        runtime.spawn(async move {
            match timeout(park_for, &mut running).await {
                Ok(response) => {
                    let latest = call.take_latest();
                    if latest.body.is_none() {
                        // The server will not send it.
                        call.announce(&response);
                        sleep(park_for).await;
                    }
                    answer(&call, &latest, &response);
                }
                Err(_) => call.set_dropped(),
            }
            drop(place);
        });
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let is_open = self.running.is_some() || self.response.is_some();
        if is_open && !std::thread::panicking() {
            self.park();
        }
    }
}

/// Ends a call. Returns the message for its client; `None` if it cancelled the call.
pub(super) fn answer(call: &Call, latest: &Latest, response: &JsonRpcResponse) -> Option<Bytes> {
    let is_cancelled = call.sent.request.cancellation().is_cancelled();
    let message = (!is_cancelled).then(|| call.encode(latest, response));
    call.finish(response, message.clone());
    message
}
