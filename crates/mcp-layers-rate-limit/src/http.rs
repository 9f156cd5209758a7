//! A limit by client address, around HTTP.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    num::{NonZeroU8, NonZeroU32, NonZeroUsize},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use ::http::{Extensions, HeaderValue, Request, Response, StatusCode, header::RETRY_AFTER};
use mcp_layers_core::{Clock, ConfigError, ReplyFuture, SystemClock};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    Charges, ClientAddress, MemoryStore, Quota, Verdict,
    part::{DEFAULT_IPV6_PREFIX, write_address},
};
pub use forwarded::forwarded_address;

mod forwarded;

/// Lets HTTP requests pass at most so often for each client address: a limit for what comes before
/// authentication. A request beyond it gets status 429 with `Retry-After` in seconds, rounded up
/// (RFC 6585, section 4; RFC 9110, section 10.2.3), and no body.
///
/// The address is that of the socket's other end. Only behind proxies of one's own,
/// [`AddressLimitLayer::trusted_hops`] takes it from `X-Forwarded-For`. It is handed on as the
/// extension [`ClientAddress`].
///
/// ```
/// use http::{Request, Response, StatusCode};
/// use mcp_layers_rate_limit::{AddressLimitLayer, Quota};
/// use std::{convert::Infallible, net::SocketAddr, num::NonZeroU32};
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let service = ServiceBuilder::new()
///     .layer(AddressLimitLayer::new(Quota::per_minute(NonZeroU32::MIN)))
///     .service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(())) });
///
/// let request = || {
///     let mut request = Request::new(());
///     request.extensions_mut().insert(SocketAddr::from(([192, 0, 2, 1], 4711)));
///     request
/// };
/// assert_eq!(service.clone().oneshot(request()).await.unwrap().status(), StatusCode::OK);
/// let refused = service.oneshot(request()).await.unwrap();
/// assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
/// assert_eq!(refused.headers()["retry-after"], "60");
/// # }
/// ```
#[derive(Clone)]
pub struct AddressLimitLayer<C = SystemClock> {
    store: Arc<MemoryStore<C>>,
    quota: Quota,
    trusted_hops: Option<NonZeroU8>,
    ipv6_prefix: u8,
    peer: Peer,
}

type Peer = Arc<dyn Fn(&Extensions) -> Option<IpAddr> + Send + Sync>;

impl AddressLimitLayer {
    /// So often for each address. Requests without one share a budget.
    #[must_use]
    pub fn new(quota: Quota) -> Self {
        Self {
            store: Arc::new(MemoryStore::new()),
            quota,
            trusted_hops: None,
            ipv6_prefix: DEFAULT_IPV6_PREFIX,
            peer: Arc::new(|extensions| {
                let socket = extensions.get().map(SocketAddr::ip);
                socket.or_else(|| extensions.get().copied())
            }),
        }
    }
}

impl<C: Clock> AddressLimitLayer<C> {
    /// How many proxies of one's own a request has passed, each of which adds the address that it
    /// saw to `X-Forwarded-For`; none by default. The client's address is then that many entries
    /// from the right: what stands further left, a client can have written itself. Where there are
    /// not as many, or the entry is no address, it is that of the socket's other end.
    #[must_use]
    pub fn trusted_hops(mut self, hops: NonZeroU8) -> Self {
        self.trusted_hops = Some(hops);
        self
    }

    /// How many bits of an IPv6 address tell clients apart; 64 by default, for a site has at least
    /// as many addresses.
    ///
    /// # Errors
    /// When it is more than 128.
    pub fn ipv6_prefix(mut self, bits: u8) -> Result<Self, ConfigError> {
        if bits > 128 {
            return Err(ConfigError::new("an IPv6 address has 128 bits"));
        }
        self.ipv6_prefix = bits;
        Ok(self)
    }

    /// Where the address of the socket's other end is found; by default among the request's
    /// extensions, as a [`SocketAddr`] or [`IpAddr`]. With axum:
    /// `|extensions| Some(extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip())`.
    #[must_use]
    pub fn peer(
        mut self,
        peer: impl Fn(&Extensions) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        self.peer = Arc::new(peer);
        self
    }

    /// How many addresses are remembered; 100,000 by default. Begins with full budgets. What is
    /// done when there are more, [`MemoryStore`] says.
    #[must_use]
    pub fn max_addresses(self, addresses: NonZeroUsize) -> Self {
        let clock = self.store.own_clock().clone();
        let store = MemoryStore::new().max_keys(addresses).clock(clock);
        Self {
            store: Arc::new(store),
            ..self
        }
    }

    /// Reads the time elsewhere. Begins with full budgets.
    #[must_use]
    pub fn clock<C2: Clock>(self, clock: C2) -> AddressLimitLayer<C2> {
        let keys = NonZeroUsize::new(self.store.bound()).unwrap_or(NonZeroUsize::MIN);
        AddressLimitLayer {
            store: Arc::new(MemoryStore::new().max_keys(keys).clock(clock)),
            quota: self.quota,
            trusted_hops: self.trusted_hops,
            ipv6_prefix: self.ipv6_prefix,
            peer: self.peer,
        }
    }

    fn address<B>(&self, request: &Request<B>) -> Option<IpAddr> {
        let forwarded = self
            .trusted_hops
            .and_then(|hops| forwarded_address(request.headers(), hops));
        forwarded.or_else(|| (self.peer)(request.extensions()))
    }

    /// How long the client is to wait, if it has to.
    fn wait(&self, address: Option<IpAddr>) -> Option<Duration> {
        let mut charges = Charges::new();
        charges.push("address", self.quota, NonZeroU32::MIN, |key| {
            write_address(key, address, self.ipv6_prefix);
        });
        match self.store.decide(&charges) {
            Verdict::Limited { retry_after, .. } => Some(retry_after),
            _ => None,
        }
    }
}

impl<S, C: Clock> Layer<S> for AddressLimitLayer<C> {
    type Service = AddressLimit<S, C>;

    fn layer(&self, inner: S) -> AddressLimit<S, C> {
        AddressLimit {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service of [`AddressLimitLayer`].
#[derive(Clone)]
pub struct AddressLimit<S, C = SystemClock> {
    inner: S,
    layer: AddressLimitLayer<C>,
}

impl<S, C, B, R> Service<Request<B>> for AddressLimit<S, C>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    C: Clock,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ReplyFuture<S::Future, Response<R>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let address = self.layer.address(&request);
        if let Some(wait) = self.layer.wait(address) {
            // What the instance has reserved is given back.
            self.inner = self.inner.clone();
            return ReplyFuture::ready(refusal(wait));
        }
        if let Some(address) = address {
            request.extensions_mut().insert(ClientAddress(address));
        }
        ReplyFuture::inner(self.inner.call(request))
    }
}

fn refusal<R: Default>(wait: Duration) -> Response<R> {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let mut response = Response::new(R::default());
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

impl<C> fmt::Debug for AddressLimitLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddressLimitLayer")
            .field("quota", &self.quota)
            .field("trusted_hops", &self.trusted_hops)
            .field("ipv6_prefix", &self.ipv6_prefix)
            .finish_non_exhaustive()
    }
}

impl<S: fmt::Debug, C> fmt::Debug for AddressLimit<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddressLimit")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
