//! The layer that gives a catalog to a stack, and keeps it filled.

use std::{
    future::{Pending, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::time::{Instant, timeout_at};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    Catalog, Clock, ListedKind, McpRequest, McpResponse, Method, Outcome,
    catalog::Owner,
    lesson::{Lesson, target},
};

/// The shortest time between two look-ups of one kind of name for one caller.
const LOOKUP_INTERVAL: Duration = Duration::from_secs(1);

/// The number of pages that one look-up reads of a list.
const MAX_PAGES: usize = 32;

/// The longest time for which a request waits for a look-up.
const MAX_LOOKUP: Duration = Duration::from_secs(5);

/// Puts a [`Catalog`] into the context of each request, and keeps it filled. The outermost layer of
/// a stack.
///
/// 1. Lists and successful answers that pass teach the catalog.
/// 2. A request for an unknown name first makes the layer look the name up, past every layer inside:
///    by [`McpRequest::look_up`], where the implementation has one, otherwise by reading the list at
///    the server given to [`CatalogLayer::look_up_at`]. For each caller a list is read at most once a
///    second, up to 32 pages; its requests that arrive meanwhile wait for it, at most 5 seconds.
/// 3. A panic of the server while it lists is the caller's: wrap the server in a layer that catches
///    panics.
/// 4. A request whose name stays unknown goes on; each layer then treats it as one of the unknown.
/// 5. A known name is not looked up, with one exception: where a layer inside hides names
///    ([`Catalog::hide_names`]), a name that its caller has not seen is looked up as an unknown one is,
///    and waits as long, so that the time of an answer does not tell a hidden name from an unknown one.
///    A caller has seen the names in its own lists, the uris that match a template in them, and the
///    names for which it got a result. At most 1,024 names of a kind are remembered for each caller.
///
/// ```
/// use mcp_layers_core::{Catalog, CatalogLayer, JsonRpcRequest, JsonRpcResponse, ListedKind};
/// use std::convert::Infallible;
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let server = service_fn(|request: JsonRpcRequest| async move {
///     let tools = serde_json::json!({"tools": [{"name": "search"}]});
///     Ok::<_, Infallible>(JsonRpcResponse::success(&request, tools))
/// });
/// let catalog = Catalog::new();
/// let service = ServiceBuilder::new()
///     .layer(CatalogLayer::new(catalog.clone()).look_up_at(server.clone()))
///     // ... further layers
///     .service(server);
///
/// let call = JsonRpcRequest::call_tool(1, "search", serde_json::json!({}));
/// service.oneshot(call).await.unwrap();
/// assert!(catalog.knows(ListedKind::Tool, "search"));
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct CatalogLayer<L = NoServer> {
    catalog: Catalog,
    server: Option<L>,
    clock: Clock,
}

impl CatalogLayer {
    /// A layer that gives `catalog` to a stack.
    #[must_use]
    pub fn new(catalog: Catalog) -> Self {
        Self {
            catalog,
            server: None,
            clock: Clock::system(),
        }
    }

    /// Looks unknown names up at `server`, the service that the stack wraps.
    ///
    /// A look-up needs a tokio runtime with timers. Without one, its request panics.
    #[must_use]
    pub fn look_up_at<L>(self, server: L) -> CatalogLayer<L> {
        CatalogLayer {
            catalog: self.catalog,
            server: Some(server),
            clock: self.clock,
        }
    }
}

impl<L> CatalogLayer<L> {
    /// Sets the clock by which look-ups are spaced.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }
}

impl<S, L: Clone> Layer<S> for CatalogLayer<L> {
    type Service = Cataloged<S, L>;

    fn layer(&self, inner: S) -> Self::Service {
        Cataloged {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service of [`CatalogLayer`].
#[derive(Debug, Clone)]
pub struct Cataloged<S, L = NoServer> {
    inner: S,
    layer: CatalogLayer<L>,
}

impl<S, L> Cataloged<S, L> {
    crate::accessors!();
}

impl<S, L, Req> Service<Req> for Cataloged<S, L>
where
    Req: McpRequest + Send + 'static,
    Req::Response: Send,
    S: Service<Req, Response = Req::Response> + Clone,
    L: Service<Req, Response = Req::Response> + Clone + Send + 'static,
    L::Error: Send,
    L::Future: Send,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = CatalogFuture<S, Req>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Req) -> Self::Future {
        let catalog = &self.layer.catalog;
        let is_shown = catalog.shows_target(&request);
        let lesson = catalog.begin(&request, is_shown, true);
        let unknown = || target_to_look_up(catalog, &request);
        let unknown = (!is_shown).then(unknown).flatten();
        let context = request.context_mut();
        context.enter_catalog(catalog.clone(), is_shown.then_some(true));
        let state = match (unknown, &self.layer.server) {
            (Some(kind), Some(server)) => {
                // The instance that is ready goes along; a clone stays.
                let clone = self.inner.clone();
                let inner = std::mem::replace(&mut self.inner, clone);
                let lookup = look_up(
                    catalog.clone(),
                    server.clone(),
                    self.layer.clock.clone(),
                    kind,
                    request,
                );
                State::LookingUp {
                    lookup: Box::pin(lookup),
                    inner,
                }
            }
            _ => State::Calling {
                future: self.inner.call(request),
            },
        };
        CatalogFuture { state, lesson }
    }
}

/// The target of a request that the catalog does not show, if the implementation does not know it
/// either, or if the caller must not notice that it does.
fn target_to_look_up<Req: McpRequest>(catalog: &Catalog, request: &Req) -> Option<ListedKind> {
    let (kind, name) = target(request)?;
    if let Some(hints) = request.look_up(kind, name) {
        catalog.update(catalog.generation(), |names| {
            names.learn(Owner::Server, kind, name, Some(hints));
        });
        if !catalog.hides_names() {
            return None;
        }
    }
    Some(kind)
}

/// The list methods whose responses name things of this kind.
fn list_methods(kind: ListedKind) -> &'static [Method<'static>] {
    match kind {
        ListedKind::Tool => &[Method::ListTools],
        ListedKind::Prompt => &[Method::ListPrompts],
        ListedKind::Resource => &[Method::ListResources, Method::ListResourceTemplates],
        ListedKind::ResourceTemplate => &[Method::ListResourceTemplates],
        ListedKind::Skill => &[Method::ListSkills],
        ListedKind::Task => &[],
    }
}

/// Reads the lists in which the name would stand, unless that was done a moment ago.
async fn look_up<L, Req>(
    catalog: Catalog,
    mut server: L,
    clock: Clock,
    kind: ListedKind,
    request: Req,
) -> Req
where
    Req: McpRequest,
    L: Service<Req, Response = Req::Response>,
{
    let deadline = Instant::now() + MAX_LOOKUP;
    let caller = request.context().principal().map(AsRef::as_ref);
    let caller = catalog.read().owner(caller);
    let look_up = Arc::clone(&catalog.write().view(caller, kind).look_up);
    let Ok(mut last) = timeout_at(deadline, look_up.lock()).await else {
        return request;
    };
    let now = clock.now();
    if let Some((at, is_whole)) = *last
        && now.duration_since(at) < LOOKUP_INTERVAL
    {
        return with_finding(catalog, request, is_whole);
    }
    if catalog.shows_target(&request) {
        return request;
    }
    *last = Some((now, false));
    let generation = catalog.generation();
    let mut is_whole = false;
    for method in list_methods(kind) {
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let Some(list) = request.list_request(*method, cursor.as_deref()) else {
                break;
            };
            let answer = timeout_at(deadline, async {
                poll_fn(|cx| server.poll_ready(cx)).await?;
                server.call(list).await
            });
            let Ok(Ok(response)) = answer.await else {
                break;
            };
            cursor = response.next_cursor().map(str::to_owned);
            catalog.update(generation, |names| {
                response.visit_listed(&mut |entry| {
                    names.learn(Owner::Server, entry.kind, entry.name, Some(entry.hints));
                });
                let is_end = cursor.is_none() && response.outcome() == Outcome::Success;
                // Resources need not be listed.
                is_whole = is_end && matches!(kind, ListedKind::Tool | ListedKind::Prompt);
            });
            if cursor.is_none() {
                break;
            }
        }
    }
    *last = Some((now, is_whole));
    drop(last);
    with_finding(catalog, request, is_whole)
}

/// Notes that the server has no such target, if it is unknown after the whole list was read.
fn with_finding<Req: McpRequest>(catalog: Catalog, mut request: Req, is_whole: bool) -> Req {
    if is_whole && !catalog.knows_target(&request) {
        request.context_mut().enter_catalog(catalog, Some(false));
    }
    request
}

pin_project! {
    /// The future of [`Cataloged`].
    pub struct CatalogFuture<S, Req>
    where
        S: Service<Req>,
    {
        #[pin]
        state: State<S, S::Future, Req>,
        lesson: Lesson,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, F, Req> {
        LookingUp {
            // A box, because it waits for the server's list.
            lookup: Pin<Box<dyn Future<Output = Req> + Send>>,
            inner: S,
        },
        Calling {
            #[pin]
            future: F,
        },
    }
}

impl<S, Req> Future for CatalogFuture<S, Req>
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response>,
{
    type Output = Result<Req::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let future = match this.state.as_mut().project() {
                StateProjection::LookingUp { lookup, inner } => {
                    let request = ready!(lookup.as_mut().poll(cx));
                    inner.call(request)
                }
                StateProjection::Calling { future } => {
                    let output = ready!(future.poll(cx));
                    if let Ok(response) = &output {
                        this.lesson.learn(response);
                    }
                    return Poll::Ready(output);
                }
            };
            this.state.set(State::Calling { future });
        }
    }
}

/// The absence of a server to look names up at: what [`CatalogLayer::new`] starts with.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct NoServer;

impl<Req: McpRequest> Service<Req> for NoServer
where
    Req::Response: Send,
{
    type Response = Req::Response;
    type Error = std::convert::Infallible;
    type Future = Pending<Result<Req::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Pending
    }

    fn call(&mut self, _: Req) -> Self::Future {
        unreachable!("a layer without a server has none to call")
    }
}

crate::opaque_debug!(CatalogFuture<S: Service<Req>, Req>);
