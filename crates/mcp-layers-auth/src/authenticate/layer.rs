//! The settings.

use std::{fmt, num::NonZeroUsize, sync::Arc};

use http::{HeaderName, Uri};
use mcp_layers_core::ConfigError;
use tower_layer::Layer;

use super::{Authenticate, answer::Answers};
use crate::{Challenge, Refusal, ResourceMetadata, Verify, metadata::origin_of};

/// Authenticates every HTTP request, before the transport of MCP sees it.
///
/// See the [crate's documentation](crate) for an example.
///
/// # Rules
///
/// 1. A request has one credential: `Authorization: Bearer`, or the header that
///    [`AuthenticateLayer::api_key_header`] names. Several are refused with 400, and so is an
///    `access_token` in the query (MCP, "Authorization": tokens are never in the URI; RFC 6750,
///    section 3.1).
/// 2. No credential, or one that is invalid: 401. One that lacks a scope: 403. One about which
///    nothing can be said now: 503 with `Retry-After`. 401 and 403 carry a `WWW-Authenticate: Bearer`
///    challenge with `resource_metadata` and `scope`, as far as they are set. Texts are constant.
/// 3. The metadata of the resource ([`AuthenticateLayer::metadata`]) is served to anyone who asks
///    with `GET`.
/// 4. A request from a web page (with `Origin`) is refused with 403 unless the page's origin is the
///    resource's own or [allowed](AuthenticateLayer::allow_origins): DNS rebinding (MCP,
///    "Transports"). For pages of other origins put a CORS layer outside: it answers preflights,
///    which have no credential.
/// 5. A body that is too large is refused with 413: at once when its length is known, else as soon
///    as it is longer.
/// 6. The header with the credential is taken out of the request: MCP forbids passing tokens on.
///    The `Arc<Principal>` is in the request's extensions; one that was there before is not.
/// 7. Each request is authenticated by itself. An answer that streams on is not cut when the
///    credential expires.
///
/// Everything that the layer makes shares one state.
pub struct AuthenticateLayer<V> {
    edge: Arc<Edge<V>>,
}

pub(crate) struct Edge<V> {
    pub(super) verifier: Arc<V>,
    pub(super) api_key_header: Option<HeaderName>,
    pub(super) origins: Origins,
    pub(super) max_body: u64,
    pub(super) max_credential: usize,
    pub(super) keep_credential: bool,
    pub(super) metadata: Option<ResourceMetadata>,
    pub(super) challenge: Challenge,
    pub(super) answers: Answers,
    pub(super) on_refusal: Option<OnRefusal>,
}

type OnRefusal = Arc<dyn Fn(&Refusal) + Send + Sync>;

/// Whose web pages may send requests.
#[derive(Debug, Clone)]
pub(super) enum Origins {
    Any,
    These(Vec<Box<str>>),
}

impl<V: Verify> AuthenticateLayer<V> {
    /// The default of [`AuthenticateLayer::max_body`]: 4 MiB.
    pub const DEFAULT_MAX_BODY: u64 = 4 * 1024 * 1024;
    /// The default of [`AuthenticateLayer::max_credential`]: 16 KiB.
    pub const DEFAULT_MAX_CREDENTIAL: NonZeroUsize =
        NonZeroUsize::MIN.saturating_add(16 * 1024 - 1);

    /// Authenticates by this verifier.
    pub fn new(verifier: V) -> Self {
        let challenge = Challenge::new();
        let edge = Edge {
            verifier: Arc::new(verifier),
            api_key_header: None,
            origins: Origins::These(Vec::new()),
            max_body: Self::DEFAULT_MAX_BODY,
            max_credential: Self::DEFAULT_MAX_CREDENTIAL.get(),
            keep_credential: false,
            metadata: None,
            answers: Answers::new(&challenge, None),
            challenge,
            on_refusal: None,
        };
        Self {
            edge: Arc::new(edge),
        }
    }
}

impl<V: Verify> AuthenticateLayer<V> {
    fn set(mut self, set: impl FnOnce(&mut Edge<V>)) -> Self {
        let edge = Arc::make_mut(&mut self.edge);
        set(edge);
        edge.answers = Answers::new(&edge.challenge, edge.metadata.as_ref());
        self
    }

