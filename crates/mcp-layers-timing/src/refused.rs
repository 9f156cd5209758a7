//! Counter of the HTTP requests that were refused before they reached the MCP stack.

use std::{
    borrow::Cow,
    collections::HashMap,
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
/// | `mcp_layers.reason` | the rule of the layer that refused, from the [`Trail`] in the response's extensions (at most 64 rules, then `_OTHER`); `limited` for a rate limit; without a trail, as that of rmcp's transport and of `AddressLimitLayer`, `transport` |
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
#[derive(Debug, Clone)]
pub struct TimingHttpLayer {
    refusals: Arc<Refusals>,
}

impl TimingHttpLayer {
    /// Counts to the `metrics` facade. Without the feature `metrics` nothing is counted until
    /// [`TimingHttpLayer::recorder`] sets a recorder.
    #[must_use]
    pub fn new() -> Self {
        Self::to(Box::new(MetricsRecorder::new()))
    }

    /// Counts to another backend. The default is [`MetricsRecorder`].
    #[must_use]
    pub fn recorder(self, recorder: impl Recorder) -> Self {
        Self::to(Box::new(recorder))
    }

    fn to(recorder: Box<dyn Recorder>) -> Self {
        let refusals = Refusals {
            recorder,
            series: Mutex::default(),
        };
        Self {
            refusals: Arc::new(refusals),
        }
    }
}

impl Default for TimingHttpLayer {
    fn default() -> Self {
        Self::new()
    }
}

/// The series of the counter, opened by the first refusal of each kind.
struct Refusals {
    recorder: Box<dyn Recorder>,
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

impl Refusals {
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

impl<S> Layer<S> for TimingHttpLayer {
    type Service = TimingHttp<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TimingHttp::new(inner, self)
    }
}

/// Counts refused HTTP requests. Made by [`TimingHttpLayer`].
#[derive(Debug, Clone)]
pub struct TimingHttp<S> {
    inner: S,
    refusals: Arc<Refusals>,
}

impl<S> TimingHttp<S> {
    /// Wraps `inner` as `layer` does.
    pub fn new(inner: S, layer: &TimingHttpLayer) -> Self {
        Self {
            inner,
            refusals: Arc::clone(&layer.refusals),
        }
    }

    mcp_layers_core::accessors!();
}

impl<S, Req, B> Service<Req> for TimingHttp<S>
where
    S: Service<Req, Response = Response<B>>,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = HttpResponseFuture<S::Future>;

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
    #[derive(Debug)]
    pub struct HttpResponseFuture<F> {
        #[pin]
        future: F,
        refusals: Arc<Refusals>,
    }
}

impl<F, B, E> Future for HttpResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
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

mcp_layers_core::opaque_debug!(Refusals);
