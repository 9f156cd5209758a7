//! A body that may only be so long.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use http_body::{Body, Frame, SizeHint};
use http_body_util::{LengthLimitError, Limited};
use mcp_layers_core::BoxError;
use pin_project_lite::pin_project;

pin_project! {
    /// A body that ends with an error when it is longer than it may be.
    pub struct CappedBody<B> {
        #[pin]
        body: Limited<B>,
        exceeded: Exceeded,
    }
}

/// Whether a body turned out to be too long. Shared with the response's future, which then
/// answers 413, whatever the service made of the error.
#[derive(Debug, Clone, Default)]
pub(super) struct Exceeded(Option<Arc<AtomicBool>>);

impl Exceeded {
    pub(super) fn is_so(&self) -> bool {
        self.0.as_ref().is_some_and(|flag| flag.load(Relaxed))
    }
}

impl<B: Body> CappedBody<B> {
    /// `None` when the body is known to be too long.
    pub(super) fn new(body: B, max: u64) -> Option<(Self, Exceeded)> {
        let hint = body.size_hint();
        if hint.lower() > max {
            return None;
        }
        // A length that is known needs no watching.
        let known = hint.upper().is_some_and(|upper| upper <= max);
        let exceeded = Exceeded((!known).then(Arc::default));
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let capped = Self {
            body: Limited::new(body, max),
            exceeded: exceeded.clone(),
        };
        Some((capped, exceeded))
    }
}

impl<B> Body for CappedBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let this = self.project();
        let frame = ready!(this.body.poll_frame(cx));
        if let (Some(Err(error)), Some(flag)) = (&frame, &this.exceeded.0)
            && is_length_limit(&**error)
        {
            flag.store(true, Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn is_length_limit(error: &(dyn Error + 'static)) -> bool {
    error.is::<LengthLimitError>()
}

impl<B: fmt::Debug> fmt::Debug for CappedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CappedBody").finish_non_exhaustive()
    }
}