    /// Serves the metadata of the resource at its well-known path, and names it in challenges
    /// (RFC 9728). Pages of the resource's own origin are allowed.
    #[must_use]
    pub fn metadata(self, metadata: ResourceMetadata) -> Self {
        self.set(|edge| {
            let challenge = edge
                .challenge
                .clone()
                .with_resource_metadata(metadata.url());
            // The URL was checked when the metadata was made.
            edge.challenge = challenge.unwrap_or_default();
            edge.metadata = Some(metadata);
        })
    }

    /// The scopes that a challenge asks for when it does not know better (RFC 6750, section 3).
    ///
    /// # Errors
    ///
    /// A scope is none (RFC 6749, section 3.3).
    pub fn challenge_scopes<T: AsRef<str>>(
        self,
        scopes: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        let challenge = self.edge.challenge.clone().with_scopes(scopes)?;
        Ok(self.set(|edge| edge.challenge = challenge))
    }

    /// Takes an API key from this header too, `x-api-key` for example. None by default.
    #[must_use]
    pub fn api_key_header(self, name: HeaderName) -> Self {
        self.set(|edge| edge.api_key_header = Some(name))
    }

    /// Lets web pages of these origins send requests: `https://app.example`, `http://localhost:6274`.
    ///
    /// # Errors
    ///
    /// An origin is not a scheme, a host and perhaps a port.
    pub fn allow_origins<T: AsRef<str>>(
        self,
        origins: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        let mut allowed = Vec::new();
        for origin in origins {
            let origin = origin.as_ref();
            let uri = origin.parse::<Uri>().unwrap_or_default();
            if origin_of(&uri) != origin {
                return Err(ConfigError::new(format!(
                    "{origin:?} is no origin: a scheme, a host in lower case, and perhaps a port"
                )));
            }
            allowed.push(origin.into());
        }
        Ok(self.set(|edge| edge.origins = Origins::These(allowed)))
    }

    /// Lets **any** web page send requests. It still needs a credential.
    #[must_use]
    pub fn allow_any_origin(self) -> Self {
        self.set(|edge| edge.origins = Origins::Any)
    }

    /// The largest body of a request, in bytes; 4 MiB by default.
    #[must_use]
    pub fn max_body(self, bytes: u64) -> Self {
        self.set(|edge| edge.max_body = bytes)
    }

    /// The longest credential, in bytes; 16 KiB by default. A longer one is refused unread.
    #[must_use]
    pub fn max_credential(self, bytes: NonZeroUsize) -> Self {
        self.set(|edge| edge.max_credential = bytes.get())
    }

    /// Leaves the header with the credential in the request, for a server that needs it. It must
    /// not pass it on.
    #[must_use]
    pub fn keep_credential(self) -> Self {
        self.set(|edge| edge.keep_credential = true)
    }

    /// Is told every refusal of the verifier, with its cause: for logs and metrics.
    #[must_use]
    pub fn on_refusal(self, tell: impl Fn(&Refusal) + Send + Sync + 'static) -> Self {
        self.set(|edge| edge.on_refusal = Some(Arc::new(tell)))
    }
}

impl<V: Verify, S> Layer<S> for AuthenticateLayer<V> {
    type Service = Authenticate<S, V>;

    fn layer(&self, inner: S) -> Authenticate<S, V> {
        Authenticate::new(inner, Arc::clone(&self.edge))
    }
}

impl<V> Clone for AuthenticateLayer<V> {
    fn clone(&self) -> Self {
        Self {
            edge: Arc::clone(&self.edge),
        }
    }
}

impl<V> Clone for Edge<V> {
    fn clone(&self) -> Self {
        Self {
            verifier: Arc::clone(&self.verifier),
            api_key_header: self.api_key_header.clone(),
            origins: self.origins.clone(),
            max_body: self.max_body,
            max_credential: self.max_credential,
            keep_credential: self.keep_credential,
            metadata: self.metadata.clone(),
            challenge: self.challenge.clone(),
            answers: self.answers.clone(),
            on_refusal: self.on_refusal.clone(),
        }
    }
}

impl<V> fmt::Debug for AuthenticateLayer<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticateLayer")
            .field("api_key_header", &self.edge.api_key_header)
            .field("origins", &self.edge.origins)
            .field("max_body", &self.edge.max_body)
            .field("max_credential", &self.edge.max_credential)
            .field("keep_credential", &self.edge.keep_credential)
            .field("challenge", &self.edge.challenge)
            .finish_non_exhaustive()
    }
}
