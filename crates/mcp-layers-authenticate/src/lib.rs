//! Authentication for MCP servers over HTTP: a tower layer that verifies OAuth bearer tokens (JWTs,
//! opaque tokens) and API keys.
//!
//! [`AuthenticateLayer`] wraps the MCP transport, or any other service of `http::Request`: rmcp's
//! `StreamableHttpService`, an axum router, hyper. It verifies the credential of each request and adds
//! its [`Principal`] to the request's extensions, or refuses the request as HTTP and the MCP
//! specification require. The server is an OAuth resource server, as in MCP's authorization
//! specification. This crate issues no tokens and has no login.
//!
//! | credential | verifier |
//! |---|---|
//! | JSON web tokens | `JwtVerifier` (feature `jwt`), with a `KeySet` or a `RemoteKeySet` (`remote`) |
//! | opaque tokens | `Introspection` (feature `remote`) |
//! | API keys | [`ApiKeys`] |
//! | anything else | a closure, or your own [`Verify`] |
//!
//! | to | wrap verifiers in |
//! |---|---|
//! | try several in order | [`FirstOf`] |
//! | cache results | [`CachedVerifier`] |
//! | replace keys while the server runs | [`Replaceable`] |
//! | revoke tokens | [`Revocable`] |
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::{Empty, Full};
//! use mcp_layers_authenticate::{ApiKeys, AuthenticateLayer, RequestBody, ResourceMetadata};
//! use mcp_layers_core::{Authentication, ConfigError, Principal};
//! use std::{convert::Infallible, sync::Arc};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), ConfigError> {
//! let ada = Principal::new("ada", Authentication::ApiKey).with_scopes(["tools"]);
//! let metadata = ResourceMetadata::new("https://mcp.example/mcp")?
//!     .authorization_server("https://as.example")?;
//! let service = ServiceBuilder::new()
//!     .layer(AuthenticateLayer::new(ApiKeys::new().with_key("key-a", ada)?).metadata(metadata))
//!     .service_fn(|request: Request<RequestBody>| async move {
//!         let principal = request.extensions().get::<Arc<Principal>>().unwrap();
//!         assert!(!request.headers().contains_key("authorization"));
//!         let name = Bytes::copy_from_slice(principal.subject().as_bytes());
//!         Ok::<_, Infallible>(Response::new(Full::new(name)))
//!     });
//!
//! let request = Request::post("https://mcp.example/mcp");
//! let request = request.header("authorization", "Bearer key-a").body(Empty::new()).unwrap();
//! assert_eq!(service.clone().oneshot(request).await.unwrap().status(), 200);
//!
//! let request = Request::post("https://mcp.example/mcp").body(Empty::new()).unwrap();
//! let refused = service.oneshot(request).await.unwrap();
//! assert_eq!(refused.status(), 401);
//! assert_eq!(
//!     refused.headers()["www-authenticate"],
//!     "Bearer resource_metadata=\
//!      \"https://mcp.example/.well-known/oauth-protected-resource/mcp\"",
//! );
//! # Ok(())
//! # }
//! ```
//!
//! # Rules
//!
//! Each type documents its rules. Together:
//!
//! 1. Nothing is accepted by default. Without a credential there is no principal. A verifier that
//!    cannot decide is unavailable (503): the credential is neither accepted nor called invalid.
//! 2. The text of a refusal is constant for each reason. Its cause is for logs
//!    ([`AuthenticateLayer::on_refusal`]). Credentials are in no error, log line or `Debug` output.
//! 3. A token must be issued for this server: its audience is a parameter of the constructor.
//! 4. The layer removes the credential from the request and passes on the principal.
//! 5. Refusals are HTTP responses (400, 401, 403, 413, 503) whose body is a JSON-RPC error, so that MCP
//!    clients show its message. None of them counts as a failure of the server.
//!
//! # Ordering
//!
//! First of all: around the transport, outside of everything that reads the body. CORS layers that
//! answer preflights, health checks and access logs go outside of it. In axum, use `Router::layer`,
//! which also wraps the fallback: so the metadata is served although no route has its path.
//!
//! # Cost
//!
//! A cached credential costs a SHA-256 digest, a lookup and a few allocations; a new JWT costs the
//! verification of its signature. `jwt-aws-lc` takes a fraction of the time of pure Rust.
//!
//! [`Principal`]: mcp_layers_core::Principal
#![cfg_attr(docsrs, feature(doc_cfg))]

mod authenticate;
mod metadata;
mod positive;
mod verify;

pub use authenticate::{
    Authenticate, AuthenticateHandle, AuthenticateLayer, AuthenticateStats, RefusalReason,
    RequestBody, ResponseBody, ResponseFuture,
};
pub use metadata::ResourceMetadata;
#[cfg(feature = "remote")]
#[cfg_attr(docsrs, doc(cfg(feature = "remote")))]
pub use verify::Introspection;
#[cfg(all(feature = "remote", feature = "__jwt"))]
#[cfg_attr(docsrs, doc(cfg(all(feature = "jwt", feature = "remote"))))]
pub use verify::RemoteKeySet;
pub use verify::{
    ApiKeys, CachedVerifier, Credential, FirstOf, Presented, Refusal, RefusalKind, Replaceable,
    ReplaceableHandle, Revocable, Verified, Verify, VerifyFuture,
};
#[cfg(feature = "__jwt")]
#[cfg_attr(docsrs, doc(cfg(feature = "jwt")))]
pub use verify::{JwtVerifier, KeySet, Keys};

#[cfg(all(doctest, feature = "__jwt", feature = "remote"))]
#[doc = include_str!("../README.md")]
struct Readme;
