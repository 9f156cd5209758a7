//! The bodies of requests and responses.

use std::{
    convert::Infallible,
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, Limited, StreamBody, combinators::UnsyncBoxBody};
use mcp_layers_core::BoxError;

/// The body of the requests that [`Wire`](super::Wire) sends and of its responses.
#[derive(Debug)]
pub struct WireBody(UnsyncBoxBody<Bytes, BodyError>);

impl WireBody {
    pub(super) fn new<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(body.map_err(|error| BodyError(error.into())).boxed_unsync())
    }

    pub(super) fn full(bytes: impl Into<Bytes>) -> Self {
        let body = Full::new(bytes.into());
        Self(
            body.map_err(|never: Infallible| match never {})
                .boxed_unsync(),
        )
    }

    pub(super) fn stream(pieces: impl Stream<Item = Bytes> + Send + 'static) -> Self {
        let frames = pieces.map(|piece| Ok::<_, BodyError>(Frame::data(piece)));
        Self(StreamBody::new(frames).boxed_unsync())
    }

    /// The next piece of data; `None` at the end.
    pub(super) async fn piece(&mut self) -> Option<Result<Bytes, BodyError>> {
        while let Some(frame) = self.0.frame().await {
            match frame.map(Frame::into_data) {
                Ok(Ok(data)) => return Some(Ok(data)),
                Ok(Err(_trailers)) => {}
                Err(error) => return Some(Err(error)),
            }
        }
        None
    }

    /// Reads all of it.
    pub(super) async fn read(self, max: usize) -> Result<Bytes, ReadError> {
        match Limited::new(self.0, max).collect().await {
            Ok(all) => Ok(all.to_bytes()),
            Err(error) => Err(match error.downcast::<BodyError>() {
                Ok(error) => ReadError::Broken(error),
                Err(_) => ReadError::TooLong,
            }),
        }
    }
}

/// The reason why a body could not be read.
#[derive(Debug)]
pub(super) enum ReadError {
    TooLong,
    Broken(Box<BodyError>),
}

/// The error of a [`WireBody`]: its source is that of the body inside.
#[derive(Debug)]
pub struct BodyError(BoxError);

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a body could not be read")
    }
}

impl Error for BodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

impl Body for WireBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
