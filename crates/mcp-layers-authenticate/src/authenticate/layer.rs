//! The layer.

use std::sync::Arc;

use http::HeaderName;
use mcp_layers_core::ConfigError;
use tower_layer::Layer;

use super::{Authenticate, AuthenticateHandle, RefusalReason, origin::Origins, settings::Settings};
use crate::{Refusal, ResourceMetadata, Verify, positive::positive};

/// Authenticates every HTTP request, before the MCP transport sees it.
///
/// See the [crate's documentation](crate) for an example.
///
/// # Rules
///
/// 1. A request has one credential: `Authorization: Bearer`, or the header set by
///    [`AuthenticateLayer::api_key_header`]. Several are refused with 400, and so is an `access_token`
///    in the query (MCP, "Authorization"; RFC 6750, section 3.1).
/// 2. A missing or invalid credential is refused with 401, one that lacks a scope with 403, and one
///    that cannot be verified now with 503 and `Retry-After`. 400, 401, and 403 for a scope carry a
///    `WWW-Authenticate: Bearer` challenge with `resource_metadata` and `scope`, if they are set.
/// 3. The metadata of the resource ([`AuthenticateLayer::metadata`]) is served to everyone, by `GET`
///    and `HEAD`, and to web pages of any origin (`OPTIONS`).
/// 4. A request from a web page (with `Origin`) is refused with 403 unless the page's origin is the
///    resource's own or [allowed](AuthenticateLayer::allow_origins): DNS rebinding (MCP,
///    "Transports"). For web pages of other origins, add a CORS layer outside of this one. It
///    answers preflights, which have no credential.
/// 5. A body that is too large is refused with 413: at once when its length is known, else as soon
///    as it exceeds the limit.
/// 6. The header with the credential is removed from the request: MCP forbids passing tokens on.
///    The `Arc<Principal>` is in the request's extensions. An earlier one is replaced.
/// 7. Each request is authenticated on its own. A response that is being streamed is not cut when
///    the credential expires.
/// 8. The body of a refusal is a JSON-RPC error with the id of the request, or `null` where the body
///    is longer than 64 KiB or is not one request. Before a refusal, the request's body is read up
///    to its limit, because some clients read no response before they have sent everything.
/// 9. For audit and metrics, a refusal has a [`Trail`](mcp_layers_core::Trail) in the extensions of
///    its response. It is also a `tracing` event at debug level.
#[derive(Debug, Clone)]
pub struct AuthenticateLayer {
    settings: Arc<Settings>,
}

impl AuthenticateLayer {
    /// Authenticates with this verifier.
    pub fn new(verifier: impl Verify) -> Self {
        Self {
            settings: Arc::new(Settings::new(verifier)),
        }
    }

    fn set(mut self, set: impl FnOnce(&mut Settings)) -> Self {
        set(Arc::make_mut(&mut self.settings));
        self
    }

    /// Serves the metadata of the resource, and names it in every challenge.
    #[must_use]
    pub fn metadata(self, metadata: ResourceMetadata) -> Self {
        self.set(|settings| {
            let challenge = settings.challenge.clone();
            settings.challenge = metadata.add_to(challenge);
            settings.metadata = Some(metadata);
        })
    }

    /// Sets the scopes that a challenge asks for, unless the verifier names others (RFC 6750, section
    /// 3).
    ///
    /// # Errors
    ///
    /// A scope is not valid (RFC 6749, section 3.3).
    pub fn challenge_scopes<T: AsRef<str>>(
        self,
        scopes: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        let challenge = self.settings.challenge.clone().with_scopes(scopes)?;
        Ok(self.set(|settings| settings.challenge = challenge))
    }

    /// Accepts an API key in this header too, `x-api-key` for example. None by default.
    #[must_use]
    pub fn api_key_header(self, name: HeaderName) -> Self {
        self.set(|settings| settings.api_key_header = Some(name))
    }

    /// Allows web pages of these origins to send requests: `https://app.example`,
    /// `http://localhost:6274`.
    ///
    /// # Errors
    ///
    /// An origin is not a scheme, a host and an optional port. There are no patterns: `*` is an
    /// error.
    pub fn allow_origins<T: AsRef<str>>(
        self,
        origins: impl IntoIterator<Item = T>,
    ) -> Result<Self, ConfigError> {
        let origins = Origins::these(origins)?;
        Ok(self.set(|settings| settings.origins = origins))
    }

    /// Allows **any** web page to send requests. They still need a credential.
    #[must_use]
    pub fn allow_any_origin(self) -> Self {
        self.set(|settings| settings.origins = Origins::Any)
    }

    /// Sets the maximum size of a request's body in bytes; 4 MiB by default.
    ///
    /// # Errors
    ///
    /// The size is 0.
    pub fn max_body(self, bytes: usize) -> Result<Self, ConfigError> {
        let bytes = positive(bytes, "max_body")?;
        Ok(self.set(|settings| settings.max_body = bytes))
    }

    /// Sets the maximum length of a credential in bytes; 16 KiB by default. A longer one is refused
    /// without being read.
    ///
    /// # Errors
    ///
    /// The length is 0.
    pub fn max_credential(self, bytes: usize) -> Result<Self, ConfigError> {
        let bytes = positive(bytes, "max_credential")?;
        Ok(self.set(|settings| settings.max_credential = bytes))
    }

    /// Keeps the header with the credential in the request, for a server that needs it. The server
    /// must not pass it on.
    #[must_use]
    pub fn keep_credential(self) -> Self {
        self.set(|settings| settings.keep_credential = true)
    }

    /// Calls a function for every refusal, with the verifier's refusal and its cause if the verifier
    /// decided: for logs and metrics.
    #[must_use]
    pub fn on_refusal(
        self,
        on_refusal: impl Fn(RefusalReason, Option<&Refusal>) + Send + Sync + 'static,
    ) -> Self {
        self.set(|settings| settings.on_refusal = Some(Arc::new(on_refusal)))
    }

    /// The handle of this layer, of its clones and of all their services.
    #[must_use]
    pub fn handle(&self) -> AuthenticateHandle {
        self.settings.handle.clone()
    }
}

impl<S> Layer<S> for AuthenticateLayer {
    type Service = Authenticate<S>;

    fn layer(&self, inner: S) -> Authenticate<S> {
        Authenticate::with_settings(inner, Arc::clone(&self.settings))
    }
}
