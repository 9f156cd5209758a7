//! The bodies of requests and responses.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{
    BodyExt, Either, Full, LengthLimitError, Limited, combinators::UnsyncBoxBody,
};
use mcp_layers_core::BoxError;

/// The body of a request that passed [`AuthenticateLayer`](crate::AuthenticateLayer). It ends with an
/// error when it is larger than allowed.
#[derive(Debug)]
pub struct RequestBody(UnsyncBoxBody<Bytes, BoxError>);

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

/// The body of a response: the inner service's, or that of a refusal.
pub type ResponseBody<B> = Either<B, Full<Bytes>>;

/// A flag that is set when a body turns out to be too large.
#[derive(Debug, Clone, Default)]
pub(super) struct Exceeded(Arc<AtomicBool>);

impl Exceeded {
    pub(super) fn get(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// Limits the size of a body.
pub(super) fn limited<B>(body: B, max: usize) -> (RequestBody, Exceeded)
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let exceeded = Exceeded::default();
    let flag = exceeded.clone();
    let body = Limited::new(body, max).map_err(move |error| {
        if error.is::<LengthLimitError>() {
            flag.0.store(true, Relaxed);
        }
        error
    });
    (RequestBody(body.boxed_unsync()), exceeded)
}
