//! All layers of a production server at once, in the recommended order.

use std::{
    future::ready,
    hint::black_box,
    num::NonZeroU32,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::FutureExt;
use mcp_layers_audit::{AuditLayer, Entry, Sink, Written};
use mcp_layers_authenticate::{CachedVerifier, Credential, Refusal, Verify};
use mcp_layers_authorize::{Access, AuthorizeLayer, Rules};
use mcp_layers_cache::{CacheLayer, Freshness};
use mcp_layers_circuit_breaker::CircuitBreakerLayer;
use mcp_layers_core::{Authentication, McpRequest, Principal};
use mcp_layers_retry::RetryLayer;
use mcp_layers_timeout::TimeoutLayer;
use mcp_layers_util::LocalPrincipalLayer;
use tower_layer::Layer;
use tower_service::Service;

/// A seen token, timing, audit, mask, the layers that catch, authorization, rate limit, cache, retry,
/// breaker and timeout. `$cached` names the tools that the cache may answer, `$who` says who calls in
/// the place of the token, `$audit` is another audit than one to nowhere. A macro, because nobody wants
/// to name its type.
macro_rules! whole {
    ($cached:expr) => {
        crate::support::whole!(crate::support::SeenToken::new(), $cached)
    };
    ($who:expr, $cached:expr) => {
        crate::support::whole!($who, crate::support::audit(), $cached)
    };
    ($who:expr, $audit:expr, $cached:expr) => {
        tower::ServiceBuilder::new()
            .layer($who)
            .layer(crate::support::timing())
            .layer($audit)
            .layer(mcp_layers_error_mask::ErrorMaskLayer::new())
            .layer(mcp_layers_util::CatchErrorLayer::new())
            .layer(mcp_layers_util::CatchPanicLayer::new())
            .layer(mcp_layers_util::CancelLayer::new())
            .layer(crate::support::authorize())
            .layer(crate::support::rate_limit())
            .layer(crate::support::cache($cached))
            .layer(crate::support::retry())
            .layer(crate::support::circuit_breaker())
            .layer(mcp_layers_util::short_lived(crate::support::timeout()))
    };
}
pub(crate) use whole;

/// Records that are made, and go nowhere.
pub(crate) fn audit() -> AuditLayer {
    struct Nowhere;

    impl Sink for Nowhere {
        fn write(&self, record: Entry) -> Written {
            black_box(record);
            Written::Taken
        }
    }

    AuditLayer::new(Nowhere).expect("a sink")
}

/// Who calls, by configuration.
pub(crate) fn local_principal() -> LocalPrincipalLayer {
    LocalPrincipalLayer::new(ada())
}

/// The caller of every bench.
pub(crate) fn ada() -> Principal {
    Principal::new("ada", Authentication::Bearer)
        .with_issuer("https://as.example")
        .with_scopes(["files", "tools"])
        .with_credential_digest(*b"the digest of a credential")
}

/// The tool needs a scope.
pub(crate) fn authorize() -> AuthorizeLayer {
    let rules = Rules::builder().tool("dig", Access::scopes(["tools"]));
    AuthorizeLayer::new(rules.build().expect("rules that fit together"))
}

/// May answer these tools.
pub(crate) fn cache(tools: &[&str]) -> CacheLayer {
    let freshness = || Freshness::new(Duration::from_secs(3600));
    let tools = tools.iter();
    tools.fold(CacheLayer::new(), |cache, tool| {
        cache.tool(tool, freshness()).expect("a tool name")
    })
}

/// May call the tool three times.
pub(crate) fn retry() -> RetryLayer {
    let attempts = const { NonZeroU32::new(3).unwrap() };
    let retry = RetryLayer::new(attempts).repeatable_tools(["dig"]);
    retry.expect("a name that is a pattern")
}

/// A circuit for the tool.
pub(crate) fn circuit_breaker() -> CircuitBreakerLayer {
    CircuitBreakerLayer::new()
}

/// Longer than any call takes.
pub(crate) fn timeout() -> TimeoutLayer {
    TimeoutLayer::new(Duration::from_secs(30))
}

/// A bearer token of 786 bytes.
pub(crate) const TOKEN: &str = match std::str::from_utf8(&[b'e'; 786]) {
    Ok(token) => token,
    Err(_) => unreachable!(),
};

/// Gives each request the principal of a bearer token that a cached verifier has seen before: what
/// the HTTP edge does, without the HTTP.
#[derive(Clone)]
pub(crate) struct SeenToken {
    verifier: CachedVerifier,
    credential: Credential,
}

impl SeenToken {
    pub(crate) fn new() -> Self {
        let know = |_: Credential| ready(Ok::<_, Refusal>(ada()));
        Self {
            verifier: CachedVerifier::new(know),
            credential: Credential::bearer(TOKEN).expect("a token"),
        }
    }
}

impl<S> Layer<S> for SeenToken {
    type Service = SeenTokenService<S>;

    fn layer(&self, inner: S) -> SeenTokenService<S> {
        SeenTokenService {
            token: self.clone(),
            inner,
        }
    }
}

#[derive(Clone)]
pub(crate) struct SeenTokenService<S> {
    token: SeenToken,
    inner: S,
}

impl<S, Req> Service<Req> for SeenTokenService<S>
where
    Req: McpRequest,
    S: Service<Req, Response = Req::Response>,
{
    type Response = Req::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Req) -> S::Future {
        let SeenToken {
            verifier,
            credential,
        } = &self.token;
        let seen = verifier.verify(credential).now_or_never();
        let seen = seen.and_then(Result::ok).expect("it is known at once");
        request.context_mut().set_principal(seen.into_principal());
        self.inner.call(request)
    }
}
