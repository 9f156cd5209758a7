//! Reading a body whole, within a limit.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use http_body::Body;
use pin_project_lite::pin_project;

pin_project! {
    /// Reads a body whole.
    pub(super) struct Collect<B> {
        #[pin]
        body: B,
        read: BytesMut,
        max: usize,
    }
}

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    TooLarge,
    Broken,
}

impl<B: Body> Collect<B> {
    pub(super) fn new(body: B, max: usize) -> Self {
        Self {
            body,
            read: BytesMut::new(),
            max,
        }
    }
}

impl<B: Body> Future for Collect<B> {
    type Output = Result<Bytes, Unread>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let left = *this.max - this.read.len();
            if this.body.size_hint().lower() > left as u64 {
                return Poll::Ready(Err(Unread::TooLarge));
            }
            let Some(frame) = ready!(this.body.as_mut().poll_frame(cx)) else {
                return Poll::Ready(Ok(std::mem::take(this.read).freeze()));
            };
            let Ok(frame) = frame else {
                return Poll::Ready(Err(Unread::Broken));
            };
            // Trailers are nobody's here.
            let Ok(mut data) = frame.into_data() else {
                continue;
            };
            if data.remaining() > left {
                return Poll::Ready(Err(Unread::TooLarge));
            }
            while data.has_remaining() {
                let chunk = data.chunk();
                let length = chunk.len();
                this.read.extend_from_slice(chunk);
                data.advance(length);
            }
        }
    }
}
