//! At most so many at once.

use std::{
    borrow::Cow,
    fmt,
    num::NonZeroU32,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use mcp_layers_core::{Event, McpError, McpRequest, McpResponse, Method, ReplyFuture, code};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{Part, Quota, Rule, store::Charges};
use permits::{Permit, Permits};

mod permits;

/// Lets at most so many calls of each key run at once, so that one caller who asks for slow work
/// does not take all of a server.
///
/// It concerns `tools/call`, `prompts/get`, `resources/read` and `completion/complete`; a call
/// beyond the limit is refused at once with 429, `reason` `concurrency_limited` and the limit's
/// name: 429 and not 503, because the caller has too much under way, and not the server. A call
/// gives its place back when it ends, however it does. Long-lived requests do not count, unless
/// [`BulkheadLayer::long_lived`] gives them places of their own.
///
/// The table holds the keys that have calls under way, and nothing else. Clones share it.
///
/// ```
/// use mcp_layers_rate_limit::{BulkheadLayer, Part};
/// use std::num::NonZeroU32;
///
/// let layer = BulkheadLayer::new("in-flight", NonZeroU32::new(8).unwrap())
///     .key([Part::Principal, Part::Tool]);
/// assert_eq!(layer.in_flight(), 0);
/// ```
#[derive(Clone)]
pub struct BulkheadLayer {
    permits: Arc<Permits>,
    settings: Arc<Settings>,
}

#[derive(Clone)]
struct Settings {
    name: Arc<str>,
    limit: NonZeroU32,
    long_lived: Option<NonZeroU32>,
    key: Vec<Part>,
    /// Knows which methods do work.
    covers: Rule,
    as_tool_error: bool,
}

impl BulkheadLayer {
    /// At most `limit` calls at once for each principal. Callers get to read the name.
    pub fn new(name: impl Into<Arc<str>>, limit: NonZeroU32) -> Self {
        let name = name.into();
        let covers = Rule::new(Arc::clone(&name), Quota::per_second(NonZeroU32::MIN));
        Self {
            permits: Arc::new(Permits::new()),
            settings: Arc::new(Settings {
                name,
                limit,
                long_lived: None,
                key: vec![Part::Principal],
                covers,
                as_tool_error: false,
            }),
        }
    }

    /// By what callers are told apart; the principal by default. Without any part all share.
    #[must_use]
    pub fn key(self, parts: impl IntoIterator<Item = Part>) -> Self {
        self.set(|settings| settings.key = parts.into_iter().collect())
    }

    /// At most so many long-lived requests at once for each key, counted apart: a subscription
    /// takes no call's place. No limit by default.
    #[must_use]
    pub fn long_lived(self, limit: NonZeroU32) -> Self {
        self.set(|settings| settings.long_lived = Some(limit))
    }

    /// Refuses a `tools/call` by a result with `isError: true`.
    #[must_use]
    pub fn as_tool_error(self) -> Self {
        self.set(|settings| settings.as_tool_error = true)
    }

    /// How many requests have a place now.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.permits.taken()
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self.permits = Arc::new(Permits::new());
        self
    }
}

impl<S> Layer<S> for BulkheadLayer {
    type Service = Bulkhead<S>;

    fn layer(&self, inner: S) -> Bulkhead<S> {
        Bulkhead {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service of [`BulkheadLayer`].
#[derive(Clone)]
pub struct Bulkhead<S> {
    inner: S,
    layer: BulkheadLayer,
}

impl Settings {
    /// The limit that concerns a method, if one does.
    fn limit(&self, method: Method<'_>) -> Option<NonZeroU32> {
        if method.is_long_lived() {
            self.long_lived
        } else {
            self.covers.covers(method).then_some(self.limit)
        }
    }

    /// Long-lived requests have a key of their own.
    fn key<Req: McpRequest>(&self, request: &Req, long_lived: bool) -> Charges {
        let kind = if long_lived { "long" } else { "short" };
        let mut charges = Charges::new();
        charges.push(kind, self.covers.quota, NonZeroU32::MIN, |key| {
            self.key.iter().for_each(|part| part.write(request, key));
        });
        charges
    }

    fn refusal<R: McpResponse>(&self, to: R::ReplyTo, as_tool_error: bool) -> R {
        let name = &self.name;
        let mut response = if as_tool_error {
            R::from_tool_error(
                to,
                format!(
                    "Too many calls at once: the limit `{name}` is reached. Nothing was done. \
                     Try again when a call has ended."
                ),
            )
        } else {
            let error = McpError::public(code::RATE_LIMITED, "Too many requests at once")
                .with("reason", "concurrency_limited")
                .with("rule", &**name);
            R::from_error(to, error)
        };
        response.trail_mut().push(Event::Limited {
            rule: Cow::Owned(name.to_string()),
            retry_after: Duration::ZERO,
        });
        response
    }
}

impl<S, Req> Service<Req> for Bulkhead<S>
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response> + Clone,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = BulkheadFuture<S::Future, Req::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let BulkheadLayer { permits, settings } = &self.layer;
        let method = request.method();
        let permit = settings.limit(method).map(|limit| {
            let charges = settings.key(&request, method.is_long_lived());
            let key = charges.iter().next();
            Permits::take(permits, key.map_or(&[], |charge| charge.key), limit)
        });
        if let Some(None) = permit {
            let as_tool_error = settings.as_tool_error && method == Method::CallTool;
            let response = settings.refusal(request.reply_to(), as_tool_error);
            // What the instance has reserved is given back.
            self.inner = self.inner.clone();
            return BulkheadFuture {
                reply: ReplyFuture::ready(response),
                permit: None,
            };
        }
        BulkheadFuture {
            reply: ReplyFuture::inner(self.inner.call(request)),
            permit: permit.flatten(),
        }
    }
}

pin_project! {
    /// The future of [`Bulkhead`]. Its place is free again when it is done or dropped.
    pub struct BulkheadFuture<F, R> {
        #[pin]
        reply: ReplyFuture<F, R>,
        permit: Option<Permit>,
    }
}

impl<F, R, E> Future for BulkheadFuture<F, R>
where
    F: Future<Output = Result<R, E>>,
{
    type Output = Result<R, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let poll = this.reply.poll(cx);
        if poll.is_ready() {
            *this.permit = None;
        }
        poll
    }
}

impl fmt::Debug for BulkheadLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkheadLayer")
            .field("name", &self.settings.name)
            .field("limit", &self.settings.limit)
            .field("long_lived", &self.settings.long_lived)
            .field("key", &self.settings.key)
            .finish_non_exhaustive()
    }
}

impl<S: fmt::Debug> fmt::Debug for Bulkhead<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bulkhead")
            .field("inner", &self.inner)
            .field("layer", &self.layer)
            .finish()
    }
}

impl<F, R> fmt::Debug for BulkheadFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkheadFuture").finish_non_exhaustive()
    }
}
