//! The end of a call, reported exactly once.

use std::{
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{McpRequest, McpResponse};

/// The end of a call.
#[derive(Debug)]
#[non_exhaustive]
pub enum End<'a, R> {
    /// The inner service answered, with a result or a protocol error.
    Answered(&'a mut R),
    /// The inner service failed: a layer or the transport returned an error.
    Failed,
    /// The future was dropped before it was ready: the call was cancelled.
    Dropped,
    /// The inner service panicked.
    Panicked,
}

/// Receives the end of one call, exactly once.
///
/// Closures `FnMut(End<'_, R>)` are observers too.
pub trait Observer<R> {
    /// Called when the call has ended. A response may be changed, for example to add to its trail.
    fn on_end(&mut self, end: End<'_, R>);
}

impl<R, F: FnMut(End<'_, R>)> Observer<R> for F {
    fn on_end(&mut self, end: End<'_, R>) {
        self(end);
    }
}

pin_project! {
    /// A future that reports to an [`Observer`] how it ended: answered, failed, dropped or panicked.
    pub struct Observe<F, R, O>
    where
        O: Observer<R>,
    {
        #[pin]
        future: F,
        guard: Guard<R, O>,
    }
}

/// Reports on drop what was not reported before.
struct Guard<R, O: Observer<R>> {
    observer: O,
    /// True while the inner service runs. A drop meanwhile means that it panicked.
    running: bool,
    done: bool,
    response: PhantomData<fn() -> R>,
}

impl<R, O: Observer<R>> Guard<R, O> {
    fn end(&mut self, end: End<'_, R>) {
        self.done = true;
        self.observer.on_end(end);
    }
}

impl<R, O: Observer<R>> Drop for Guard<R, O> {
    fn drop(&mut self) {
        if !self.done {
            self.end(if self.running {
                End::Panicked
            } else {
                End::Dropped
            });
        }
    }
}

impl<F, R, O: Observer<R>> Observe<F, R, O> {
    /// Observes the future that `call` makes. A panic in `call` counts as [`End::Panicked`].
    pub fn call(observer: O, call: impl FnOnce() -> F) -> Self {
        let mut guard = Guard {
            observer,
            running: true,
            done: false,
            response: PhantomData,
        };
        let future = call();
        guard.running = false;
        Self { future, guard }
    }

    /// The observer.
    pub fn observer(&self) -> &O {
        &self.guard.observer
    }

    /// The observer of a pinned future.
    pub fn observer_mut(self: Pin<&mut Self>) -> &mut O {
        &mut self.project().guard.observer
    }
}

impl<F, R, E, O> Future for Observe<F, R, O>
where
    F: Future<Output = Result<R, E>>,
    O: Observer<R>,
{
    type Output = Result<R, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.guard.running = true;
        let poll = this.future.poll(cx);
        this.guard.running = false;
        let mut output = ready!(poll);
        this.guard.end(match &mut output {
            Ok(response) => End::Answered(response),
            Err(_) => End::Failed,
        });
        Poll::Ready(output)
    }
}

crate::opaque_debug!(Observe<F, R, O: Observer<R>>);

/// A layer that calls `start` with each request and reports the end of the call to the observer
/// that `start` returns.
///
/// ```
/// use mcp_layers_core::{
///     End, JsonRpcRequest, JsonRpcResponse, McpRequest, McpResponse, observe,
/// };
/// use std::{convert::Infallible, sync::{Arc, Mutex}};
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let log = Arc::new(Mutex::new(Vec::new()));
/// let seen = log.clone();
/// let service = ServiceBuilder::new()
///     .layer(observe(move |request: &JsonRpcRequest| {
///         let (method, log) = (request.method().to_string(), seen.clone());
///         move |end: End<'_, JsonRpcResponse>| {
///             let ok = matches!(end, End::Answered(response) if response.outcome().code().is_none());
///             log.lock().unwrap().push((method.clone(), ok));
///         }
///     }))
///     .service_fn(|request: JsonRpcRequest| async move {
///         Ok::<_, Infallible>(JsonRpcResponse::success(&request, serde_json::json!({})))
///     });
///
/// service.oneshot(JsonRpcRequest::new(1, "tools/list")).await.unwrap();
/// assert_eq!(*log.lock().unwrap(), [("tools/list".to_owned(), true)]);
/// # }
/// ```
pub fn observe<F>(start: F) -> ObserveLayer<F> {
    ObserveLayer { start }
}

/// The layer that [`observe`] makes.
#[derive(Clone, Copy)]
pub struct ObserveLayer<F> {
    start: F,
}

impl<S, F: Clone> Layer<S> for ObserveLayer<F> {
    type Service = Observed<S, F>;

    fn layer(&self, inner: S) -> Self::Service {
        Observed {
            inner,
            start: self.start.clone(),
        }
    }
}

/// The service of [`ObserveLayer`].
#[derive(Clone, Copy)]
pub struct Observed<S, F> {
    inner: S,
    start: F,
}

impl<S, F> Observed<S, F> {
    crate::accessors!();
}

impl<S, F, O, Req> Service<Req> for Observed<S, F>
where
    Req: McpRequest,
    Req::Response: McpResponse,
    S: Service<Req, Response = Req::Response>,
    F: Fn(&Req) -> O,
    O: Observer<Req::Response>,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = Observe<S::Future, Req::Response, O>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let observer = (self.start)(&request);
        Observe::call(observer, || self.inner.call(request))
    }
}

crate::opaque_debug!(ObserveLayer<F>);
crate::opaque_debug!(Observed<S, F>);
