//! Selectors: any tower layer, for some requests only.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use mcp_layers_core::{BoxError, ConfigError, McpRequest, Method};

/// Applies `layer` to every request except the long-lived ones ([`Method::is_long_lived`]) and those
/// of the lifecycle ([`Method::is_lifecycle`]).
///
/// Use it around a plain `tower::timeout` or `concurrency_limit`: otherwise a `subscriptions/listen`
/// request would be cut off, or hold a permit for ever.
///
/// ```
/// use mcp_layers_core::{JsonRpcRequest, JsonRpcResponse, McpResponse};
/// use mcp_layers_util::{CatchErrorLayer, short_lived};
/// use std::{convert::Infallible, time::Duration};
/// use tower::{ServiceBuilder, ServiceExt, timeout::TimeoutLayer};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let service = ServiceBuilder::new()
///     .layer(CatchErrorLayer::new())
///     .layer(short_lived(TimeoutLayer::new(Duration::from_secs(1))))
///     .service_fn(|request: JsonRpcRequest| async move {
///         tokio::time::sleep(Duration::from_secs(60)).await;
///         Ok::<_, Infallible>(JsonRpcResponse::success(&request, serde_json::json!({})))
///     });
///
/// let call = service.clone().oneshot(JsonRpcRequest::new(1, "tools/call")).await.unwrap();
/// assert_eq!(call.outcome().code(), Some(504));
/// let listen = service.oneshot(JsonRpcRequest::new(2, "subscriptions/listen")).await.unwrap();
/// assert_eq!(listen.outcome().code(), None);
/// # }
/// ```
pub fn short_lived<L>(layer: L) -> SelectLayer<L> {
    SelectLayer {
        layer,
        when: When::ShortLived,
    }
}

/// Applies `layer` to requests of these methods.
///
/// # Errors
/// If there is no method, or one that can never be selected: a long-lived one, one of the lifecycle,
/// or a notification.
pub fn for_methods<L>(
    methods: impl IntoIterator<Item = Method<'static>>,
    layer: L,
) -> Result<SelectLayer<L>, ConfigError> {
    // A known name in `Method::Other` is read as the method that it names.
    let methods: Arc<[_]> = methods
        .into_iter()
        .map(|method| Method::new(method.as_str()))
        .collect();
    if methods.is_empty() {
        return Err(ConfigError::new(
            "no method is named: the layer could never run",
        ));
    }
    if let Some(method) = methods
        .iter()
        .find(|method| is_exempt(method) || method.is_notification())
    {
        return Err(ConfigError::new(format!(
            "`{method}` can never be selected: long-lived and lifecycle requests are exempt, \
             and notifications are no requests"
        )));
    }
    Ok(SelectLayer {
        layer,
        when: When::Methods(methods),
    })
}

/// Applies `layer` to calls of one tool, by exact name.
pub fn only_tool<L>(name: impl Into<Arc<str>>, layer: L) -> SelectLayer<L> {
    SelectLayer {
        layer,
        when: When::Tools(Arc::new([name.into()])),
    }
}

/// Applies `layer` to calls of these tools, by exact name.
///
/// # Errors
/// If there is no name.
pub fn for_tools<L, N: Into<Arc<str>>>(
    names: impl IntoIterator<Item = N>,
    layer: L,
) -> Result<SelectLayer<L>, ConfigError> {
    let names: Arc<[Arc<str>]> = names.into_iter().map(Into::into).collect();
    if names.is_empty() {
        return Err(ConfigError::new(
            "no tool is named: the layer could never run",
        ));
    }
    Ok(SelectLayer {
        layer,
        when: When::Tools(names),
    })
}

fn is_exempt(method: &Method<'_>) -> bool {
    method.is_long_lived() || method.is_lifecycle()
}

