//! Counter of the HTTP requests that were refused before they reached the MCP stack.

use std::{
    borrow::Cow,
    collections::HashMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use http::{Response, StatusCode};
use mcp_layers_core::{Event, Trail};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    attributes::OTHER,
    metric::Metric,
    recorder::{Attribute, MetricsRecorder, RecordCount, Recorder},
};

/// The most reasons that become label values; further ones are counted as `_OTHER`.
const MAX_REASONS: usize = 64;

/// Counts the HTTP requests that were refused: answers with a status of 4xx or 503. The outermost
/// layer of an HTTP service, around authentication and authorization.
///
/// A refusal at the HTTP edge never reaches [`TimingLayer`](crate::TimingLayer). This layer counts
/// it as `mcp_layers.http.refused`, with two attributes:
///
/// | attribute | value |
/// |---|---|
/// | `http.response.status_code` | the status |
/// | `mcp_layers.reason` | the rule of the layer that refused, from the [`Trail`] in the response's extensions (at most 64 rules, then `_OTHER`); `limited` for a rate limit; without a trail `transport` |
///
/// Requires the feature `http`.
///
/// ```
/// use http::{Request, Response, StatusCode};
/// use mcp_layers_timing::TimingHttpLayer;
/// use metrics_exporter_prometheus::PrometheusBuilder;
/// use std::convert::Infallible;
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let exporter = PrometheusBuilder::new().install_recorder()?;
/// let service = ServiceBuilder::new()
///     .layer(TimingHttpLayer::new())
///     .service_fn(|_: Request<String>| async {
///         let mut response = Response::new(String::new());
///         *response.status_mut() = StatusCode::UNAUTHORIZED;
///         Ok::<_, Infallible>(response)
///     });
/// service.oneshot(Request::new(String::new())).await?;
/// assert!(exporter.render().contains(
///     r#"mcp_layers_http_refused_total{http_response_status_code="401",mcp_layers_reason="transport"} 1"#
/// ));
/// # Ok(())
/// # }
/// ```
pub struct TimingHttpLayer<R = MetricsRecorder> {
    refusals: Arc<Refusals<R>>,
}

impl TimingHttpLayer {
    /// Counts to the `metrics` facade.
    #[must_use]
    pub fn new() -> Self {
        Self::recording(MetricsRecorder::new())
    }
}

impl Default for TimingHttpLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> TimingHttpLayer<R> {
    /// Counts to another backend. The default is [`MetricsRecorder`].
    #[must_use]
    pub fn recorder<R2: Recorder>(self, recorder: R2) -> TimingHttpLayer<R2> {
        TimingHttpLayer::recording(recorder)
    }

    fn recording(recorder: R) -> Self {
        let refusals = Refusals {
            recorder,
            series: Mutex::default(),
        };
        Self {
            refusals: Arc::new(refusals),
        }
    }
}

/// The series of the counter, opened by the first refusal of each kind.
struct Refusals<R> {
    recorder: R,
    series: Mutex<HashMap<Refused, Arc<RecordCount>>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Refused {
    status: StatusCode,
    reason: Cow<'static, str>,
}

impl Refused {
    fn of<B>(response: &Response<B>) -> Option<Self> {
        let status = response.status();
        if !status.is_client_error() && status != StatusCode::SERVICE_UNAVAILABLE {
            return None;
        }
        let trail = response.extensions().get::<Trail>();
        let reason = trail.and_then(|trail| {
            trail.events().rev().find_map(|event| match event {
                Event::Denied { rule } => Some(rule.clone()),
                Event::Limited { .. } => Some("limited".into()),
                _ => None,
            })
        });
        let reason = reason.unwrap_or("transport".into());
        Some(Self { status, reason })
    }
}

impl<R: Recorder> Refusals<R> {
    fn count(&self, mut refused: Refused) {
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        if !series.contains_key(&refused) {
            let known = series.keys().any(|known| known.reason == refused.reason);
            let reasons = series.len();
            if !known && reasons >= MAX_REASONS {
                refused.reason = OTHER.into();
            }
        }
        let record = series.entry(refused).or_insert_with_key(|refused| {
            let attributes = [
                Attribute::new("http.response.status_code", refused.status.as_str()),
                Attribute::new("mcp_layers.reason", refused.reason.as_ref()),
            ];
            let counter = || self.recorder.counter(Metric::HttpRefused, &attributes);
            let counter = catch_unwind(AssertUnwindSafe(counter));
            Arc::new(counter.unwrap_or_else(|_| Box::new(|| {})))
        });
        let record = Arc::clone(record);
        drop(series);
        // A recorder that panics loses a count, and fails no request.
        let _ = catch_unwind(AssertUnwindSafe(|| record()));
    }
}

impl<S, R> Layer<S> for TimingHttpLayer<R> {
    type Service = TimingHttp<S, R>;

    fn layer(&self, inner: S) -> Self::Service {
        TimingHttp {
            inner,
            refusals: Arc::clone(&self.refusals),
        }
    }
}

/// Counts refused HTTP requests. Made by [`TimingHttpLayer`].
pub struct TimingHttp<S, R> {
    inner: S,
    refusals: Arc<Refusals<R>>,
}

impl<S, R> TimingHttp<S, R> {
    /// Wraps `inner` as `layer` does.
    pub fn new(inner: S, layer: &TimingHttpLayer<R>) -> Self {
        layer.layer(inner)
    }

    /// The inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, R, Req, B> Service<Req> for TimingHttp<S, R>
where
    S: Service<Req, Response = Response<B>>,
    R: Recorder,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = HttpResponseFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        HttpResponseFuture {
            future: self.inner.call(request),
            refusals: Arc::clone(&self.refusals),
        }
    }
}

pin_project! {
    /// The future of [`TimingHttp`].
    pub struct HttpResponseFuture<F, R> {
        #[pin]
        future: F,
        refusals: Arc<Refusals<R>>,
    }
}

impl<F, R, B, E> Future for HttpResponseFuture<F, R>
where
    F: Future<Output = Result<Response<B>, E>>,
    R: Recorder,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let output = ready!(this.future.poll(cx));
        if let Ok(response) = &output
            && let Some(refused) = Refused::of(response)
        {
            this.refusals.count(refused);
        }
        Poll::Ready(output)
    }
}

impl<R> Clone for TimingHttpLayer<R> {
    fn clone(&self) -> Self {
        Self {
            refusals: Arc::clone(&self.refusals),
        }
    }
}

impl<S: Clone, R> Clone for TimingHttp<S, R> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            refusals: Arc::clone(&self.refusals),
        }
    }
}

impl<R> fmt::Debug for TimingHttpLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimingHttpLayer").finish_non_exhaustive()
    }
}

impl<S: fmt::Debug, R> fmt::Debug for TimingHttp<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimingHttp")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<F, R> fmt::Debug for HttpResponseFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponseFuture").finish_non_exhaustive()
    }
}
