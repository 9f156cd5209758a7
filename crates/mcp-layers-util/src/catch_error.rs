//! Error responses in place of service errors.

use std::{
    convert::Infallible,
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use mcp_layers_core::{BoxError, Event, McpError, McpRequest, McpResponse};

/// Turns the error of an inner service into an error response. Outer layers then see a service that
/// never fails.
///
/// Plain tower layers (`timeout`, `load_shed`, `buffer`) refuse with an error. The text of the error
/// is never sent; it stays in the response's trail ([`Event::Failed`]). The first rule that fits the
/// error or one of its causes, in their order, decides the response:
///
/// 1. an [`McpError`] is sent unchanged;
/// 2. the mapping given to [`CatchErrorLayer::map`] decides;
/// 3. `tower::timeout` elapsed is 504, `tower::load_shed` overloaded is 503;
/// 4. anything else is -32603, "Internal error".
///
/// An error of `poll_ready` becomes the response to the next call, without the inner service. What inner
/// layers did before the error, such as the attempts of a retry, is not in the trail: an error has none.
///
/// ```
/// use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpResponse};
/// use mcp_layers_util::CatchErrorLayer;
/// use std::time::Duration;
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let service = ServiceBuilder::new()
///     .layer(CatchErrorLayer::new())
///     .timeout(Duration::from_secs(1))
///     .service_fn(|_: JsonRpcRequest| std::future::pending::<Result<JsonRpcResponse, String>>());
///
/// let response = service.oneshot(JsonRpcRequest::new(1, "tools/list")).await.unwrap();
/// assert_eq!(response.outcome().code(), Some(504));
/// # }
/// ```
#[derive(Clone, Copy)]
pub struct CatchErrorLayer<M = NoMapping> {
    map: M,
}

/// Maps an error to a response, or leaves it to the default rules.
///
/// Closures `Fn(&(dyn Error + 'static)) -> Option<McpError>` are mappings too.
pub trait MapError {
    /// The response to send, or `None` to leave the error to the default rules.
    fn map_error(&self, error: &(dyn Error + 'static)) -> Option<McpError>;
}

impl<F> MapError for F
where
    F: Fn(&(dyn Error + 'static)) -> Option<McpError>,
{
    fn map_error(&self, error: &(dyn Error + 'static)) -> Option<McpError> {
        self(error)
    }
}

/// The mapping that leaves every error to the default rules.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct NoMapping;

impl MapError for NoMapping {
    fn map_error(&self, _: &(dyn Error + 'static)) -> Option<McpError> {
        None
    }
}

impl CatchErrorLayer {
    /// Creates a layer with the default rules.
    #[must_use]
    pub fn new() -> Self {
        Self { map: NoMapping }
    }

    /// Uses `map` before the default rules. The error that it returns is sent unchanged.
    pub fn map<M: MapError>(self, map: M) -> CatchErrorLayer<M> {
        CatchErrorLayer { map }
    }
}

impl Default for CatchErrorLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S, M: Clone> Layer<S> for CatchErrorLayer<M> {
    type Service = CatchError<S, M>;

    fn layer(&self, inner: S) -> Self::Service {
        CatchError {
            inner,
            map: self.map.clone(),
            failed: None,
        }
    }
}

/// The service of [`CatchErrorLayer`].
pub struct CatchError<S, M = NoMapping> {
    inner: S,
    map: M,
    failed: Option<BoxError>,
}

/// A clone does not take over an error from the original's `poll_ready`.
impl<S: Clone, M: Clone> Clone for CatchError<S, M> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            map: self.map.clone(),
            failed: None,
        }
    }
}

impl<S, M> CatchError<S, M> {
    mcp_layers_core::accessors!();
}

impl<S, M, Req> Service<Req> for CatchError<S, M>
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response>,
    S::Error: Into<BoxError>,
    M: MapError + Clone,
{
    type Response = Req::Response;
    type Error = Infallible;
    type Future = CatchErrorFuture<S::Future, Req::ReplyTo, M>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if self.failed.is_none()
            && let Err(error) = ready!(self.inner.poll_ready(cx))
        {
            self.failed = Some(error.into());
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let reply_to = Some(request.reply_to());
        let state = match self.failed.take() {
            Some(error) => State::Failed { error: Some(error) },
            None => State::Running {
                future: self.inner.call(request),
            },
        };
        CatchErrorFuture {
            state,
            reply_to,
            map: self.map.clone(),
        }
    }
}

pin_project! {
    /// The future of [`CatchError`].
    pub struct CatchErrorFuture<F, T, M> {
        #[pin]
        state: State<F>,
        reply_to: Option<T>,
        map: M,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Running { #[pin] future: F },
        Failed { error: Option<BoxError> },
    }
}

impl<F, R, E, M> Future for CatchErrorFuture<F, R::ReplyTo, M>
where
    F: Future<Output = Result<R, E>>,
    R: McpResponse,
    E: Into<BoxError>,
    M: MapError,
{
    type Output = Result<R, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let error = match this.state.project() {
            StateProjection::Running { future } => match ready!(future.poll(cx)) {
                Ok(response) => return Poll::Ready(Ok(response)),
                Err(error) => Some(error.into()),
            },
            StateProjection::Failed { error } => error.take(),
        };
        let error = error.expect("polled after completion");
        let reply_to = this.reply_to.take().expect("taken with the error");
        let mut response = R::from_error(reply_to, answer(&*error, this.map));
        response.trail_mut().push(Event::Failed {
            cause: causes(&*error).into(),
        });
        Poll::Ready(Ok(response))
    }
}

/// The response that the first fitting rule gives for the error or one of its causes.
fn answer(error: &(dyn Error + 'static), map: &impl MapError) -> McpError {
    std::iter::successors(Some(error), |&error| error.source())
        .find_map(|error| {
            error
                .downcast_ref::<McpError>()
                .cloned()
                .or_else(|| map.map_error(error))
                .or_else(|| by_default(error))
        })
        .unwrap_or_else(McpError::internal)
}

fn by_default(error: &(dyn Error + 'static)) -> Option<McpError> {
    if error.is::<tower::timeout::error::Elapsed>() {
        Some(McpError::timed_out())
    } else if error.is::<tower::load_shed::error::Overloaded>() {
        Some(McpError::unavailable())
    } else {
        None
    }
}

fn causes(error: &(dyn Error + 'static)) -> String {
    std::iter::successors(Some(error), |&error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

mcp_layers_core::opaque_debug!(CatchErrorLayer<M>);

impl<S: fmt::Debug, M> fmt::Debug for CatchError<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatchError")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

mcp_layers_core::opaque_debug!(CatchErrorFuture<F, T, M>);