#[derive(Debug, Clone)]
enum When {
    ShortLived,
    Methods(Arc<[Method<'static>]>),
    Tools(Arc<[Arc<str>]>),
}

impl When {
    fn holds<Req: McpRequest>(&self, request: &Req) -> bool {
        match self {
            Self::ShortLived => !is_exempt(&request.method()),
            Self::Methods(methods) => {
                let asked = request.method();
                methods.contains(&asked)
            }
            Self::Tools(names) => {
                request.method() == Method::CallTool
                    && request
                        .target()
                        .is_some_and(|tool| names.iter().any(|name| **name == *tool))
            }
        }
    }
}

/// A layer for some requests only. Made by [`short_lived`], [`for_methods`], [`only_tool`] and
/// [`for_tools`].
///
/// # Readiness
/// The path of a request is known only in `call`, so readiness is that of the plain path. For a
/// request that takes the selected path, the plain path gives back its reservation, and the response
/// future makes the selected path ready. No request holds permits of both paths.
///
/// If the plain path is never ready, the service never is. `tower::load_shed`, or a timeout for
/// readiness, belongs outside this layer.
#[derive(Clone)]
pub struct SelectLayer<L> {
    layer: L,
    when: When,
}

impl<S: Clone, L: Layer<S>> Layer<S> for SelectLayer<L> {
    type Service = Select<S, L::Service>;

    fn layer(&self, inner: S) -> Self::Service {
        Select {
            selected: self.layer.layer(inner.clone()),
            plain: inner,
            when: self.when.clone(),
        }
    }
}

/// The service of [`SelectLayer`]: `T` is the layered service, `S` the plain one.
#[derive(Clone)]
pub struct Select<S, T> {
    plain: S,
    selected: T,
    when: When,
}

impl<S, T, Req> Service<Req> for Select<S, T>
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response> + Clone,
    S::Error: Into<BoxError>,
    T: Service<Req, Response = Req::Response> + Clone,
    T::Error: Into<BoxError>,
{
    type Response = Req::Response;
    type Error = BoxError;
    type Future = SelectFuture<S::Future, T, T::Future, Req>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.plain.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        if !self.when.holds(&request) {
            return SelectFuture {
                state: State::Plain {
                    future: self.plain.call(request),
                },
            };
        }
        // The instance with a reservation is dropped; a clone has none.
        self.plain = self.plain.clone();
        SelectFuture {
            state: State::Waiting {
                service: self.selected.clone(),
                request: Some(request),
            },
        }
    }
}

pin_project! {
    /// The future of [`Select`].
    pub struct SelectFuture<F, T, G, Req> {
        #[pin]
        state: State<F, T, G, Req>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, T, G, Req> {
        Plain { #[pin] future: F },
        Waiting { service: T, request: Option<Req> },
        Selected { #[pin] future: G },
    }
}

impl<F, T, Req, R, E> Future for SelectFuture<F, T, T::Future, Req>
where
    F: Future<Output = Result<R, E>>,
    E: Into<BoxError>,
    T: Service<Req, Response = R>,
    T::Error: Into<BoxError>,
{
    type Output = Result<R, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let future = match state.as_mut().project() {
                StateProjection::Plain { future } => return future.poll(cx).map_err(Into::into),
                StateProjection::Selected { future } => return future.poll(cx).map_err(Into::into),
                StateProjection::Waiting { service, request } => {
                    ready!(service.poll_ready(cx)).map_err(Into::into)?;
                    service.call(
                        request
                            .take()
                            .expect("taken once, before the state changes"),
                    )
                }
            };
            state.set(State::Selected { future });
        }
    }
}

impl<L> fmt::Debug for SelectLayer<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelectLayer")
            .field("when", &self.when)
            .finish_non_exhaustive()
    }
}

impl<S: fmt::Debug, T: fmt::Debug> fmt::Debug for Select<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Select")
            .field("plain", &self.plain)
            .field("selected", &self.selected)
            .field("when", &self.when)
            .finish()
    }
}

mcp_layers_core::opaque_debug!(SelectFuture<F, T, G, Req>);
